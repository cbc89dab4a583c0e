/** One table of commands: keys, palette, menus and the `?` sheet read it. A page adds its own while it is there. */
import { untrack as untracked } from "svelte";


export interface Command {
  readonly label: string;
  readonly group: string;
  /** "Mod+k", "g e" (one after the other), "Shift+Escape", "?" … `Mod` is ⌘ on a Mac, Ctrl elsewhere. */
  readonly keys?: readonly string[];
  readonly when?: () => boolean;
  readonly run: () => void;
}

export type Commands = Readonly<Record<string, Command>>;

class Table {
  parts = $state.raw<readonly Commands[]>([]);
  all: Commands = $derived(Object.assign({}, ...this.parts));
}

const table = new Table();

export function commands(): Commands {
  return table.all;
}

/** Add commands while the calling component is there. Later tables win over earlier ones of the same id. */
export function provide(more: Commands): void {
  $effect.pre(() => {
    // Reading the table here would make this run again on its own change.
    const before = untracked(() => table.parts);
    table.parts = [...before, more];
    return () => {
      table.parts = untracked(() => table.parts).filter((part) => part !== more);
    };
  });
}

export function runCommand(id: string): void {
  const command = table.all[id];
  if (command && (command.when?.() ?? true)) command.run();
}

/** The first key of a command as a reader sees it, for tooltips and menus. */
export function keyOf(id: string): string {
  const key = table.all[id]?.keys?.[0];
  return key ? keySays(key) : "";
}

const MAC = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.userAgent);

export function keySays(key: string): string {
  return key
    .replace("Mod+", MAC ? "⌘" : "Ctrl ")
    .replace("Shift+", MAC ? "⇧" : "Shift ")
    .replace("Alt+", MAC ? "⌥" : "Alt ")
    .replace("Escape", "Esc")
    .replace("Enter", "⏎")
    .replace("ArrowLeft", "←")
    .replace("ArrowRight", "→")
    .replace(/\b[a-z]$/, (letter) => (key.includes("+") ? letter.toUpperCase() : letter));
}
