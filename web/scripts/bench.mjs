// Drives the app over one data set and prints what it measured as JSON: node scripts/bench.mjs NAME [SECONDS]
// Says "ready" once the browser is open, and then waits for the app's address in a line of its input.
// SECONDS: how long the scripted use goes on. Env: CHROMIUM. Called by benchmarks/app_browser.py.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { chromium } from "playwright-core";

const [name = "big", seconds = "60"] = process.argv.slice(2);
const SPEED = 9000; // pixels a second
const SETTLED_MS = 3000; // a browser that was just started is at work on that
const ABORTED = /ERR_ABORTED/; // requests that the page itself gave up: pictures that were scrolled past

const profile = mkdtempSync(join(tmpdir(), "loopline-bench-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  viewport: { width: 1440, height: 900 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--js-flags=--expose-gc"],
});
const page = await context.newPage();
page.setDefaultTimeout(60_000);
const errors = [];
const failed = [];
page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
page.on("pageerror", (error) => errors.push(error.message));
page.on("requestfailed", (request) => !ABORTED.test(request.failure()?.errorText ?? "") && failed.push(`${request.url()}: ${request.failure()?.errorText}`));
page.on("response", (response) => response.status() >= 400 && failed.push(`${response.url()}: ${response.status()}`));

/** In the page, before its own code: which tiles in sight have no picture on the canvas, and when that was last so. */
function instrument() {
  const bench = { painted: 0 };
  globalThis.bench = bench;
  const holder = () => document.querySelector("[data-grid]");
  bench.tiles = () => {
    const grid = holder();
    if (!grid) return [];
    const sight = grid.getBoundingClientRect();
    return [...grid.querySelectorAll("[role=option]")].map((e) => ({ rect: e.getBoundingClientRect(), sight })).filter(({ rect }) => rect.bottom > sight.top + 8 && rect.top < sight.bottom - 8 && rect.width > 8);
  };
  // A tile whose middle line has one colour everywhere is blank: pictures have a ramp. So is one without a canvas under it.
  bench.blank = () => {
    const grid = holder();
    if (!grid) return -1;
    const ctx = (bench.copy ??= document.createElement("canvas").getContext("2d", { willReadFrequently: true }));
    const canvases = [...grid.querySelectorAll("canvas")].map((canvas) => ({ canvas, at: canvas.getBoundingClientRect(), box: canvas.parentElement.getBoundingClientRect(), lines: new Map() }));
    const lineAt = ({ canvas, at, lines }, y) => {
      const row = Math.floor((y - at.top) * (canvas.height / at.height));
      if (!lines.has(row)) {
        if (ctx.canvas.width !== canvas.width || ctx.canvas.height !== 1) Object.assign(ctx.canvas, { width: canvas.width, height: 1 });
        ctx.drawImage(canvas, 0, -row);
        lines.set(row, ctx.getImageData(0, 0, canvas.width, 1).data);
      }
      return lines.get(row);
    };
    let blank = 0;
    for (const { rect, sight } of bench.tiles()) {
      const y = (Math.max(rect.top, sight.top) + Math.min(rect.bottom, sight.bottom)) / 2;
      const under = canvases.find(({ box }) => box.top <= y && y < box.bottom);
      let least = 255 * 3;
      let most = 0;
      if (under) {
        const pixels = lineAt(under, y);
        for (let i = 2; i < 12; i++) {
          const p = 4 * Math.round((rect.left - under.at.left + (rect.width * i) / 14) * (under.canvas.width / under.at.width));
          const sum = (pixels[p] ?? 0) + (pixels[p + 1] ?? 0) + (pixels[p + 2] ?? 0);
          least = Math.min(least, sum);
          most = Math.max(most, sum);
        }
      }
      if (most - least < 6) blank += 1;
    }
    return blank;
  };
  /** Milliseconds since `from` until every tile in sight has its picture; looks at each frame's end. */
  bench.full = (from, limit = 30_000) =>
    new Promise((done) => {
      const look = () => {
        const now = performance.now();
        if (bench.tiles().length && bench.blank() === 0) done(now - from);
        else if (now - from > limit) done(-1);
        else setTimeout(look, 50); // each look costs about 10 ms of what it measures
      };
      look();
    });
}
await page.addInitScript(instrument);

await page.waitForTimeout(SETTLED_MS);
console.log("ready");
const input = createInterface({ input: process.stdin });
const base = (await input[Symbol.asyncIterator]().next()).value;
input.close();

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const paint = () => page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1);

async function opened() {
  await page.goto(`${base}/d/${name}`, { waitUntil: "commit" });
  const painted = await page.evaluate(() => globalThis.bench.full(0));
  return { first: await paint(), painted };
}

/** Scrolls by script, as a wheel would: `frames` are those that the page drew; `blank` tiles of those looked at. */
const scrolling = (millis) =>
  page.evaluate(
    ([millis, speed]) =>
      new Promise((done) => {
        const grid = document.querySelector("[data-grid]");
        const gaps = [];
        const began = performance.now();
        let before = began;
        let seen = 0;
        let blank = 0;
        let tiles = 0;
        let nextLook = began + 500;
        const step = () => {
          const now = performance.now();
          gaps.push(now - before);
          grid.dispatchEvent(new WheelEvent("wheel", { deltaY: (speed * (now - before)) / 1000, bubbles: true, cancelable: true }));
          before = now;
          if (now > nextLook) {
            // Reading the canvas back takes longer than a frame: a few times only, and that gap is not counted.
            nextLook = now + 500;
            blank += Math.max(0, globalThis.bench.blank());
            tiles += globalThis.bench.tiles().length;
            seen += 1;
            gaps.push(NaN);
            before = performance.now();
          }
          if (now - began < millis) requestAnimationFrame(step);
          else done({ gaps, blank, tiles, seen });
        };
        requestAnimationFrame(step);
      }),
    [millis, SPEED],
  );

async function jumped(share) {
  return page.evaluate((share) => {
    const grid = document.querySelector("[data-grid]");
    const from = performance.now();
    grid.scrollTop = share * (grid.scrollHeight - grid.clientHeight);
    return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => globalThis.bench.full(from).then(done))));
  }, share);
}

async function heap() {
  await page.evaluate(() => globalThis.gc?.());
  await page.waitForTimeout(200);
  const { result } = await (heap.session ??= await context.newCDPSession(page)).send("Runtime.evaluate", { expression: "performance.memory.usedJSHeapSize" });
  return result.value / 1e6;
}

const waitCount = () => page.waitForFunction(() => document.querySelector("p.count:not(.waiting)"));

/** One round: scroll, narrow by a class, open a sample and come back, tag what is chosen, take it back, clear. */
async function round(i) {
  await scrolling(1500);
  await jumped((i * 0.37) % 1);
  await page.getByRole("button", { name: /^dog/ }).first().click();
  await waitCount();
  await page.waitForTimeout(300);
  await page.locator("[data-grid]").focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/s\//);
  await page.waitForTimeout(400);
  await page.keyboard.press("Escape");
  await page.waitForURL((url) => !/\/s\//.test(url.pathname));
  await page.locator("[data-grid]").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("x");
  await page.keyboard.press("t");
  await page.getByRole("textbox", { name: "New tag" }).fill(`seen${i}`);
  await page.keyboard.press("Enter");
  await page.locator("footer", { hasText: "Tagged 1" }).waitFor();
  await page.locator("footer").getByRole("button", { name: "Undo" }).click();
  await page.locator("footer", { hasText: "Took back" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: /^dog/ }).first().click();
  await waitCount();
}

const measured = {};
let stage = "open";
try {
  await opened(); // while the server still starts
  measured.loaded_at = Date.now();
  stage = "open with an empty cache";
  await page.waitForTimeout(1500);
  await (await context.newCDPSession(page)).send("Network.clearBrowserCache");
  measured.cold = await opened();
  stage = "open again";
  const again = [await opened(), await opened(), await opened()];
  measured.warm = { first: median(again.map((a) => a.first)), painted: median(again.map((a) => a.painted)) };
  await page.waitForTimeout(1500);
  measured.elements = await page.locator("*").count();
  stage = "wait for the server's memory";
  // What pages draw is read from the store until the server has it in memory; scrolling is measured after that.
  const waited = Date.now();
  for (let quick = 0, i = 0; quick < 3 && Date.now() - waited < 60_000; i++) {
    const took = await page.evaluate(async ([name, i]) => {
      const before = performance.now();
      const headers = { "Content-Type": "application/json" };
      await fetch(`/api/d/${name}/page`, { method: "POST", headers, body: JSON.stringify({ view: {}, offset: (i * 977) % 1900, count: 64 }) });
      return performance.now() - before;
    }, [name, i]);
    quick = took < 100 ? quick + 1 : 0;
    await page.waitForTimeout(200);
  }
  measured.ready_s = (Date.now() - waited) / 1000;
  stage = "scroll";
  await scrolling(500);
  const scrolled = await scrolling(4000);
  const gaps = scrolled.gaps.filter((gap) => gap > 0);
  measured.scroll = { frames_s: 1000 / (gaps.reduce((a, b) => a + b, 0) / gaps.length), median_s: 1000 / median(gaps), longest_ms: Math.max(...gaps), blank: scrolled.blank, tiles: scrolled.tiles, looks: scrolled.seen };
  stage = "jump";
  const jumps = [];
  for (const share of [0.42, 0.87, 0.13, 0.66, 0.29]) jumps.push(await jumped(share));
  measured.jump = { median: median(jumps), most: Math.max(...jumps), never: jumps.filter((ms) => ms < 0).length };
  stage = "use";
  await round(0);
  const start = await heap();
  const began = Date.now();
  let rounds = 0;
  while (Date.now() - began < Number(seconds) * 1000) await round(++rounds);
  const end = await heap();
  measured.use = { rounds, seconds: (Date.now() - began) / 1000, heap_start_mb: start, heap_end_mb: end, elements: await page.locator("*").count() };
} catch (error) {
  measured.stopped = `${stage}: ${error.message}`;
  if (process.env.SHOT) await page.screenshot({ path: process.env.SHOT });
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}
console.log(JSON.stringify({ ...measured, errors, failed }));
