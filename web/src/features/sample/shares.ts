/** Of a class map: which classes are on it, and how much of the picture each takes. */
import type { Frame } from "../../api/frame";
import { partsOf } from "../labels/parts";

export interface Share {
  readonly cls: number;
  /** Part of the picture, 0 to 1; over several maps, of all of them. */
  readonly share: number;
}

/** The largest share first. */
export function sharesOf(frame: Frame): Share[] {
  const pixels = new Map<number, number>();
  const sizes = new Map<number, number>();
  for (const { id, cls, height, width, counts } of partsOf(frame)) {
    let on = 0;
    for (let run = 1; run < counts.length; run += 2) on += counts[run] ?? 0;
    pixels.set(cls, (pixels.get(cls) ?? 0) + on);
    sizes.set(id, height * width);
  }
  const whole = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  return [...pixels].map(([one, on]) => ({ cls: one, share: whole ? on / whole : 0 })).sort((a, b) => b.share - a.share);
}
