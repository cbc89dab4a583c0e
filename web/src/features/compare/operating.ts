/** The numbers of an evaluation if only predictions from some score on counted; worked out here, so that a handle can be dragged. */
import type { Frame } from "../../api/frame";

/** k classes; `right` and `wrong` have `bins` counts for each, one class after another. */
export interface ScoreBins {
  readonly classes: readonly string[];
  readonly low: number;
  readonly high: number;
  readonly bins: number;
  readonly right: Uint32Array;
  readonly wrong: Uint32Array;
  readonly truths: Uint32Array;
}

export interface Point {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly precision: number | null;
  readonly recall: number | null;
  readonly f1: number | null;
}

/** A square of counts, row by row: row the true class, column the predicted one. */
export interface Counts {
  readonly size: number;
  readonly values: Uint32Array;
}

/** Pairs by bin of the score; NEVER: a true object that no prediction finds. The background is the last class. */
export interface MixUps {
  readonly size: number;
  readonly bin: Uint8Array;
  readonly row: Uint16Array;
  readonly column: Uint16Array;
  readonly count: Uint32Array;
}
const NEVER = 255;

const header = (frame: Frame, name: string): unknown => frame.header[name];
const numberIn = (frame: Frame, name: string, otherwise: number): number => {
  const found = header(frame, name);
  return typeof found === "number" ? found : otherwise;
};
const wordsIn = (frame: Frame, name: string): string[] => {
  const found = header(frame, name);
  return Array.isArray(found) ? found.filter((one): one is string => typeof one === "string") : [];
};

export function readBins(frame: Frame): ScoreBins | null {
  const [right, wrong, truths] = ["right", "wrong", "truths"].map((name) => frame.columns.get(name));
  if (!(right instanceof Uint32Array) || !(wrong instanceof Uint32Array) || !(truths instanceof Uint32Array)) return null;
  return { classes: wordsIn(frame, "classes"), low: numberIn(frame, "low", 0), high: numberIn(frame, "high", 1), bins: numberIn(frame, "bins", 100), right, wrong, truths };
}

export function readMixUps(frame: Frame): MixUps | null {
  const [bin, row, column, count] = ["bin", "row", "column", "count"].map((name) => frame.columns.get(name));
  if (!(bin instanceof Uint8Array) || !(row instanceof Uint16Array) || !(column instanceof Uint16Array) || !(count instanceof Uint32Array)) return null;
  return { size: wordsIn(frame, "classes").length + 1, bin, row, column, count };
}

/** The bin that a threshold begins; the score that a bin begins with. */
export const binOf = (of: ScoreBins, score: number): number => Math.min(of.bins - 1, Math.max(0, Math.round(((score - of.low) / (of.high - of.low)) * of.bins)));
export const scoreOf = (of: ScoreBins, bin: number): number => Number((of.low + (bin * (of.high - of.low)) / of.bins).toPrecision(6));

/** Counts from every bin on: of one class, or of all together. */
export function pointsOf(of: ScoreBins, label = -1): Point[] {
  const { bins, right, wrong, truths } = of;
  const classes = label < 0 ? [...truths.keys()] : [label];
  const total = classes.reduce((sum, one) => sum + (truths[one] ?? 0), 0);
  const found: Point[] = new Array<Point>(bins);
  let [tp, fp] = [0, 0];
  for (let bin = bins - 1; bin >= 0; bin--) {
    for (const one of classes) {
      tp += right[one * bins + bin] ?? 0;
      fp += wrong[one * bins + bin] ?? 0;
    }
    found[bin] = point(tp, fp, total - tp);
  }
  return found;
}

export function point(tp: number, fp: number, fn: number): Point {
  const part = (a: number, b: number): number | null => (b > 0 ? a / b : null);
  return { tp, fp, fn, precision: part(tp, tp + fp), recall: part(tp, tp + fn), f1: part(2 * tp, 2 * tp + fp + fn) };
}

/** The bin from which F1 is greatest; the lowest of several. */
export function bestBin(points: readonly Point[]): number {
  let best = 0;
  for (const [bin, one] of points.entries()) if ((one.f1 ?? -1) > (points[best]?.f1 ?? -1)) best = bin;
  return best;
}

/** An object whose prediction does not count any more is missed. */
export function confusionAt(of: MixUps, bin: number): Counts {
  const { size } = of;
  const values = new Uint32Array(size * size);
  const none = size - 1;
  for (let i = 0; i < of.bin.length; i++) {
    const [at, row, column, count] = [of.bin[i] ?? NEVER, of.row[i] ?? none, of.column[i] ?? none, of.count[i] ?? 0];
    const to = at !== NEVER && at >= bin ? row * size + column : row < none ? row * size + none : -1;
    if (to >= 0) values[to] = (values[to] ?? 0) + count;
  }
  return { size, values };
}

/** Yes and no at a bin: the first class is what is asked for, the second its absence. */
export function yesOrNoAt(of: ScoreBins, bin: number, samples: number): Counts {
  const { tp, fp, fn } = pointsOf(of)[bin] ?? point(0, 0, 0);
  return { size: 2, values: Uint32Array.of(tp, fn, fp, Math.max(0, samples - tp - fp - fn)) };
}

export function countsOf(rows: readonly (readonly number[])[]): Counts {
  const size = rows.length;
  const values = new Uint32Array(size * size);
  rows.forEach((row, at) => values.set(row.slice(0, size), at * size));
  return { size, values };
}
