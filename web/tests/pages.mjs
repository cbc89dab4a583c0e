// The main path through every page but Explore, and the keyboard alone: node tests/pages.mjs BASE. Exits with 1 and says what is wrong.
// Run by tests/web/test_pages.py over the data set "shapes": truth, a guess of it, an embedding, nothing measured yet.
import assert from "node:assert/strict";
import { accessible, browser, step } from "./browser.mjs";

const base = process.argv[2];
const { page, wrong, close } = await browser();
const main = page.locator("main");
const tiles = () => page.locator("[data-grid] [role=option]");
const counts = (text) => page.waitForFunction((wanted) => document.querySelector("p.count:not(.waiting)")?.textContent?.replace(/\s+/g, "").startsWith(wanted), text.replaceAll(" ", ""));
const rail = (label) => page.locator("nav[aria-label=Pages] a", { hasText: label }).click();
const few = async (most = 600) => assert.ok((await page.locator("body *").count()) < most, `${await page.locator("body *").count()} elements`);

const picture = (name) => page.getByRole("region", { name: "Picture" }).getByRole("heading", { name }).waitFor();
const left = () => page.waitForURL((url) => !/\/s\//.test(url.pathname));

try {
  await step("keys that are pressed before the viewer's code is there are not lost", async () => {
    await page.route(/assets\/Sample-.*\.js$/, (route) => setTimeout(() => void route.continue(), 700));
    await page.goto(`${base}/d/shapes`);
    await tiles().first().dblclick();
    await page.waitForURL(/\/s\//);
    await page.keyboard.press("Escape");
    await left();
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/s\//);
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await picture("02.png");
    assert.equal(await page.locator("p.count").evaluate((one) => one.closest("[inert]") !== null), true);
    await page.keyboard.press("ArrowLeft");
    await picture("01.png");
    await page.keyboard.press("Escape");
    await left();
    await page.locator("[data-grid]:focus").waitFor();
    await page.getByRole("complementary", { name: "Inspector" }).getByText("2 / 24").waitFor();
    await page.unroute(/assets\/Sample-.*\.js$/);
  });
  await step("what is next to the focused sample is told for each view", async () => {
    const told = page.getByRole("complementary", { name: "Inspector" }).locator(".place");
    await page.getByRole("button", { name: /^disc/ }).click();
    await told.getByText("1 / 12", { exact: true }).waitFor();
    await page.keyboard.press("k"); // nothing before it
    await page.keyboard.press("j");
    await told.getByText("2 / 12", { exact: true }).waitFor();
    await page.goto(`${base}/d/shapes?at=20`);
    await told.getByText("21 / 24", { exact: true }).waitFor(); // ids begin with 0
    await page.keyboard.press("j");
    await told.getByText("22 / 24", { exact: true }).waitFor();
  });
  await step("a sample opens from the grid, the next follows, and Escape goes back to its tile", async () => {
    await page.goto(`${base}/d/shapes`);
    await counts("24");
    await few();
    await tiles().first().dblclick();
    await page.waitForURL(/\/s\//);
    await page.getByRole("region", { name: "Picture" }).getByRole("heading", { name: "00.png" }).waitFor();
    await page.getByRole("complementary", { name: "What is known of it" }).getByText("square", { exact: true }).first().waitFor();
    await page.keyboard.press("j");
    await page.getByRole("region", { name: "Picture" }).getByRole("heading", { name: "01.png" }).waitFor();
    await page.getByRole("complementary", { name: "What is known of it" }).getByText("disc", { exact: true }).first().waitFor();
    await accessible(page, "a sample");
    await page.getByRole("button", { name: "JSON" }).click();
    await page.getByRole("heading", { name: "JSON" }).waitFor();
    await accessible(page, "a sample as JSON");
    await few(900); // the grid stays behind it
    await page.keyboard.press("Escape");
    await page.waitForURL((url) => !/\/s\//.test(url.pathname));
    await counts("24");
  });
  await step("a view is kept under a name and comes back", async () => {
    await page.keyboard.press("/");
    await page.keyboard.type("width > 120");
    await page.keyboard.press("Enter");
    await counts("8 of 24");
    await page.getByRole("button", { name: /^disc/ }).click();
    await counts("4 of 24");
    await page.getByRole("button", { name: "Saved views" }).click();
    await page.getByRole("textbox", { name: "Save this view as" }).fill("wide ones");
    await page.keyboard.press("Enter");
    await page.locator("footer", { hasText: "Saved the view wide ones" }).waitFor();
    await page.keyboard.press("Shift+Escape");
    await counts("24");
    await page.getByRole("button", { name: "Saved views" }).click();
    await page.getByRole("button", { name: "wide ones", exact: true }).click();
    await counts("4 of 24");
    await page.getByRole("group", { name: "Filters in use" }).getByText("disc").waitFor();
    await page.goBack();
    await counts("24");
  });
  await step("an evaluation is started where there is none, and shows its numbers", async () => {
    await rail("Compare");
    await main.getByText("Nothing has been measured yet").waitFor();
    await accessible(page, "compare, empty");
    await main.getByRole("button", { name: "Evaluate" }).first().click();
    const form = page.getByRole("dialog");
    await form.getByRole("combobox", { name: "Truth" }).selectOption("ground_truth");
    await form.getByRole("combobox", { name: "Predictions" }).selectOption("guess");
    await accessible(page, "the form of an evaluation");
    await form.getByRole("button", { name: "Evaluate" }).click();
    await main.getByRole("region", { name: "Numbers" }).getByText("AP50").waitFor();
    await main.getByText("Taken for").first().waitFor();
    await accessible(page, "compare");
    await few();
  });
  await step("a number of the evaluation opens its samples, with outcomes", async () => {
    await main.getByRole("button", { name: /missed/ }).first().click();
    const behind = main.getByRole("region", { name: /Behind Missed/ });
    await behind.getByText("6 samples").waitFor();
    await behind.getByRole("button", { name: "Open in the grid" }).click();
    await page.waitForURL((url) => url.pathname === "/d/shapes" && url.searchParams.has("q"));
    await counts("6 of 24");
    await page.goBack();
  });
  await step("a lasso on the map chooses points, which open in Explore", async () => {
    await rail("Map");
    await main.getByText("24 points").first().waitFor();
    await accessible(page, "the map");
    await few();
    const plane = await main.locator(".plane").boundingBox();
    await page.keyboard.press("r");
    await page.mouse.move(plane.x + 2, plane.y + 2);
    await page.mouse.down();
    await page.mouse.move(plane.x + plane.width / 2, plane.y + plane.height - 4, { steps: 4 });
    await page.mouse.move(plane.x + plane.width - 4, plane.y + plane.height - 4, { steps: 4 });
    await page.mouse.up();
    await main.getByText(/24 (points|samples) (chosen|selected)|24 selected/).first().waitFor({ state: "attached" });
    await page.keyboard.press("Enter");
    await counts("24");
  });
  await step("the log shows what was done; two states are compared, and one gets a name", async () => {
    await rail("Versions");
    const log = page.getByRole("navigation", { name: "Log" });
    await log.getByText(/evaluate/).first().waitFor();
    await log.getByRole("button", { name: /create shapes/ }).first().click();
    await page.getByRole("region", { name: "Difference" }).getByText(/\+24/).first().waitFor();
    await accessible(page, "versions");
    await few();
    await log.getByRole("button", { name: /What to do with version/ }).first().click();
    await page.getByRole("button", { name: "Name it …" }).click();
    await page.getByRole("dialog").getByRole("textbox", { name: "Name" }).fill("measured");
    await page.keyboard.press("Enter");
    await log.getByText("name version measured").waitFor();
  });
  await step("runs tell what was done with what", async () => {
    await rail("Runs");
    await main.getByRole("button", { name: /evaluate/ }).click();
    await main.getByText("ground_truth").first().waitFor();
    await accessible(page, "runs");
    await few();
    await main.getByRole("link", { name: "of all data sets" }).click();
    await page.waitForURL((url) => url.pathname === "/runs");
    await main.getByRole("columnheader", { name: "Data set" }).waitFor();
    await accessible(page, "runs of all data sets");
    await page.goBack();
    await main.getByRole("link", { name: "ev1" }).click();
    await main.getByRole("region", { name: "Numbers" }).waitFor();
  });
  await step("the keyboard alone goes everywhere, and focus is always seen", async () => {
    await page.goto(`${base}/`);
    await page.getByRole("link", { name: /shapes/ }).waitFor();
    for (let i = 0; i < 12 && !(await page.evaluate(() => document.activeElement?.textContent?.includes("shapes") && document.activeElement.tagName === "A")); i++) await page.keyboard.press("Tab");
    const ring = () => page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== "none");
    assert.ok(await ring(), "the link has no ring");
    await page.keyboard.press("Enter");
    await counts("24");
    for (const [letter, path] of [["c", "compare"], ["m", "map"], ["v", "versions"], ["r", "runs"], ["e", ""]]) {
      await page.keyboard.press("g");
      await page.keyboard.press(letter);
      await page.waitForURL((url) => url.pathname.replace(/\/$/, "").startsWith(`/d/shapes${path && `/${path}`}`));
    }
    await tiles().first().waitFor();
    await page.keyboard.press("?");
    await page.getByRole("heading", { name: "Keys", exact: true }).waitFor();
    await accessible(page, "the keys");
    await page.keyboard.press("Escape");
    await page.keyboard.press("g");
    await page.keyboard.press("j");
    await page.getByRole("dialog").getByText(/evaluat/i).first().waitFor();
    await accessible(page, "the jobs");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Find a command or a place" }).waitFor();
    await accessible(page, "the palette");
    await page.keyboard.type("what was done");
    await page.getByRole("option", { name: /What was done/, selected: true }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "What was done" }).waitFor();
    await accessible(page, "what was done");
    await page.keyboard.press("Escape");
    await page.locator(".modes").getByRole("button", { name: "Split" }).click();
    await page.locator(".plane").waitFor();
    await accessible(page, "grid and map");
    await page.locator(".modes").getByRole("button", { name: "Grid" }).click();
    await tiles().first().waitFor();
    await page.keyboard.press("j"); // the first tile
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/s\//);
    await page.getByRole("region", { name: "Picture" }).waitFor(); // its code comes after the address
    await page.keyboard.press("Escape");
    await page.waitForURL((url) => !/\/s\//.test(url.pathname));
  });
  await step("the console stayed quiet", async () => assert.deepEqual(wrong, []));
} catch (error) {
  console.error(error.message, "\nat:", page.url(), "\nconsole:", wrong.join("\n"));
  if (process.env.SHOT) await page.screenshot({ path: process.env.SHOT });
  process.exitCode = 1;
} finally {
  await close();
}
