/** Small pictures of some samples or objects as addresses for <img>, each as soon as it is there. */
import { SvelteMap } from "svelte/reactivity";
import { api } from "../../api/client";
import type { Thumb } from "../../api/thumbs";

export interface SmallsWanted {
  readonly name: string;
  readonly ids: readonly number[];
  readonly size: 128 | 256 | 512;
  /** The label field whose objects `ids` are; samples without it. */
  readonly field?: string | undefined;
}

/** To be called while a component is made: what is wanted is followed, and let go with the component. */
export function smalls(wanted: () => SmallsWanted): { readonly of: ReadonlyMap<number, string> } {
  const of = new SvelteMap<number, string>();
  const key = $derived(JSON.stringify(wanted()));
  $effect(() => {
    const { name, ids, size, field } = JSON.parse(key) as SmallsWanted;
    const stop = new AbortController();
    const take = (thumb: Thumb): void => {
      if (thumb.kind === "picture") of.set(thumb.id, URL.createObjectURL(new Blob([thumb.bytes])));
    };
    if (ids.length) {
      const done = field === undefined ? api.thumbs(name, ids, size, take, stop.signal) : api.crops(name, field, ids, size, take, stop.signal);
      done.catch(() => undefined);
    }
    return () => {
      stop.abort();
      for (const address of of.values()) URL.revokeObjectURL(address);
      of.clear();
    };
  });
  return { of };
}
