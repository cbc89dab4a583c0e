/** What the reader is doing: open sheets, the selection, what was said last, what can be undone. Gone with the tab. */
import type { SelectionSpec } from "../api/types";

export interface Said {
  readonly text: string;
  readonly tone: "done" | "wrong";
  readonly detail?: string;
}

/** One write that can be taken back; `undo` does it and gives the entry that brings it back, if there is one. */
export interface Undoable {
  readonly name: string;
  undo(): Promise<void>;
}

class Doing {
  sheet = $state<"" | "palette" | "keys" | "jobs" | "filters" | "inspector">("");
  said = $state.raw<Said | null>(null);
  undos = $state.raw<readonly Undoable[]>([]);
  connected = $state(true);
  /** The newest snapshot that the server spoke of, by data set: newer than the one shown means stale. */
  newest = $state<Record<string, number>>({});
  /** Samples (or objects) that are chosen, as ids; or all of the view but some. */
  chosen = $state.raw<ReadonlySet<number>>(new Set());
  allChosen = $state(false);
  /** Counts up when data changed and pages should be asked for again. */
  epoch = $state(0);
  /** What the screen reader is told. */
  live = $state("");
}

export const doing = new Doing();

const UNDO_DEPTH = 200;

export function say(text: string, tone: Said["tone"] = "done", detail?: string): void {
  doing.said = detail === undefined ? { text, tone } : { text, tone, detail };
  doing.live = text;
}

export function remember(entry: Undoable): void {
  doing.undos = [...doing.undos.slice(-(UNDO_DEPTH - 1)), entry];
}

export async function undoLast(): Promise<void> {
  const last = doing.undos.at(-1);
  if (!last) return;
  doing.undos = doing.undos.slice(0, -1);
  await last.undo();
}

export function clearChosen(): void {
  doing.chosen = new Set();
  doing.allChosen = false;
}

/** How many are chosen of a view of `count`. */
export function chosenCount(count: number): number {
  return doing.allChosen ? count - doing.chosen.size : doing.chosen.size;
}

/** With all chosen, `chosen` holds those that are not. */
export function isChosen(id: number): boolean {
  return doing.chosen.has(id) !== doing.allChosen;
}

export function selectionOf(view: SelectionSpec["view"]): SelectionSpec {
  const ids = [...doing.chosen];
  return doing.allChosen ? { view, all: true, exclude: ids } : { view, all: false, include: ids };
}
