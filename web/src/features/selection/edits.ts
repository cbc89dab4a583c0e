/** Writes to the data set. Each says what it did, and leaves a way back in the undo list. */
import { api } from "../../api/client";
import { asProblem } from "../../api/problem";
import type { EditAnswer, SelectionSpec } from "../../api/types";
import { dataChanged } from "../../shell/dataset.svelte";
import { remember, say } from "../../shell/doing.svelte";

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

function took(dataset: string, answer: EditAnswer): void {
  say(answer.said);
  dataChanged();
  const token = answer.undo;
  if (!token) return;
  remember({
    name: answer.said,
    async undo() {
      try {
        await api.edit(dataset, "undo", { undo: token });
        say(`Took back: ${answer.said}`);
        dataChanged();
      } catch (error) {
        const problem = asProblem(error);
        say(`Could not take back: ${problem.detail}`, "wrong", problem.hint);
      }
    },
  });
}
