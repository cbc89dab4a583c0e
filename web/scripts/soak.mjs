// Long use of the app, by script: node scripts/soak.mjs BASE NAME MINUTES. Prints what it counted as JSON.
// Rounds of scroll, jump, filter, query, open and step, select, tag, undo, redo, plots, map with a lasso, compare, versions, runs.
// Called by benchmarks/app_soak.py. Env: CHROMIUM; ACTS=map,explore does those alone; SHOT=FILE, a picture of where it stopped.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [base, name, minutes = "20"] = process.argv.slice(2);
const only = process.env.ACTS?.split(","); // to find out which of them leaks
const profile = mkdtempSync(join(tmpdir(), "loopline-soak-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  viewport: { width: 1440, height: 900 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--js-flags=--expose-gc", "--enable-precise-memory-info"],
});
const page = await context.newPage();
page.setDefaultTimeout(60_000);
const errors = [];
const failed = [];
let stage = "open";
page.on("console", (message) => message.type() === "error" && errors.push(`${stage}: ${message.text()}`));
page.on("pageerror", (error) => errors.push(`${stage}: ${error.message}`));
page.on("requestfailed", (request) => !/ERR_ABORTED/.test(request.failure()?.errorText ?? "") && failed.push(`${stage}: ${request.url()}: ${request.failure()?.errorText}`));
page.on("response", (response) => response.status() >= 400 && failed.push(`${stage}: ${response.url()}: ${response.status()}`));

const cdp = await context.newCDPSession(page);
async function look(rounds) {
  await page.evaluate(() => globalThis.gc?.());
  await page.waitForTimeout(200);
  const { jsHeapUsedSize, nodes, jsEventListeners } = await counters();
  return { minute: (Date.now() - began) / 60_000, rounds, heap_mb: jsHeapUsedSize / 1e6, nodes, listeners: jsEventListeners, elements: await page.locator("*").count() };
}
async function counters() {
  const { nodes, jsEventListeners } = await cdp.send("Memory.getDOMCounters");
  const { usedSize } = await cdp.send("Runtime.getHeapUsage");
  return { jsHeapUsedSize: usedSize, nodes, jsEventListeners };
}

const counted = () => page.waitForFunction(() => document.querySelector("p.count:not(.waiting)")?.textContent?.match(/\d/));
const grid = () => page.locator("[data-grid]");
const rail = (label) => page.locator("nav[aria-label=Pages] a", { hasText: label }).click();
const pause = (ms) => page.waitForTimeout(ms);

const acts = {
  async scroll(i) {
    await page.mouse.move(700, 500);
    for (let k = 0; k < 12; k++) {
      await page.mouse.wheel(0, k < 8 ? 900 : -700);
      await pause(40);
    }
    await grid().evaluate((node, share) => (node.scrollTop = share * (node.scrollHeight - node.clientHeight)), (i * 0.37) % 1);
    await pause(500);
  },
  async filter() {
    await page.getByRole("button", { name: /^dog/ }).first().click();
    await counted();
    await pause(200);
  },
  async query(i) {
    await page.keyboard.press("/");
    await page.keyboard.press("Control+a");
    await page.keyboard.type(`brightness > 0.${1 + (i % 5)}`);
    await page.keyboard.press("Enter");
    await counted();
    await pause(300);
  },
  async open() {
    await grid().focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/s\//);
    await pause(400);
    for (let k = 0; k < 3; k++) {
      await page.keyboard.press("j");
      await pause(150);
    }
    await page.keyboard.press("Escape");
    await page.waitForURL((url) => !/\/s\//.test(url.pathname));
  },
  async edit(i) {
    await grid().focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("x");
    await page.getByText("1 sample selected").waitFor();
    await page.keyboard.press("t");
    await page.getByRole("textbox", { name: "New tag" }).fill(`seen-${i}-${began.toString(36)}`);
    await page.keyboard.press("Enter");
    await page.locator("footer").getByText(/^Tagged 1/).waitFor();
    await page.keyboard.press("Control+z");
    await page.locator("footer").getByText(/^Took back/).waitFor();
    await page.keyboard.press("Escape");
    await page.getByText("1 sample selected").waitFor({ state: "detached" });
  },
  async plots() {
    await page.getByRole("button", { name: "Plots", exact: true }).click();
    await page.locator(".plots figure").first().waitFor();
    await pause(200);
    await page.getByRole("button", { name: "Grid", exact: true }).click();
    await page.locator("[data-grid] [role=option]").first().waitFor();
  },
  async clear() {
    await page.keyboard.press("Shift+Escape");
    await counted();
  },
  async map() {
    await rail("Map");
    await page.locator(".plane canvas").first().waitFor();
    await page.getByText(/\d points/).first().waitFor({ state: "attached" });
    await pause(600);
    await page.keyboard.press("l");
    await page.mouse.move(500, 300);
    await page.mouse.down();
    for (const [x, y] of [[800, 320], [850, 600], [520, 640], [500, 320]]) await page.mouse.move(x, y, { steps: 6 });
    await page.mouse.up();
    await pause(300);
    await page.mouse.wheel(0, -300);
    await pause(300);
    await page.keyboard.press("0");
    await page.keyboard.press("Escape");
  },
  async compare() {
    await rail("Compare");
    await page.locator("main h1, main h2").first().waitFor();
    await pause(800);
  },
  async versions() {
    await rail("Versions");
    await page.getByText("Versions", { exact: true }).last().waitFor();
    await pause(600);
  },
  async runs() {
    await rail("Runs");
    await page.locator("table").waitFor();
  },
  async explore() {
    await rail("Explore");
    await page.locator("[data-grid] [role=option]").first().waitFor();
    await counted();
  },
  async palette(i) {
    await page.keyboard.press("Control+k");
    await page.keyboard.type("next theme");
    if (i % 2) await page.keyboard.press("Escape");
    else await page.keyboard.press("Enter");
    await pause(150);
  },
};

const looks = [];
let rounds = 0;
let stopped = "";
const began = Date.now();
try {
  await page.goto(`${base}/d/${name}`);
  await page.locator("[data-grid] [role=option]").first().waitFor();
  await counted();
  let next = 0;
  const end = began + Number(minutes) * 60_000;
  while (Date.now() < end) {
    for (const [act, run] of Object.entries(acts)) {
      if (only && !only.includes(act)) continue;
      stage = act;
      await run(rounds);
    }
    rounds += 1;
    // The first round fills caches; from then on a look a minute.
    if (Date.now() >= next) {
      looks.push(await look(rounds));
      console.error(JSON.stringify({ ...looks.at(-1), errors: errors.length, failed: failed.length }));
      next = Date.now() + (only ? 3_000 : 60_000);
    }
  }
  looks.push(await look(rounds));
} catch (error) {
  stopped = `${stage}: ${error.message}`;
  if (process.env.SHOT) await page.screenshot({ path: process.env.SHOT });
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}
console.log(JSON.stringify({ minutes: (Date.now() - began) / 60_000, rounds, looks, errors, failed, stopped }));
