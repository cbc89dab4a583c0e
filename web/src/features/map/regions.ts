/** Where on the map a value lies together: the place for its word. Plain values. */
import type { Points } from "./plane";

/** A place in 0 … 65535, where most points around are of one part. */
export interface Region {
  readonly part: number;
  readonly x: number;
  readonly y: number;
  readonly points: number;
}

const CELLS = 24;
/** Any prefix is a fair sample: more points change no word's place. */
const ENOUGH = 60_000;
/** A word stands where half of what is around it is of its part. */
const SHARE = 0.5;
const LEAST = 8;
const MOST_EACH = 2;
/** Words of one part are so many cells apart. */
const APART = 7;

export function regionsOf(points: Points, part: Uint8Array | undefined, view: Uint8Array | undefined, parts: number): Region[] {
  if (!part || !parts) return [];
  const count = Math.min(ENOUGH, points.x.length);
  const all = new Uint32Array(CELLS * CELLS);
  const each = new Uint32Array(CELLS * CELLS * parts);
  const cellOf = (i: number): number => Math.floor(((points.y[i] ?? 0) * CELLS) / 65_536) * CELLS + Math.floor(((points.x[i] ?? 0) * CELLS) / 65_536);
  for (let i = 0; i < count; i++) {
    if (view?.[i] === 0) continue;
    const [cell, of] = [cellOf(i), part[i] ?? 255];
    all[cell] = (all[cell] ?? 0) + 1;
    if (of < parts) each[of * CELLS * CELLS + cell] = (each[of * CELLS * CELLS + cell] ?? 0) + 1;
  }
  const found: Region[] = [];
  for (let of = 0; of < parts; of++) {
    const mine = each.subarray(of * CELLS * CELLS, (of + 1) * CELLS * CELLS);
    const peaks = [...mine.keys()].map((cell) => around(mine, cell)).filter((one) => one.sum >= LEAST).sort((a, b) => b.sum - a.sum);
    const kept: typeof peaks = [];
    for (const peak of peaks) {
      if (kept.length >= MOST_EACH || peak.sum < 0.3 * (peaks[0]?.sum ?? 0)) break;
      if (kept.some((other) => Math.hypot(other.x - peak.x, other.y - peak.y) < APART)) continue;
      if (peak.sum >= SHARE * around(all, peak.cell).sum) kept.push(peak);
    }
    for (const { x, y, sum } of kept) found.push({ part: of, x: ((x + 0.5) * 65_535) / CELLS, y: ((y + 0.5) * 65_535) / CELLS, points: sum });
  }
  return found.sort((a, b) => b.points - a.points);
}

/** What a cell and its neighbours hold, and the middle of that. */
function around(counts: Uint32Array, cell: number): { readonly cell: number; readonly sum: number; readonly x: number; readonly y: number } {
  const [row, column] = [Math.floor(cell / CELLS), cell % CELLS];
  let [sum, x, y] = [0, 0, 0];
  for (let r = Math.max(0, row - 1); r <= Math.min(CELLS - 1, row + 1); r++)
    for (let c = Math.max(0, column - 1); c <= Math.min(CELLS - 1, column + 1); c++) {
      const n = counts[r * CELLS + c] ?? 0;
      sum += n;
      x += n * c;
      y += n * r;
    }
  return { cell, sum, x: sum ? x / sum : column, y: sum ? y / sum : row };
}

/** A word on the screen; those that would lie over a larger region's are left out. */
export interface Word {
  readonly text: string;
  readonly part: number;
  readonly left: number;
  readonly top: number;
}

export function wordsOn(regions: readonly Region[], names: readonly string[], { ax, bx, ay, by }: { ax: number; bx: number; ay: number; by: number }, wide: number, high: number): Word[] {
  const kept: (Word & { readonly half: number })[] = [];
  for (const region of regions) {
    const text = names[region.part] ?? "";
    const [left, top, half] = [region.x * ax + bx, region.y * ay + by, 4 + 3.6 * text.length];
    if (!text || left < 0 || top < 0 || left > wide || top > high) continue;
    if (!kept.some((other) => Math.abs(other.left - left) < other.half + half && Math.abs(other.top - top) < 18)) kept.push({ text, part: region.part, left, top, half });
  }
  return kept;
}
