// Pictures of the app for the eye: node scripts/shots.mjs BASE OUT "name=path?query" …  [env: SIZES, THEMES, CHROMIUM]
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [base = "http://127.0.0.1:8642", out = "shots", ...wanted] = process.argv.slice(2);
const sizes = (process.env.SIZES ?? "1440x900,1024x768,390x844").split(",");
const themes = (process.env.THEMES ?? "dark,light").split(",");
mkdirSync(out, { recursive: true });
const context = await chromium.launchPersistentContext(mkdtempSync(join(tmpdir(), "shots-")), {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = await context.newPage();
page.on("console", (message) => ["error", "warning"].includes(message.type()) && console.log("console:", message.text()));
page.on("pageerror", (error) => console.log("page error:", error.message));
page.on("requestfailed", (request) => !/ERR_ABORTED/.test(request.failure()?.errorText ?? "") && console.log("failed:", request.url(), request.failure()?.errorText));

// Quiet: nothing asked for (but the stream of events) for a while. A busy machine is slow, a picture of a wait says little.
const asked = new Set();
page.on("request", (request) => !/api\/events/.test(request.url()) && asked.add(request));
for (const end of ["requestfinished", "requestfailed"]) page.on(end, (request) => asked.delete(request));
async function quiet(millis = Number(process.env.WAIT ?? 700), limit = 40_000) {
  for (let calm = 0, waited = 0; calm < millis && waited < limit; waited += 50) {
    await page.waitForTimeout(50);
    calm = asked.size ? 0 : calm + 50;
  }
}
for (const theme of themes) {
  for (const size of sizes) {
    const [width = 1440, height = 900] = size.split("x").map(Number);
    await page.setViewportSize({ width, height });
    for (const entry of wanted) {
      const at = entry.indexOf("=");
      const [name, rest] = [entry.slice(0, at), entry.slice(at + 1)];
      const [address, ...steps] = rest.split(" !");
      await page.goto(base + "/", { waitUntil: "domcontentloaded" });
      await page.evaluate((wanted) => localStorage.setItem("loopline", JSON.stringify({ theme: wanted })), theme);
      await page.goto(base + address);
      await page.waitForSelector("[role=option], .home a, .plots button, [role=alert], main h1, main h2", { timeout: 60_000 }).catch(() => console.log("slow:", address));
      await quiet();
      for (const step of steps) {
        const [verb, ...argument] = step.split(":");
        const value = argument.join(":");
        if (verb === "click") await page.click(value);
        if (verb === "at") await page.mouse.click(...value.split(",").map(Number));
        if (verb === "over") await page.mouse.move(...value.split(",").map(Number));
        if (verb === "key") await page.keyboard.press(value);
        if (verb === "type") await page.keyboard.type(value);
        await quiet();
      }
      await page.screenshot({ path: join(out, `${name}-${size}-${theme}.png`) });
    }
  }
}
await context.close();
