/** Writes to the data set. Each says what it did, and leaves a way back in the undo list. */
import { api } from "../../api/client";
import { whenBack } from "../../api/connection.svelte";
import { asProblem, isLost } from "../../api/problem";
import type { EditAnswer, SelectionSpec } from "../../api/types";
import { dataChanged } from "../../shell/dataset.svelte";
import { doing, remember, say, type Undoable } from "../../shell/doing.svelte";

type Verb = Parameters<typeof api.edit>[1];

interface Edit {
  readonly dataset: string;
  readonly verb: Verb;
  readonly body: { readonly selection?: SelectionSpec; readonly [key: string]: unknown };
}

/** Edits made while the server cannot be reached, in their order. Each names its snapshot, so it means the same later. */
let held: readonly Edit[] = [];

function hold(edits: readonly Edit[]): void {
  held = edits;
  doing.held = edits.length;
}

/** Whether the server took it; without a connection it is kept, and written later. */
export async function write(dataset: string, verb: Verb, body: Edit["body"]): Promise<boolean> {
  const edit = { dataset, verb, body };
  const how = held.length ? "lost" : await sent(edit);
  if (how !== "lost") return how === "written";
  if (!held.length) whenBack(() => void sendHeld());
  hold([...held, edit]);
  return false;
}

async function sendHeld(): Promise<void> {
  for (let edit = held[0]; edit; edit = held[0]) {
    if ((await sent(edit)) === "lost") return whenBack(() => void sendHeld());
    hold(held.slice(1));
  }
}

async function sent(edit: Edit): Promise<"written" | "refused" | "lost"> {
  try {
    took(edit.dataset, await api.edit(edit.dataset, edit.verb, edit.body));
    return "written";
  } catch (error) {
    if (isLost(error)) return "lost";
    const problem = asProblem(error);
    say(problem.detail || problem.title, "wrong", problem.hint);
    return "refused";
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
