/** From key presses to commands. No browser needed: `pressed` gets the key's name and the table. */
import type { Command, Commands } from "./commands.svelte";

/** The name of a press: "Mod+Shift+z", "g", "?", "Escape", "Space". Shift is part of a printed character, so it is left out there. */
export function keyName(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">): string {
  const printed = event.key.length === 1 && event.key !== " ";
  const key = event.key === " " ? "Space" : printed ? event.key.toLowerCase() : event.key;
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

/** Keys that are pressed while the code of a page is on its way: they are that page's, unless it is long in coming. */
export interface HeldKeys {
  hold(name: string, now: number): void;
  /** Those to be pressed now, in their order; none is held after it. */
  take(now: number): string[];
}

const HELD = 8;
const HELD_MS = 4000;

export function heldKeys(): HeldKeys {
  let held: { name: string; at: number }[] = [];
  return {
    hold(name, now) {
      held = [...held, { name, at: now }].slice(-HELD);
    },
    take(now) {
      const taken = held.filter(({ at }) => now - at < HELD_MS).map(({ name }) => name);
      held = [];
      return taken;
    },
  };
}

/** Enter and the space bar press what is focused. */
export function presses(name: string, target: EventTarget | null): boolean {
  return (name === "Enter" || name === "Space") && target instanceof HTMLElement && target.closest("button, a, summary, input, select, [role=option], [role=listbox]") !== null;
}

/** A press belongs to a text field, unless it has a modifier or is Escape. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=range], [type=button])"))
  );
}
