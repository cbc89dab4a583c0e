/**
 * What the notebook itself loads: a frame in the cell with the app in it, and the notebook's messages for it.
 *
 * A frame, not a shadow root: the app's keys must not reach the notebook's shortcuts nor the notebook's the app, its
 * sheets must fill the cell and not the page, and two cells must not share one address. The frame has no address of
 * its own: nothing is asked from a server.
 */
import { channel, type Told, type Wire } from "./channel";
import { type Host, HOST } from "./host";

/** The part of a widget's model that is used. */
interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(message: unknown): void;
  on(name: string, take: (...given: never[]) => void): void;
  off(name: string, take: (...given: never[]) => void): void;
}

type Theme = Host["theme"];

const PAGE = '<!doctype html><html lang="en"><head><meta charset="utf-8"></head><body><div id="app"></div></body></html>';
const PATIENT_MS = 1500;

export function themeOf(page: Document): Theme {
  const { body } = page;
  const lab = body.dataset["jpThemeLight"];
  if (lab !== undefined) return lab === "false" ? "dark" : "light";
  const code = body.dataset["vscodeThemeKind"];
  if (code !== undefined) return code.includes("light") ? "light" : "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const heard = new Set<(told: Told, parts: readonly DataView[]) => void>();
  const take = (told: Told, parts: readonly DataView[] = []): void => heard.forEach((one) => one(told, parts));
  model.on("msg:custom", take);
  const wire: Wire = {
    send: (message) => model.send(message),
    listen: (one) => {
      heard.add(one);
      return () => heard.delete(one);
    },
  };

  const frame = document.createElement("iframe");
  frame.title = "Loopline";
  frame.allow = "clipboard-write; fullscreen";
  Object.assign(frame.style, { width: "100%", border: "0", borderRadius: "6px", display: "block", colorScheme: "normal" });
  const fit = (): void => void (frame.style.height = `${Number(model.get("height")) || 600}px`);
  fit();
  model.on("change:height", fit);
  const note = document.createElement("p");
  note.hidden = true;
  note.textContent = "Waiting for the kernel: it answers when no cell runs. After a restart, run this cell again.";
  const patience = setTimeout(() => (note.hidden = false), PATIENT_MS);
  el.append(note, frame);

  let follow: (name: Theme) => void = () => undefined;
  const look = (): void => follow(themeOf(document));
  const watcher = new MutationObserver(look);
  watcher.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-vscode-theme-kind", "class"] });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", look);

  const code = channel(wire).code();
  /** Each time that the frame is put into the page it is empty again: a notebook takes cells out that are not seen. */
  const fill = async (): Promise<void> => {
    const [script, style] = await code;
    const [inside, page] = [frame.contentWindow, frame.contentDocument];
    if (!inside || !page) return;
    heard.clear();
    const host: Host = {
      wire,
      link: String(model.get("link")),
      theme: themeOf(document),
      ready: (app) => (follow = app.theme),
      moved: (link) => {
        if (link === model.get("link")) return;
        model.set("link", link);
        model.save_changes();
      },
    };
    page.documentElement.dataset["theme"] = host.theme || "dark";
    Reflect.set(inside, HOST, host);
    const css = page.createElement("style");
    css.textContent = new TextDecoder().decode(style);
    const run = page.createElement("script");
    run.type = "module";
    run.src = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    run.onload = () => URL.revokeObjectURL(run.src);
    page.head.append(css, run);
  };
  const tellWrong = (error: unknown): void => {
    note.hidden = false;
    note.textContent = `The app cannot be shown: ${error instanceof Error ? error.message : String(error)}`;
  };
  code.then(() => note.remove(), tellWrong).finally(() => clearTimeout(patience));
  frame.addEventListener("load", () => void fill().catch(tellWrong));
  frame.srcdoc = PAGE;

  return () => {
    clearTimeout(patience);
    watcher.disconnect();
    system.removeEventListener("change", look);
    model.off("msg:custom", take);
    model.off("change:height", fit);
    frame.remove();
  };
}

export default { render };
