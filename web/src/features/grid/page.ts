/** A page of samples (or objects) with their labels, as columns; and the store that fetches pages as they come into sight. */
import { type Column, type Frame, strings } from "../../api/frame";
import { lru } from "../../lib/lru";

export const NO_CLASS = 65535;
export const NO_COLOUR = 0xffffffff;

export interface FieldPage {
  /** (rows + 1): the first object of each row. */
  readonly first: Uint32Array;
  readonly id: Float64Array;
  readonly cls: Uint16Array;
  readonly score: Float32Array | null;
  readonly box: Uint16Array | null;
  readonly outcome: Uint8Array | null;
  /** Of a video; NaN for objects of the whole sample. */
  readonly frame: Float32Array | null;
  readonly value: Float32Array | null;
  readonly mask: Uint8Array | null;
  readonly poly: { readonly xy: Uint16Array; readonly parts: Uint32Array; readonly objects: Uint32Array } | null;
  readonly points: { readonly xy: Uint16Array; readonly v: Uint8Array; readonly objects: Uint32Array } | null;
}

export interface PageData {
  readonly rows: number;
  readonly id: Float64Array;
  readonly width: Uint32Array;
  readonly height: Uint32Array;
  readonly media: Uint8Array;
  /** Mean colour of each picture, 0xRRGGBB; NO_COLOUR where nobody has seen it yet. */
  readonly colour: Uint32Array | null;
  /** Seconds; NaN for a picture. Null where nothing is a video. */
  readonly duration: Float32Array | null;
  readonly path: readonly string[];
  readonly fields: ReadonlyMap<string, FieldPage>;
  /** Where the tiles are objects. */
  readonly objectId: Float64Array | null;
  readonly objectBox: Uint16Array | null;
}

/** `prefix`: "" for a page; "before." or "after." for a page of differences. */
export function readPage(frame: Frame, fieldNames: readonly string[], prefix = ""): PageData {
  const u1 = (name: string) => pick(frame, prefix + name, Uint8Array);
  const u2 = (name: string) => pick(frame, prefix + name, Uint16Array);
  const u4 = (name: string) => pick(frame, prefix + name, Uint32Array);
  const f4 = (name: string) => pick(frame, prefix + name, Float32Array);
  const f8 = (name: string) => pick(frame, prefix + name, Float64Array);
  const id = f8("id") ?? pick(frame, "id", Float64Array) ?? new Float64Array(0);
  const fields = new Map<string, FieldPage>();
  for (const name of fieldNames) {
    const owner = u4(`${name}.sample`);
    if (!owner) continue;
    const xy = u2(`${name}.poly.xy`);
    const parts = u4(`${name}.poly.parts`);
    const outlines = u4(`${name}.poly.objects`);
    const dots = u2(`${name}.points.xy`);
    const v = u1(`${name}.points.v`);
    const skeletons = u4(`${name}.points.objects`);
    fields.set(name, {
      first: starts(owner, id.length),
      id: f8(`${name}.id`) ?? new Float64Array(owner.length),
      cls: u2(`${name}.class`) ?? new Uint16Array(owner.length).fill(NO_CLASS),
      score: f4(`${name}.score`),
      box: u2(`${name}.box`),
      outcome: u1(`${name}.outcome`),
      frame: f4(`${name}.frame`),
      value: f4(`${name}.value`),
      mask: u1(`${name}.mask`),
      poly: xy && parts && outlines ? { xy, parts, objects: outlines } : null,
      points: dots && v && skeletons ? { xy: dots, v, objects: skeletons } : null,
    });
  }
  return {
    rows: id.length,
    id,
    width: u4("width") ?? new Uint32Array(id.length),
    height: u4("height") ?? new Uint32Array(id.length),
    media: u1("media") ?? new Uint8Array(id.length),
    colour: u4("colour"),
    duration: f4("duration"),
    path: strings(frame, `${prefix}path`),
    fields,
    objectId: f8("object.id"),
    objectBox: u2("object.box"),
  };
}

/** Objects come sorted by row: where each row's begin. */
function starts(owner: Uint32Array, rows: number): Uint32Array {
  const first = new Uint32Array(rows + 1);
  for (const row of owner) first[row + 1] = (first[row + 1] ?? 0) + 1;
  for (let row = 0; row < rows; row++) first[row + 1] = (first[row + 1] ?? 0) + (first[row] ?? 0);
  return first;
}

function pick<T extends Column>(frame: Frame, name: string, type: new (n: number) => T): T | null {
  const column = frame.columns.get(name);
  return column instanceof type ? column : null;
}

export interface Place {
  readonly page: PageData;
  readonly row: number;
}

/** The id that stands for a tile: the object's where tiles are objects. */
export function tileId({ page, row }: Place): number {
  return (page.objectId ?? page.id)[row] ?? 0;
}

export interface PageStore {
  /** The tile's row, if its page is here. */
  at(index: number): Place | undefined;
  /** Fetch what is missing from `first` to `last`; give up fetches that nobody wants any more. */
  want(first: number, last: number): void;
  /** Ids of a range of tiles, fetched if need be, even after `close`. */
  ids(first: number, last: number): Promise<number[]>;
  close(): void;
}

/** Rows that are fetched together. */
export const PAGE = 256;
const KEPT_PAGES = 80;

export function pageStore(
  count: number,
  fetchPage: (offset: number, count: number, signal: AbortSignal) => Promise<PageData>,
  arrived: () => void,
  failed: (error: unknown) => void,
): PageStore {
  const held = lru<number, PageData>(KEPT_PAGES);
  const flying = new Map<number, { stop: AbortController; done: Promise<PageData> }>();
  /** Pages on their way whose ids somebody waits for: those are not given up, whatever is in sight meanwhile. */
  const needed = new Set<number>();

  function giveUp(which: (number: number) => boolean): void {
    for (const [number, { stop }] of flying) if (which(number) && !needed.has(number)) stop.abort();
  }

  function fetchOne(number: number): Promise<PageData> {
    const known = flying.get(number);
    if (known) return known.done;
    const stop = new AbortController();
    const done = fetchPage(number * PAGE, Math.min(PAGE, count - number * PAGE), stop.signal);
    flying.set(number, { stop, done });
    done.then(
      (page) => {
        flying.delete(number);
        needed.delete(number);
        held.set(number, page, 1);
        arrived();
      },
      (error: unknown) => {
        flying.delete(number);
        needed.delete(number);
        if (!stop.signal.aborted) failed(error);
      },
    );
    return done;
  }

  function needOne(number: number): Promise<PageData> {
    needed.add(number);
    return fetchOne(number);
  }

  return {
    at(index) {
      const page = held.get(Math.floor(index / PAGE));
      return page ? { page, row: index % PAGE } : undefined;
    },
    want(first, last) {
      const low = Math.floor(first / PAGE);
      const high = Math.floor(last / PAGE);
      giveUp((number) => number < low - 1 || number > high + 1);
      for (let number = low; number <= high; number++) if (!held.has(number)) fetchOne(number).catch(() => {});
    },
    async ids(first, last) {
      const found: number[] = [];
      for (let number = Math.floor(first / PAGE); number <= Math.floor(last / PAGE); number++) {
        const page = held.get(number) ?? (await needOne(number));
        for (let row = 0; row < page.rows; row++) {
          const index = number * PAGE + row;
          if (index >= first && index <= last) found.push(tileId({ page, row }));
        }
      }
      return found;
    },
    close() {
      giveUp(() => true);
    },
  };
}
