/** Where a sample stands in the present view: the ids around it, a page at a time. */
import { transport } from "../../api/client";
import type { ViewSpec } from "../../api/types";

const AROUND = 64;

export class Around {
  #id = $state(-1);
  #ids = $state.raw<readonly number[]>([]);
  #offset = $state(0);
  #place: number = $derived(this.#ids.indexOf(this.#id));
  /** Counted from 0 in the whole view; -1 where it is not in it. */
  position: number = $derived(this.#place < 0 ? -1 : this.#offset + this.#place);

  /** Gives back what ends it. */
  look(name: string, view: ViewSpec, id: number): () => void {
    const stop = new AbortController();
    this.#id = id;
    transport()
      .json<{ ids: number[]; offset: number }>("POST", `/api/d/${encodeURIComponent(name)}/around`, { view, id, count: AROUND }, stop.signal)
      .then(
        (found) => {
          this.#ids = found.ids;
          this.#offset = found.offset;
        },
        () => (this.#ids = []),
      );
    return () => stop.abort();
  }

  /** The id so many places on; undefined at an end. */
  at(by: number): number | undefined {
    return this.#place < 0 ? undefined : this.#ids[this.#place + by];
  }
}
