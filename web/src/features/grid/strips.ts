/** Strips of frames of the videos that the pointer came over: a few of them are kept. */
import type { Thumb } from "../../api/thumbs";
import { lru } from "../../lib/lru";
import { decodeBitmap } from "./decode";

const KEPT = 24;

export interface Strips {
  /** The strip of a video; where it is not here it is asked for. */
  get(id: number): ImageBitmap | undefined;
  close(): void;
}

export function strips(fetch: (id: number, take: (thumb: Thumb) => void, signal: AbortSignal) => Promise<void>, arrived: () => void): Strips {
  const held = lru<number, ImageBitmap>(KEPT, (bitmap) => bitmap.close());
  const asked = new Set<number>();
  const stop = new AbortController();
  return {
    get(id) {
      const found = held.get(id);
      if (found || asked.has(id)) return found;
      // A video that gives no strip is not asked again: its tile stays as it is.
      asked.add(id);
      fetch(
        id,
        (thumb) => {
          if (thumb.kind !== "picture") return;
          void decodeBitmap(thumb.bytes).then((bitmap) => {
            if (stop.signal.aborted) return bitmap.close();
            held.set(id, bitmap, 1);
            asked.delete(id);
            arrived();
          }, () => undefined);
        },
        stop.signal,
      ).catch(() => undefined);
      return undefined;
    },
    close() {
      stop.abort();
      held.clear();
    },
  };
}
