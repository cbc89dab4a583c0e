/** Writes to the data set. Each says what it did, and leaves a way back in the undo list. */
import { api } from "../../api/client";
import { asProblem } from "../../api/problem";
import type { EditAnswer, SelectionSpec } from "../../api/types";
import { dataChanged } from "../../shell/dataset.svelte";
import { remember, say, type Undoable } from "../../shell/doing.svelte";

type Verb = Parameters<typeof api.edit>[1];

export async function write(dataset: string, verb: Verb, body: { selection?: SelectionSpec; [key: string]: unknown }): Promise<boolean> {
  try {
    took(dataset, await api.edit(dataset, verb, body));
    return true;
  } catch (error) {
    const problem = asProblem(error);
    say(problem.detail || problem.title, "wrong", problem.hint);
    return false;
  }
}

/** Say what was written, and remember how to take it back. */
export function took(dataset: string, answer: EditAnswer): void {
  say(answer.said);
  dataChanged();
  if (answer.undo) remember(takesBack(dataset, answer.undo, answer.said, "Took back"));
}

/** The way back of a write, which itself can be taken back: undo, redo, undo … each is a write of its own. */
function takesBack(dataset: string, token: string, name: string, word: "Took back" | "Did again"): Undoable {
  return {
    name,
    async undo() {
      const answer = await api.edit(dataset, "undo", { undo: token, said: name });
      say(`${word}: ${name}`);
      dataChanged();
      return answer.undo ? takesBack(dataset, answer.undo, name, word === "Took back" ? "Did again" : "Took back") : null;
    },
  };
}
