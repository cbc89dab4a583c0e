/** Which objects of a sample are drawn, and how they are listed. */
import type { DatasetInfo, ObjectDetail, SampleDetail } from "../../api/types";
import { labelColour } from "../labels/colours";
import { spans } from "./film";

export interface Shown {
  readonly field: string;
  readonly object: ObjectDetail;
}

export interface Wish {
  readonly hide: readonly string[];
  readonly least: number;
  /** Single objects that the reader has hidden. */
  readonly hidden: ReadonlySet<number>;
  /** The frame of a video; null: a picture. */
  readonly frame: number | null;
}

export function listed(info: DatasetInfo, sample: SampleDetail, wish: Pick<Wish, "hide" | "least" | "frame">): Shown[] {
  return info.fields
    .filter((field) => !wish.hide.includes(field.name))
    .flatMap((field) =>
      (sample.fields[field.name] ?? [])
        .filter((object) => (object.score === null || object.score >= wish.least) && (wish.frame === null || object.frame === null || object.frame === wish.frame))
        .map((object) => ({ field: field.name, object })),
    );
}

export function drawn(list: readonly Shown[], hidden: ReadonlySet<number>): Shown[] {
  // Large ones first, so that small ones stay on top, where the pointer reaches them.
  const area = ({ object }: Shown): number => (object.box?.[2] ?? 0) * (object.box?.[3] ?? 0);
  return list.filter(({ object }) => !hidden.has(object.id)).sort((a, b) => area(b) - area(a));
}

/** One line for each track, or for each class where there are no tracks. */
export function tracksOf(info: DatasetInfo, sample: SampleDetail, hide: readonly string[]): { name: string; colour: string; spans: { from: number; to: number }[] }[] {
  const frames = new Map<string, { colour: string; at: number[] }>();
  for (const field of info.fields) {
    if (hide.includes(field.name)) continue;
    for (const object of sample.fields[field.name] ?? []) {
      if (object.frame === null || object.frame === undefined) continue;
      const name = [object.label ?? field.name, object.track_id === null || object.track_id === undefined ? "" : String(object.track_id)].filter(Boolean).join(" ");
      const known = frames.get(name) ?? { colour: labelColour(field, object.label), at: [] };
      known.at.push(object.frame);
      frames.set(name, known);
    }
  }
  return [...frames].map(([name, { colour, at }]) => ({ name, colour, spans: [...spans(at)] })).sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}
