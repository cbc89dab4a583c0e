/** Where a sample stands in a view: the ids around it, a page at a time. */
import { api } from "../../api/client";
import { isAbort } from "../../api/problem";
import type { AroundAnswer, ViewSpec } from "../../api/types";

const AROUND = 64;

interface Found extends Pick<AroundAnswer, "ids" | "offset" | "of"> {
  /** The sample that was asked about. */
  readonly id: number;
}

export class Around {
  #id = $state(-1);
  #found = $state.raw<Found>({ id: -1, ids: [], offset: 0, of: 0 });
  #place: number = $derived(this.#found.ids.indexOf(this.#id));
  /** Whether there is an answer about the sample. */
  known: boolean = $derived(this.#place >= 0 || this.#found.id === this.#id);
  /** Counted from 0 in the whole view; -1 where it is not in it, or not known yet. */
  position: number = $derived(this.#place >= 0 ? this.#found.offset + this.#place : -1);
  /** Samples in the view. */
  of: number = $derived(this.#found.of);

  /** Gives back what ends it. */
  look(name: string, view: ViewSpec, id: number): () => void {
    const stop = new AbortController();
    this.#id = id;
    api.around(name, view, id, AROUND, stop.signal).then(
      (found) => (this.#found = { ...found, id }),
      (error: unknown) => {
        if (!isAbort(error)) this.#found = { id, ids: [], offset: 0, of: 0 };
      },
    );
    return () => stop.abort();
  }

  /** The id so many places on; undefined at an end. */
  at(by: number): number | undefined {
    return this.#place >= 0 ? this.#found.ids[this.#place + by] : undefined;
  }
}
