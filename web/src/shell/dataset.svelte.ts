/** The data set of the link and its present view, as the server sees them: what header, Explore, Map … all read. */
import { untrack } from "svelte";
import { once } from "../api/cache.svelte";
import { api } from "../api/client";
import { connection } from "../api/connection.svelte";
import { asProblem, isAbort, type Problem } from "../api/problem";
import type { DatasetInfo, FieldInfo, ViewAnswer, ViewSpec } from "../api/types";
import { viewSpec } from "../lib/spec";
import { doing } from "./doing.svelte";
import { route } from "./router.svelte";

/** A grid that shows no picture by then (there is none, or it is not on the screen) is waited for no more. */
const PATIENCE_MS = 2500;

interface View {
  readonly dataset: string;
  readonly spec: ViewSpec | null;
  readonly key: string;
}
const NONE: View = { dataset: "", spec: null, key: "" };

class Current {
  info = $state.raw<DatasetInfo | undefined>(undefined);
  problem = $state.raw<Problem | undefined>(undefined);
  /** The answer to the view; that of the view before while `waiting`. */
  answer = $state.raw<ViewAnswer | undefined>(undefined);
  viewProblem = $state.raw<Problem | undefined>(undefined);
  waiting = $state(false);
  /** The snapshot shown while the link names no version: stays until the reader asks for the newer one. */
  pinned = $state<number | null>(null);

  /** The first pictures of this data set are on the screen: what they do not need waits so long. */
  seen = $derived.by(() => this.seenIn === route.link.dataset);
  seenIn = $state("");

  /** The epoch that `info` is of. */
  at = $state(-1);
  /** Data changed and is being asked for again: until then, nobody asks for what only its newest state has. */
  behind = $derived(this.at !== doing.epoch);

  /**
   * What the link asks for, as the wire says it; and what names that for caches: the same key, the same answer. While data
   * that changed is asked for again both stay as they were: the link may speak of what the state before does not have.
   */
  #view: View = $derived.by(() => {
    const info = this.info;
    const dataset = route.link.dataset;
    if (!info || info.name !== dataset) return NONE;
    if (this.behind && this.#before.dataset === dataset) return this.#before;
    const spec = viewSpec(route.link, info, this.pinned);
    this.#before = { dataset, spec, key: `${dataset} ${JSON.stringify(spec)} ${this.at}` };
    return this.#before;
  });
  #before = NONE;
  spec: ViewSpec | null = $derived(this.#view.spec);
  key: string = $derived(this.#view.key);
  field = (name: string): FieldInfo | undefined => this.info?.fields.find((field) => field.name === name);
}

export const current = new Current();

/** Follow the link. Called once, by the header. */
export function followDataset(): void {
  // Other changes of the link are no reason to ask again: what was forgotten as stale would come anew, unasked.
  const name = $derived(route.link.dataset);
  let again = $state({ info: 0, view: 0 });
  $effect(() => {
    void connection.returns;
    untrack(() => {
      if (current.problem?.status === 0) again.info += 1;
      if (current.viewProblem?.status === 0) again.view += 1;
    });
  });
  $effect(() => {
    void [doing.epoch, again.info];
    if (!name) {
      current.info = undefined;
      return;
    }
    const stop = new AbortController();
    const epoch = doing.epoch;
    once(`dataset ${name} ${epoch}`, () => api.dataset(name)).then(
      (info) => {
        if (stop.signal.aborted) return;
        current.info = info;
        current.problem = undefined;
        current.pinned = info.snapshot;
        current.at = epoch;
      },
      (error) => {
        if (stop.signal.aborted || isAbort(error)) return;
        current.info = undefined;
        current.problem = asProblem(error);
      },
    );
    return () => stop.abort();
  });
  $effect(() => {
    const name = route.link.dataset;
    if (current.info?.name !== name) return;
    const patience = setTimeout(() => (current.seenIn = name), PATIENCE_MS);
    return () => clearTimeout(patience);
  });
  $effect(() => {
    const { key, spec } = current;
    void again.view;
    if (!spec) return;
    const stop = new AbortController();
    current.waiting = true;
    once(`view ${key}`, () => api.view(name, spec, stop.signal)).then(
      (answer) => {
        if (stop.signal.aborted) return;
        current.answer = answer;
        current.viewProblem = undefined;
        current.waiting = false;
      },
      (error) => {
        if (stop.signal.aborted) return;
        current.viewProblem = asProblem(error);
        current.waiting = false;
      },
    );
    return () => stop.abort();
  });
}

/** Data changed by our own hand: ask for all again, at the newest snapshot. */
export function dataChanged(): void {
  doing.epoch += 1;
}
