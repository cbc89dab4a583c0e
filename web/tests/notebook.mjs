// The app in a notebook's cell, in a real browser: node tests/notebook.mjs BASE STATIC [FOLDER for pictures].
// The page stands for the notebook: it has no server; the widget's messages are carried to the app at BASE from here.
// Run by tests/web/test_notebook.py over the data set "shapes".
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { browser, step } from "./browser.mjs";

const [base, built, shots] = process.argv.slice(2);
const { page, wrong, close } = await browser({ width: 1100, height: 760 });

const NOTEBOOK = "http://notebook.test/lab/tree/a.ipynb";
await page.route("**/*", (route) => {
  if (route.request().url() === NOTEBOOK) {
    return route.fulfill({ contentType: "text/html", body: '<body data-jp-theme-light="true" style="margin:16px"><p>In [1]</p><div id="cell"></div></body>' });
  }
  if (route.request().url().endsWith("/widget.js")) return route.fulfill({ contentType: "text/javascript", body: readFileSync(join(built, "widget.js")) });
  if (!route.request().url().endsWith("/favicon.ico")) wrong.push(`asked for ${route.request().url()}`);
  return route.abort();
});

const told = [];
const stops = new Map();
const answer = (content, buffers) => page.evaluate(([one, parts]) => globalThis.hear(one, parts), [content, buffers.map((part) => part.toString("base64"))]).catch(() => undefined);
await page.exposeFunction("toKernel", async (message) => {
  if ("doing" in message) return void told.push(message.doing);
  if ("cancel" in message) return void stops.get(message.cancel)?.abort();
  if ("code" in message) {
    const code = ["app.js", "app.css"].map((name) => readFileSync(join(built, name)));
    return answer({ id: message.code, status: 200, type: "code", more: false }, code);
  }
  const { id, method, path, body } = message;
  const stop = new AbortController();
  stops.set(id, stop);
  try {
    const found = await fetch(base + path, { method, body, signal: stop.signal, headers: body ? { "content-type": "application/json" } : {} });
    await answer({ id, status: found.status, type: found.headers.get("content-type") ?? "", more: true }, []);
    for await (const chunk of found.body) await answer({ id, more: true }, [Buffer.from(chunk)]);
    await answer({ id, more: false }, []);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
});

const shot = async (name) => shots && (await page.screenshot({ path: join(shots, `notebook-${name}.png`) }));
const cell = page.frameLocator("iframe[title=Loopline]");
const tiles = () => cell.locator("[data-grid] [role=option]");
const until = async (what, check) => {
  for (let i = 0; i < 200; i++) {
    if (await check()) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.fail(`${what}; told last: ${JSON.stringify(told.at(-1))}`);
};

try {
  await step("the cell draws the data set at the link", async () => {
    await page.goto(NOTEBOOK);
    await page.evaluate(async () => {
      const values = new Map(Object.entries({ link: "/d/shapes", height: 560 }));
      const takers = new Map();
      const model = {
        get: (name) => values.get(name),
        set: (name, value) => values.set(name, value),
        save_changes: () => undefined,
        send: (message) => void globalThis.toKernel(message),
        on: (name, take) => takers.set(name, take),
        off: (name) => takers.delete(name),
      };
      globalThis.values = values;
      globalThis.hear = (content, parts) => takers.get("msg:custom")?.(content, parts.map((part) => new DataView(Uint8Array.from(atob(part), (c) => c.charCodeAt(0)).buffer)));
      const { default: widget } = await import("http://notebook.test/widget.js");
      globalThis.leave = widget.render({ model, el: document.getElementById("cell") });
    });
    await tiles().first().waitFor();
    await page.waitForTimeout(800);
    await shot("light");
  });
  await step("it has the notebook's theme and follows it", async () => {
    assert.equal(await cell.locator("html").getAttribute("data-theme"), "light");
    await page.evaluate(() => (document.body.dataset.jpThemeLight = "false"));
    await cell.locator("html[data-theme=dark]").waitFor();
  });
  await step("a filter is told to Python, and the page keeps its address", async () => {
    const input = cell.locator("[data-query]").first();
    await input.fill("width > 120");
    await input.press("Enter");
    await until("no view was told", () => told.at(-1)?.selection?.view?.where === "width > 120");
    assert.equal(page.url(), NOTEBOOK);
    await until("the model does not know the link", () => page.evaluate(() => globalThis.values.get("link").startsWith("/d/shapes?q=")));
    await cell.locator("p.count:not(.waiting)", { hasText: /^8\s*of\s*24/ }).waitFor();
  });
  await step("what is chosen is told", async () => {
    await tiles().first().click();
    await page.keyboard.press("x");
    await until("no choice was told", () => told.at(-1)?.selection?.include?.length === 1);
    await shot("dark");
  });
  await step("a sample opens with its picture, from memory", async () => {
    await page.keyboard.press("Enter");
    const picture = cell.locator(".over img").first();
    await picture.waitFor();
    await until("the picture is not there", () => picture.evaluate((img) => img.src.startsWith("blob:") && img.naturalWidth > 0));
    await shot("sample");
    await page.keyboard.press("Alt+ArrowLeft");
    await cell.locator(".over").waitFor({ state: "detached" });
  });
  await step("taken out of the page and put back, it is where it was", async () => {
    await page.evaluate(() => {
      const frame = document.querySelector("iframe");
      const home = frame.parentElement;
      frame.remove();
      home.append(frame);
    });
    await cell.locator("p.count:not(.waiting)", { hasText: /^8\s*of\s*24/ }).waitFor();
  });
  await step("it leaves nothing behind", async () => {
    await page.evaluate(() => globalThis.leave());
    assert.equal(await page.locator("iframe").count(), 0);
  });
  assert.deepEqual(wrong, [], "the console has errors");
} catch (error) {
  await shot("failed");
  console.error(error.message, wrong);
  process.exitCode = 1;
} finally {
  for (const stop of stops.values()) stop.abort(); // events are listened to without an end
  await close();
}
