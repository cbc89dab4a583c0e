/** Server data has one home: answers by key, shared by all who ask, with the old one shown until the new one is there. */
import { untrack } from "svelte";
import { connection } from "./connection.svelte";
import { asProblem, isAbort, type Problem } from "./problem";

const KEPT = 200;
const answers = new Map<string, Promise<unknown>>();

/** Forget answers whose key begins with this, so that the next to ask asks the server. */
export function forget(prefix = ""): void {
  for (const key of [...answers.keys()]) if (key.startsWith(prefix)) answers.delete(key);
}

/** The answer to a key, asked once. A failed or aborted question is forgotten. */
export function once<T>(key: string, ask: (signal?: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
  const known = answers.get(key);
  if (known) {
    answers.delete(key);
    answers.set(key, known);
    // Keys name one question, and a question has one type of answer.
    return known as Promise<T>;
  }
  const asked = ask(signal);
  answers.set(key, asked);
  asked.catch(() => answers.get(key) === asked && answers.delete(key));
  if (answers.size > KEPT) answers.delete(answers.keys().next().value ?? "");
  return asked;
}

/** How many resources wait for an answer. */
class Asking {
  count = $state(0);
}
export const asking = new Asking();

/** One more waits, until what is returned is called; calling that again does nothing. */
function wait(): () => void {
  let over = false;
  untrack(() => (asking.count += 1));
  return () => {
    if (!over) untrack(() => (asking.count -= 1));
    over = true;
  };
}

export interface Resource<T> {
  readonly data: T | undefined;
  readonly problem: Problem | undefined;
  /** An answer to the present key is on its way; `data` is that of the key before. */
  readonly waiting: boolean;
  retry(): void;
}

/**
 * The answer to `key()`, asked again when the key changes; null asks nothing. Call while a component is set up.
 * A question that is overtaken is aborted; its late answer is dropped.
 */
export function resource<T>(key: () => string | null, ask: (signal: AbortSignal) => Promise<T>): Resource<T> {
  let data = $state.raw<T | undefined>(undefined);
  let problem = $state.raw<Problem | undefined>(undefined);
  let waiting = $state(false);
  let again = $state(0);

  $effect(() => {
    void again;
    const now = key();
    if (now === null) {
      data = undefined;
      problem = undefined;
      waiting = false;
      return;
    }
    const stop = new AbortController();
    const over = wait();
    waiting = true;
    once(now, () => ask(stop.signal)).then(
      (answer) => {
        over();
        if (stop.signal.aborted) return;
        data = answer;
        problem = undefined;
        waiting = false;
      },
      (error) => {
        over();
        if (stop.signal.aborted) return;
        // Another asker of the same key went away and took the question along: ask it again.
        if (isAbort(error)) {
          again += 1;
          return;
        }
        problem = asProblem(error);
        waiting = false;
      },
    );
    return () => {
      over();
      stop.abort();
    };
  });

  // What the network failed to bring is asked for again when it is back; a refusal would be the same.
  $effect(() => {
    void connection.returns;
    untrack(() => {
      if (problem?.status === 0) again += 1;
    });
  });

  return {
    get data() {
      return data;
    },
    get problem() {
      return problem;
    },
    get waiting() {
      return waiting;
    },
    retry() {
      again += 1;
    },
  };
}
