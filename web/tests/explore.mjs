// The main path through Explore in a real browser: node tests/explore.mjs BASE. Exits with 1 and says what is wrong.
// Run by tests/web/test_explore.py over the real server with a data set of 24 pictures, "shapes".
import assert from "node:assert/strict";
import { accessible, browser, step } from "./browser.mjs";

const base = process.argv[2];
const { context, page, wrong, close } = await browser({ refusals: true });

const count = () => page.locator("p.count").innerText();
const counts = (text) => page.waitForFunction((wanted) => document.querySelector("p.count:not(.waiting)")?.textContent?.replace(/\s+/g, "").startsWith(wanted), text.replaceAll(" ", ""));
const tiles = () => page.locator("[data-grid] [role=option]");
try {
  await step("home lists the data set and opens it", async () => {
    await page.goto(`${base}/`);
    await page.getByRole("link", { name: /shapes/ }).click();
    await counts("24");
    await tiles().first().waitFor();
  });
  await step("tiles have a name with path and labels, and a place in the list", async () => {
    await page.waitForFunction(() => /square|disc/.test(document.querySelector("[data-grid] [role=option]")?.getAttribute("aria-label") ?? ""));
    assert.equal(await tiles().first().getAttribute("aria-setsize"), "24");
    assert.ok((await page.locator("*").count()) < 900);
  });
  await step("a class narrows the view, and Back undoes it", async () => {
    await page.getByRole("button", { name: /^disc/ }).click();
    await counts("12 of 24");
    assert.match(page.url(), /f=ground_truth\.label/);
    await page.goBack();
    await counts("24");
  });
  await step("a query by keyboard narrows it too", async () => {
    await page.keyboard.press("/");
    await page.keyboard.type("width > 120");
    await page.keyboard.press("Enter");
    await counts("8 of 24");
  });
  await step("half a query is called a fault when the writing rests, and no request fails for it; a slip gets a hint", async () => {
    const bar = page.getByRole("combobox", { name: "Query" });
    const said = async (text) => {
      const answer = page.waitForResponse(/\/check$/);
      await bar.fill(text);
      assert.equal((await answer).status(), 200);
    };
    await said("width > 120 and widht");
    await page.getByRole("alert").filter({ hasText: "widht" }).waitFor();
    assert.equal(await page.locator(".field u").innerText(), "widht");
    await said("ground_truth.any(label == 'dics')");
    await page.locator(".drop .words", { hasText: "disc" }).waitFor();
  });
  await step("a fault is shown at its token and is taken away", async () => {
    const bar = page.getByRole("combobox", { name: "Query" });
    await bar.fill("widht > 120");
    await bar.press("Enter");
    await page.locator(".field u").waitFor();
    assert.equal(await page.locator(".field u").innerText(), "widht");
    await bar.press("Escape");
    await page.getByRole("button", { name: "Clear the query" }).click();
    await counts("24");
  });
  await step("arrows move through the grid, the inspector follows, x selects", async () => {
    await page.locator("[data-grid]").focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await page.getByRole("heading", { name: /\.png$/ }).waitFor();
    await page.keyboard.press("x");
    await page.getByText("1 sample selected").waitFor();
  });
  await step("the whole view is selected as a query, tagged, and the tag is undone", async () => {
    await page.keyboard.press("Control+a");
    await page.getByText("24 samples selected").waitFor();
    await page.keyboard.press("t");
    const tag = page.getByRole("textbox", { name: "New tag" });
    await tag.fill("seen");
    assert.ok((await tag.boundingBox()).y < 860, "the list of tags is out of sight");
    await page.keyboard.press("Enter");
    await page.locator("footer", { hasText: "Tagged 24" }).waitFor();
    await page.locator("footer").getByRole("button", { name: "Undo" }).click();
    await page.locator("footer", { hasText: "Took back" }).waitFor();
    await page.keyboard.press("Escape");
  });
  await step("a lost connection is told, and what failed meanwhile comes by itself when it is back", async () => {
    await page.locator("[data-grid]").focus();
    await page.keyboard.press("x");
    await page.getByText("1 sample selected").waitFor();
    await context.setOffline(true);
    await page.locator("footer", { hasText: "No connection" }).waitFor();
    await page.keyboard.press("t");
    await page.getByRole("textbox", { name: "New tag" }).fill("meanwhile");
    await page.keyboard.press("Enter");
    await page.locator("footer", { hasText: "1 edit is written" }).waitFor();
    const bar = page.getByRole("combobox", { name: "Query" });
    await bar.fill("width > 120");
    await bar.press("Enter");
    await page.getByRole("alert").filter({ hasText: "No answer from the server" }).waitFor();
    await context.setOffline(false);
    await counts("8 of 24");
    await tiles().first().waitFor();
    await page.locator("footer", { hasText: "Tagged 1" }).waitFor();
    await page.getByRole("complementary", { name: "Filters" }).getByText("meanwhile").waitFor();
    await page.locator("footer", { hasText: "No connection" }).waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Clear the query" }).click();
    await counts("24");
    const lost = wrong.filter((text) => /net::ERR_INTERNET_DISCONNECTED/.test(text));
    for (const text of lost) wrong.splice(wrong.indexOf(text), 1);
  });
  await step("what others write is told, and shown when the reader wants it", async () => {
    const tags = page.getByRole("complementary", { name: "Filters" }).getByText("elsewhere");
    const selection = { view: {}, all: false, include: [3] };
    const body = JSON.stringify({ selection, tags: ["elsewhere"] });
    const done = await fetch(`${base}/api/d/shapes/tag`, { method: "POST", body, headers: { "content-type": "application/json" } });
    assert.equal(done.status, 200, await done.text());
    await page.getByRole("status").filter({ hasText: "Changed since you opened it: values or tags" }).waitFor();
    assert.equal(await tags.count(), 0);
    await page.getByRole("button", { name: "Show the newest" }).click();
    await tags.waitFor();
    await page.getByRole("status").filter({ hasText: "Changed since" }).waitFor({ state: "detached" });
  });
  await step("an edit keeps the place in the grid, and the keyboard its tile", async () => {
    await page.goto(`${base}/d/shapes?size=400`);
    await counts("24");
    await page.locator("[data-grid]").focus();
    await page.keyboard.press("End");
    await page.keyboard.press("x");
    await page.getByText("1 sample selected").waitFor();
    const top = () => page.locator("[data-grid]").evaluate((grid) => grid.scrollTop);
    const before = await top();
    assert.ok(before > 1000);
    await page.keyboard.press("t");
    await page.getByRole("textbox", { name: "New tag" }).fill("last");
    await page.keyboard.press("Enter");
    await page.getByRole("complementary", { name: "Filters" }).getByText("last", { exact: true }).waitFor();
    await page.locator(".scroller:not(.dimmed)").waitFor();
    assert.equal(await top(), before);
    await page.locator("[data-grid]").focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/s\/23/);
    await page.keyboard.press("Escape");
  });
  await step("the palette finds a command, ? shows the keys", async () => {
    await page.keyboard.press("Control+k");
    await page.keyboard.type("show the keys");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Keys", exact: true }).waitFor();
    await page.keyboard.press("Escape");
  });
  await step("no accessibility faults", async () => {
    for (const address of ["/", "/d/shapes", "/d/shapes?view=plots", "/d/shapes?q=width+%3E+9999"]) {
      await page.goto(base + address);
      await page.locator("[data-grid] [role=option], .home a, .plots figure, .notice").first().waitFor();
      await page.locator(".waiting").first().waitFor({ state: "detached" });
      await accessible(page, address);
    }
  });
  await step("the console stayed quiet", async () => assert.deepEqual(wrong, []));
} catch (error) {
  console.error(error.message, "\ncounts:", await count().catch(() => "none"), "\nat:", page.url(), "\nconsole:", wrong.join("\n"));
  process.exitCode = 1;
} finally {
  await close();
}
