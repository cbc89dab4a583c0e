// A browser with one page for the tests of this folder: what they share. No test itself.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** `wrong` fills with what the console calls an error; answers of 400 to 499 are none where `refusals` are expected. */
export async function browser({ width = 1440, height = 900, refusals = false } = {}) {
  const profile = mkdtempSync(join(tmpdir(), "loopline-test-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    viewport: { width, height },
    reducedMotion: "reduce",
    args: ARGS,
  });
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(Number(process.env.PATIENCE_MS ?? 60_000));
  const wrong = [];
  page.on("console", (message) => message.type() === "error" && !(refusals && /status of 4\d\d/.test(message.text())) && wrong.push(`${message.text()} ${message.location().url}`));
  // The console names the address alone; what was asked tells why it was refused.
  page.on("response", (answer) => answer.status() >= 400 && !refusals && wrong.push(`${answer.status()} ${answer.url()} to ${answer.request().postData() ?? "no body"}`));
  page.on("pageerror", (error) => wrong.push(error.stack || error.message));
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  };
  return { context, page, wrong, close };
}

export async function step(name, run) {
  const began = performance.now();
  try {
    await run();
    console.log("ok", name, `${((performance.now() - began) / 1000).toFixed(1)} s`);
  } catch (error) {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
}

/** Fails with the faults that axe finds on the screen as it is, in both themes. */
export async function accessible(page, where) {
  if (!(await page.evaluate(() => "axe" in globalThis))) {
    await page.evaluate(readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
  }
  const before = await page.locator("html").getAttribute("data-theme");
  for (const theme of ["dark", "light"]) {
    const violations = await page.evaluate(async (wanted) => {
      document.documentElement.dataset.theme = wanted;
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      const found = await globalThis.axe.run(document, { resultTypes: ["violations"] });
      return found.violations.map((v) => `${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`);
    }, theme);
    assert.deepEqual(violations, [], `${where}, ${theme}, has accessibility faults`);
  }
  await page.evaluate((was) => (document.documentElement.dataset.theme = was ?? "dark"), before);
}
