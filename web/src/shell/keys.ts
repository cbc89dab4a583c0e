/** From key presses to commands. No browser needed: `pressed` gets the key's name and the table. */
import type { Command, Commands } from "./commands.svelte";

/** The name of a press: "Mod+Shift+z", "g", "?", "Escape". Shift is part of a printed character, so it is left out there. */
export function keyName(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">): string {
  const printed = event.key.length === 1;
  const key = printed ? event.key.toLowerCase() : event.key;
  const letter = printed && event.key.toLowerCase() !== event.key.toUpperCase();
  const mod = event.ctrlKey || event.metaKey;
  return (mod ? "Mod+" : "") + (event.altKey ? "Alt+" : "") + (event.shiftKey && (!printed || letter || mod) ? "Shift+" : "") + key;
}

const SEQUENCE_MS = 900;

export interface KeyReader {
  /** The command that this press makes, if any; `waiting` when it may begin a sequence. */
  press(name: string, table: Commands, now: number): { command?: Command; waiting: boolean };
}

export function keyReader(): KeyReader {
  let before = "";
  let at = -Infinity;
  return {
    press(name, table, now) {
      const both = now - at < SEQUENCE_MS && before ? `${before} ${name}` : "";
      const open = Object.values(table).filter((command) => command.when?.() ?? true);
      // The last table wins: a page's key hides the shell's.
      const find = (key: string) => open.filter((command) => command.keys?.includes(key)).at(-1);
      const command = (both && find(both)) || find(name);
      const waiting = !command && open.some((other) => other.keys?.some((key) => key.startsWith(`${name} `)));
      before = waiting ? name : "";
      at = now;
      return command ? { command, waiting: false } : { waiting };
    },
  };
}

/** A press belongs to a text field, unless it has a modifier or is Escape. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=range], [type=button])"))
  );
}
