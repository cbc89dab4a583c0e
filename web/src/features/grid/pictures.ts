/**
 * Small pictures by sample: wanted ones are streamed many to a request, nearest first, and a request whose pictures have all
 * been scrolled past is given up. Compressed and decoded ones are kept up to a limit of bytes each.
 */
import { isAbort } from "../../api/problem";
import type { Thumb } from "../../api/thumbs";
import { lru } from "../../lib/lru";
import { decode as decodeBytes, type Drawable, weightOf } from "./decode";

const SIZES = [128, 256, 512] as const;
export type Size = (typeof SIZES)[number];
export type Picture = { readonly kind: "picture"; readonly drawable: Drawable } | { readonly kind: "broken"; readonly reason: string };

export interface Pictures {
  /** The decoded picture of this size, or of another size while this one is not here. */
  get(id: number, size: Size): Picture | undefined;
  /** What is in sight or near it, nearest first. `passing`: there will be more of them soon, to be asked for together. */
  want(ids: readonly number[], size: Size, passing: boolean): void;
  close(): void;
}

const LIMIT = 128 * 1024 * 1024;
const BATCH = 96;
const AT_ONCE = 3;
/** Decoded at once: the rest waits here, where what was scrolled past meanwhile can be left out. */
const DECODING = 16;

/** Names a picture of a size. A number: it is made for each tile of each frame. */
const key = (id: number, size: Size): number => 4 * id + SIZES.indexOf(size);

export function pictures(
  stream: (ids: readonly number[], size: Size, take: (thumb: Thumb) => void, signal: AbortSignal) => Promise<void>,
  arrived: () => void,
): Pictures {
  const decoded = lru<number, Picture>(LIMIT, (picture) => picture.kind === "picture" && picture.drawable.close());
  const packed = lru<number, Uint8Array<ArrayBuffer>>(LIMIT);
  const flying = new Map<AbortController, Set<number>>();
  const decoding = new Set<number>();
  /** Here, not decoded yet, and wanted when they came. */
  const waiting = new Set<number>();
  let wanted: readonly number[] = [];
  let wantedSize: Size = 256;
  let passing = false;
  let failures = 0;
  let closed = false;

  async function decode(name: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    decoding.add(name);
    try {
      const drawable = await decodeBytes(bytes);
      if (closed) return drawable.close();
      decoded.set(name, { kind: "picture", drawable }, weightOf(drawable));
    } catch {
      decoded.set(name, { kind: "broken", reason: "The browser cannot read this picture" }, 64);
    }
    decoding.delete(name);
    arrived();
    decodeNext();
  }

  /** What is nearest to what is in sight comes first, whenever it came. */
  function decodeNext(): void {
    for (const id of wanted) {
      if (decoding.size >= DECODING || !waiting.size) return;
      const name = key(id, wantedSize);
      const bytes = waiting.has(name) ? packed.get(name) : undefined;
      if (!bytes) continue;
      waiting.delete(name);
      void decode(name, bytes);
    }
    // What is left was scrolled past: it is decoded when it is wanted again.
    if (decoding.size < DECODING) waiting.clear();
  }

  function take(thumb: Thumb, size: Size): void {
    const name = key(thumb.id, size);
    for (const names of flying.values()) names.delete(name);
    if (thumb.kind === "broken") {
      decoded.set(name, { kind: "broken", reason: thumb.reason }, 64);
      arrived();
      return;
    }
    packed.set(name, thumb.bytes, thumb.bytes.length);
    waiting.add(name);
    decodeNext();
  }

  function next(): void {
    const onTheWay = new Set<number>();
    for (const names of flying.values()) for (const name of names) onTheWay.add(name);
    const missing: number[] = [];
    for (const id of wanted) {
      const name = key(id, wantedSize);
      if (decoded.has(name) || onTheWay.has(name) || decoding.has(name)) continue;
      if (packed.has(name)) waiting.add(name);
      else missing.push(id);
    }
    decodeNext();
    // A few wait for the request that is on its way, or for more of them: each costs as much as ten pictures.
    while (missing.length >= (flying.size || passing ? BATCH / 2 : 1) && flying.size < AT_ONCE && failures < 5) ask(missing.splice(0, BATCH), wantedSize);
  }

  function ask(ids: readonly number[], size: Size): void {
    const stop = new AbortController();
    flying.set(stop, new Set(ids.map((id) => key(id, size))));
    stream(ids, size, (thumb) => take(thumb, size), stop.signal).then(
      () => (failures = 0),
      (error: unknown) => {
        if (!isAbort(error)) failures += 1;
      },
    ).finally(() => {
      flying.delete(stop);
      next();
    });
  }

  return {
    get(id, size) {
      const best = decoded.get(key(id, size));
      if (best) return best;
      for (const other of [256, 512, 128] as const) {
        const found = decoded.get(key(id, other));
        if (found) return found;
      }
      return undefined;
    },
    want(ids, size, more) {
      wanted = ids;
      wantedSize = size;
      passing = more;
      failures = Math.min(failures, 4);
      const still = new Set(ids.map((id) => key(id, size)));
      for (const [stop, names] of flying) {
        if (![...names].some((name) => still.has(name))) stop.abort();
      }
      next();
    },
    close() {
      closed = true;
      wanted = [];
      for (const stop of flying.keys()) stop.abort();
      decoded.clear();
      packed.clear();
    },
  };
}
