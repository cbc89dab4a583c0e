// The main path through Explore in a real browser: node tests/explore.mjs BASE. Exits with 1 and says what is wrong.
// Run by tests/web/test_explore.py over the real server with a data set of 24 pictures, "shapes".
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const base = process.argv[2];
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const profile = mkdtempSync(join(tmpdir(), "loopline-app-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  viewport: { width: 1440, height: 900 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = await context.newPage();
page.setDefaultTimeout(60_000);
const wrong = [];
page.on("console", (message) => message.type() === "error" && !/status of 4\d\d/.test(message.text()) && wrong.push(message.text()));
page.on("pageerror", (error) => wrong.push(error.message));

const count = () => page.locator("p.count").innerText();
const counts = (text) => page.waitForFunction((wanted) => document.querySelector("p.count:not(.waiting)")?.textContent?.replace(/\s+/g, "").startsWith(wanted), text.replaceAll(" ", ""));
const tiles = () => page.locator("[data-grid] [role=option]");
const step = async (name, run) => {
  try {
    await run();
    console.log("ok", name);
  } catch (error) {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
};

async function accessible(where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const said = violations.map((v) => `${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`);
  assert.deepEqual(said, [], `${where} has accessibility faults`);
}

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
    await page.getByRole("textbox", { name: "New tag" }).fill("seen");
    await page.keyboard.press("Enter");
    await page.locator("footer", { hasText: "Tagged 24" }).waitFor();
    await page.locator("footer").getByRole("button", { name: "Undo" }).click();
    await page.locator("footer", { hasText: "Took back" }).waitFor();
    await page.keyboard.press("Escape");
  });
  await step("the palette finds a command, ? shows the keys", async () => {
    await page.keyboard.press("Control+k");
    await page.keyboard.type("show the keys");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Keys", exact: true }).waitFor();
    await page.keyboard.press("Escape");
  });
  for (const theme of ["dark", "light"]) {
    await step(`no accessibility faults, ${theme}`, async () => {
      await page.evaluate((wanted) => localStorage.setItem("loopline", JSON.stringify({ theme: wanted })), theme);
      for (const address of ["/", "/d/shapes", "/d/shapes?view=plots", "/d/shapes?q=width+%3E+9999"]) {
        await page.goto(base + address);
        await page.waitForSelector("[data-grid] [role=option], .home a, .plots figure, .notice");
        await page.waitForTimeout(400);
        await accessible(address);
      }
    });
  }
  await step("the console stayed quiet", async () => assert.deepEqual(wrong, []));
} catch (error) {
  console.error(error.message, "\ncounts:", await count().catch(() => "none"), "\nat:", page.url(), "\nconsole:", wrong.join("\n"));
  process.exitCode = 1;
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}
