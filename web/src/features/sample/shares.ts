/** Of a class map: which classes are on it, and how much of the picture each takes. */
import type { Frame } from "../../api/frame";

export interface Share {
  readonly cls: number;
  /** Part of the picture, 0 to 1; over several maps, of all of them. */
  readonly share: number;
}

/** From run lengths down the columns, zeros first; the largest share first. */
export function sharesOf(frame: Frame): Share[] {
  const { columns } = frame;
  const [cls, height, width, offsets, counts] = ["class", "height", "width", "offsets", "counts"].map((name) => columns.get(name));
  if (!cls || !height || !width || !offsets || !counts) return [];
  const pixels = new Map<number, number>();
  const sizes = new Map<number, number>();
  const ids = columns.get("id");
  for (let i = 0; i < cls.length; i++) {
    let on = 0;
    for (let run = Number(offsets[i]) + 1; run < Number(offsets[i + 1]); run += 2) on += Number(counts[run]);
    const one = Number(cls[i]);
    pixels.set(one, (pixels.get(one) ?? 0) + on);
    sizes.set(Number(ids?.[i]), Number(height[i]) * Number(width[i]));
  }
  const whole = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  return [...pixels].map(([one, on]) => ({ cls: one, share: whole ? on / whole : 0 })).sort((a, b) => b.share - a.share);
}
