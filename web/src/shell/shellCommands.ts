/** Commands that are there on every page. */
import { EMPTY } from "../lib/link";
import type { Commands } from "./commands.svelte";
import { doing, redoLast, undoLast } from "./doing.svelte";
import { pageOf, pages } from "./pages";
import { prefs } from "./prefs.svelte";
import { go, route } from "./router.svelte";
import { nextTheme } from "./theme.svelte";

const toPages: Commands = Object.fromEntries(
  pages
    .filter((page) => page.letter)
    .map((page) => [
      `page.${page.segment || "explore"}`,
      {
        label: `Go to ${page.label}`,
        group: "Pages",
        keys: [`g ${page.letter ?? ""}`],
        when: () => route.link.dataset !== "" || pageOf(page.segment, "app") !== undefined,
        run: () => go(route.link.dataset ? { page: page.segment, rest: [], extra: {}, at: null } : { ...EMPTY, page: page.segment }),
      },
    ]),
);

export const shellCommands = {
  ...toPages,
  "page.home": { label: "All data sets", group: "Pages", keys: ["g h"], run: () => go(EMPTY) },
  "app.palette": { label: "Commands and places", group: "App", keys: ["Mod+k"], run: () => (doing.sheet = doing.sheet === "palette" ? "" : "palette") },
  "app.keys": { label: "Show the keys", group: "App", keys: ["?"], run: () => (doing.sheet = "keys") },
  "app.jobs": { label: "Jobs", group: "App", keys: ["g j"], run: () => (doing.sheet = "jobs") },
  "app.theme": { label: "Next theme: dark, light, system", group: "App", run: nextTheme },
  "app.letters": {
    label: "Switch letter keys on or off",
    group: "App",
    run: () => (prefs.letterKeys = !prefs.letterKeys),
  },
  "app.full": {
    label: "Full screen",
    group: "App",
    keys: ["f"],
    run: () => void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
  },
  "edit.undo": { label: "Undo", group: "Edit", keys: ["Mod+z"], when: () => doing.undos.length > 0, run: () => void undoLast() },
  "edit.redo": { label: "Redo", group: "Edit", keys: ["Mod+Shift+z", "Mod+y"], when: () => doing.redos.length > 0, run: () => void redoLast() },
  "edit.history": { label: "What was done", group: "Edit", run: () => (doing.sheet = "history") },
  "query.focus": {
    label: "Write a query",
    group: "View",
    keys: ["/"],
    when: () => route.link.dataset !== "",
    run: () => document.querySelector<HTMLElement>("[data-query]")?.focus(),
  },
} satisfies Commands;
