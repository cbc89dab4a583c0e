/** What the reader is doing: open sheets, the selection, what was said last, what can be undone. Gone with the tab. */
import { asProblem } from "../api/problem";
import type { SelectionSpec } from "../api/types";

export interface Said {
  readonly text: string;
  readonly tone: "done" | "wrong";
  readonly detail?: string;
}

/** One write that can be taken back; `undo` does it and gives the entry that brings it back, if there is one. Throws. */
export interface Undoable {
  readonly name: string;
  undo(): Promise<Undoable | null>;
}

class Doing {
  sheet = $state<"" | "palette" | "keys" | "jobs" | "history" | "filters" | "inspector">("");
  said = $state.raw<Said | null>(null);
  /** What can be taken back, and what was taken back and can be done again; the newest last. */
  undos = $state.raw<readonly Undoable[]>([]);
  redos = $state.raw<readonly Undoable[]>([]);
  /** Edits that are written when the connection is back. */
  held = $state(0);
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

/** A new write: what was taken back before it cannot be done again. */
export function remember(entry: Undoable): void {
  doing.undos = [...doing.undos.slice(-(UNDO_DEPTH - 1)), entry];
  doing.redos = [];
}

let busy: Promise<void> = Promise.resolve();

/** Take back the last write, or the last `count` of them, one after the other. A failure says itself and ends it. */
export function undoLast(count = 1): Promise<void> {
  return turned("undos", "redos", count);
}

export function redoLast(count = 1): Promise<void> {
  return turned("redos", "undos", count);
}

function turned(from: "undos" | "redos", to: "undos" | "redos", count: number): Promise<void> {
  // Keys repeat faster than the server answers: each waits for the one before.
  busy = busy.then(async () => {
    for (let i = 0; i < count; i++) {
      const entry = doing[from].at(-1);
      if (!entry) return;
      try {
        const back = await entry.undo();
        if (back) doing[to] = [...doing[to].slice(-(UNDO_DEPTH - 1)), back];
      } catch (error) {
        const problem = asProblem(error);
        say(`Could not ${from === "undos" ? "take back" : "do again"}: ${problem.detail || problem.title}`, "wrong", problem.hint);
        // Offline it can be tried again; what the server refused, it would refuse again.
        if (problem.status) doing[from] = doing[from].filter((other) => other !== entry);
        return;
      }
      doing[from] = doing[from].filter((other) => other !== entry);
    }
  });
  return busy;
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
