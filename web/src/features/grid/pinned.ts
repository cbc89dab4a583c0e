/** The reader's pinned fields of a hovered tile: asked for when the pointer rests, and said in a line each. */
import { api } from "../../api/client";
import type { ObjectDetail, SampleDetail } from "../../api/types";
import { value } from "../../lib/say";

/** So many fields fit on a tile. */
export const MOST_PINNED = 3;
const AFTER_MS = 80;
const KEPT = 100;

/** The pinned fields with one more or one less; the oldest goes where there are too many. */
export function withPinned(pinned: readonly string[], of: string): string[] {
  return pinned.includes(of) ? pinned.filter((other) => other !== of) : [...pinned.slice(-(MOST_PINNED - 1)), of];
}

/** A time by the minute; all else as everywhere. */
function said(one: unknown): string {
  return typeof one === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(one) ? one.slice(0, 16).replace("T", " ") : value(one);
}

function ofObject(object: ObjectDetail, name: string): unknown {
  if (name === "label" || name === "score" || name === "value" || name === "frame" || name === "track_id") return object[name];
  if (name === "tags") return object.tags.join(", ") || null;
  if (name === "box.rel_area") return null; // needs the picture's size; the grid shows the box itself
  return object.attributes[name];
}

/** A line for each pinned field that the sample has something to say about. `objectId`: the tile is that one object. */
export function pinnedNotes(pinned: readonly string[], detail: SampleDetail, objectId?: number): string[] {
  const lines: string[] = [];
  for (const of of pinned) {
    const dot = of.indexOf(".");
    const objects = dot > 0 ? detail.fields[of.slice(0, dot)] : undefined;
    const own = objects?.some((object) => object.id === objectId) ? objects.filter((object) => object.id === objectId) : objects;
    const name = own ? of.slice(dot + 1) : of;
    const values = own ? own.map((object) => ofObject(object, name)) : [of === "tags" ? detail.tags.join(", ") || null : detail.columns[of]];
    const counts = new Map<string, number>();
    for (const one of values) if (one !== null && one !== undefined) counts.set(said(one), (counts.get(said(one)) ?? 0) + 1);
    const words = [...counts].slice(0, 4).map(([text, n]) => (n > 1 ? `${n} ${text}` : text));
    if (words.length) lines.push(`${name}: ${words.join(", ")}${counts.size > 4 ? ", …" : ""}`);
  }
  return lines;
}

export interface Details {
  /** What is known of a sample; asked for where it is not, once the pointer has rested on it. */
  get(id: number): SampleDetail | undefined;
}

/** `came` is called when an answer is there. Answers of another data set or snapshot are forgotten. */
export function hoverDetails(of: () => { readonly name: string; readonly snapshot: number | null; readonly key: string }, came: () => void): Details {
  const known = new Map<number, SampleDetail>();
  let key = "";
  let wanted = -1;
  let timer = 0;
  return {
    get(id) {
      const now = of();
      if (now.key !== key) known.clear();
      key = now.key;
      const found = known.get(id);
      if (found || wanted === id) return found;
      wanted = id;
      clearTimeout(timer);
      timer = window.setTimeout(() => {
        api.sample(now.name, id, now.snapshot).then(
          (detail) => {
            if (of().key !== now.key) return;
            known.set(id, detail);
            if (known.size > KEPT) known.delete(known.keys().next().value ?? -1);
            came();
          },
          () => {
            if (wanted === id) wanted = -1; // asked again when the pointer comes back
          },
        );
      }, AFTER_MS);
      return undefined;
    },
  };
}
