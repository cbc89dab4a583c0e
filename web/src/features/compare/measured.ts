/** Evaluations as the page reads them: which are compared, what each number became, what a cell of the matrix asks for. */
import { quoted } from "../../lib/filter";

export interface EvaluationLine {
  readonly key: string;
  readonly task: string;
  readonly protocol: string;
  readonly truth: string;
  readonly predicted: string;
  readonly snapshot: number;
  readonly at: string;
  readonly author: string;
  readonly samples: number;
  readonly main: string;
  readonly numbers: Readonly<Record<string, number | null>>;
}

export type Numbers = Readonly<Record<string, number | null>>;

export interface Evaluation extends EvaluationLine {
  readonly classes: readonly string[];
  readonly per_class: Readonly<Record<string, Numbers>>;
  readonly counts: Readonly<Record<string, number>>;
  /** Row the true class, column the predicted one; one more of each, the background, where objects can be missed. */
  readonly confusion: readonly (readonly number[])[] | null;
  readonly reliability: Reliability | null;
  readonly slices: readonly { readonly name: string; readonly numbers: Numbers }[];
  readonly intervals: Readonly<Record<string, Interval>>;
  readonly thresholds: readonly number[];
  readonly settings: { readonly iou?: number; readonly options?: { readonly threshold?: number } };
}

export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface Reliability {
  readonly edges: readonly number[];
  readonly count: readonly number[];
  readonly confidence: readonly (number | null)[];
  readonly accuracy: readonly (number | null)[];
  readonly ece: number;
}

export interface Curve {
  readonly recall: readonly (number | null)[];
  readonly precision: readonly (number | null)[];
  readonly score: readonly (number | null)[];
}

export interface Step {
  readonly title: string;
  readonly family: string;
  readonly expected: number;
  readonly objects: number;
  readonly field: string;
  readonly ids: readonly number[];
  readonly how: string;
  readonly assumes: string;
}

export interface Comparison {
  readonly difference: Readonly<Record<string, Interval>>;
  readonly p_value: Readonly<Record<string, number>>;
}

/** The keys in the link, as far as they exist: the one looked at, and the one it is set beside. The newest by default. */
export function chosenOf(known: readonly { readonly key: string }[], text: string | undefined): readonly string[] {
  const keys = new Set(known.map((one) => one.key));
  const asked = [...new Set((text ?? "").split(",").filter((key) => keys.has(key)))].slice(0, 2);
  const newest = known.at(-1)?.key;
  return asked.length ? asked : newest === undefined ? [] : [newest];
}

/** A click looks at one; "beside" sets it beside the first, or takes it away again. */
export function pick(chosen: readonly string[], key: string, beside: boolean): readonly string[] {
  const [first] = chosen;
  if (!beside || first === undefined) return [key];
  if (chosen.includes(key)) return chosen.length > 1 ? chosen.filter((other) => other !== key) : chosen;
  return [first, key];
}

/** Rows of a table of numbers: now, before, and by how much it rose. */
export interface Row {
  readonly name: string;
  readonly now: number | null;
  readonly before: number | null;
  readonly gained: number | null;
}

export function rowOf(name: string, now: number | null | undefined, before: number | null | undefined): Row {
  const [a, b] = [now ?? null, before ?? null];
  return { name, now: a, before: b, gained: a === null || b === null ? null : a - b };
}

/** Numbers in the order of the evaluation, the main one first. */
export function numberRows(now: EvaluationLine, before: EvaluationLine | undefined): Row[] {
  const names = Object.keys(now.numbers).sort((a, b) => Number(b === now.main) - Number(a === now.main));
  return names.map((name) => rowOf(name, now.numbers[name], before?.numbers[name]));
}

/** What is a count and no share: how many objects or samples took part. */
const AMOUNTS = new Set(["truths", "samples", "predictions", "n", "pictures", "videos", "support", "true", "tp", "fp", "fn", "idsw", "frag", "mt", "pt", "ml"]);
export const isAmount = (name: string): boolean => AMOUNTS.has(name);

/** The number of a class or slice that says most: the main one, one that weighs both kinds of mistakes, or the first that is no amount. */
export function leading(numbers: Numbers | undefined, main: string): string {
  if (!numbers) return main;
  return [main, "AP", "f1"].find((name) => name in numbers) ?? Object.keys(numbers).find((name) => !isAmount(name)) ?? main;
}

/** How much there is of a class or slice. */
export function amountOf(numbers: Numbers): number | null {
  const [tp, fn] = [numbers["tp"], numbers["fn"]];
  return numbers["truths"] ?? numbers["support"] ?? numbers["samples"] ?? (typeof tp === "number" && typeof fn === "number" ? tp + fn : null);
}

/** The score that yes was said from, where the evaluation itself has such a threshold; else all scores count. */
export const measuredFrom = (of: Evaluation): number | null =>
  of.protocol === "binary" || of.protocol === "multilabel" ? (of.settings.options?.threshold ?? 0.5) : null;

/** .412, 12.3, 1,204: shares without the naught, as score boards print them. */
export function share(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return "—";
  if (Math.abs(value) < 0.9995) return value.toFixed(3).replace("0.", ".");
  return Number.isInteger(value) ? (value === 1 ? "1.00" : value.toLocaleString("en")) : value.toFixed(2);
}

/** ▲.018, ▼.009; nothing where nothing moved. */
export function gain(value: number | null): string {
  if (value === null) return "";
  if (Math.abs(value) < 0.0005) return "±0";
  return (value > 0 ? "▲" : "▼") + share(Math.abs(value));
}

/**
 * The samples behind a cell of the confusion matrix, as a condition. Where no background is counted (one class a sample)
 * the class of both sides says it all; else outcomes do, and a mistaken class is a wrong prediction beside a missed object.
 */
export function cellQuery(of: Evaluation, row: number, column: number): string {
  const { key, truth, predicted, classes } = of;
  const [real, guess] = [classes[row], classes[column]];
  const side = (field: string, outcome: string, label: string | undefined) =>
    `${field}.any(${key}.outcome == '${outcome}'${label === undefined ? "" : ` and label == ${quoted(label)}`})`;
  if (of.task !== "detection" && real !== undefined && guess !== undefined)
    return `${truth}.any(label == ${quoted(real)}) and ${predicted}.any(label == ${quoted(guess)})`;
  if (real === undefined) return side(predicted, "fp", guess);
  if (guess === undefined) return side(truth, "fn", real);
  if (row === column) return side(predicted, "tp", guess);
  return `${side(predicted, "fp", guess)} and ${side(truth, "fn", real)}`;
}

/** The objects of one class with one outcome; a missed one is of the truth, all others of the predictions. */
export function outcomeQuery(of: EvaluationLine, outcome: string, label?: string): string {
  const field = outcome === "fn" ? of.truth : of.predicted;
  return `${field}.any(${of.key}.outcome == '${outcome}'${label === undefined ? "" : ` and label == ${quoted(label)}`})`;
}

/** Cells that are not on the diagonal, the largest first. */
export function mixUps(confusion: readonly (readonly number[])[], classes: number, most = 5): { row: number; column: number; count: number }[] {
  const found = confusion.slice(0, classes).flatMap((cells, row) =>
    cells.slice(0, classes).flatMap((count, column) => (row !== column && count > 0 ? [{ row, column, count }] : [])),
  );
  return found.sort((a, b) => b.count - a.count).slice(0, most);
}

/** The samples of a slice: its condition, or those with an object of the truth that meets it, where only objects have what it names. */
export function sliceQuery(name: string, truth: string, objectNames: readonly string[], columns: readonly string[]): string {
  const first = /^(?:not\s+)?\(*\s*([A-Za-z_]\w*)/.exec(name)?.[1] ?? "";
  const ofObjects = !columns.includes(first) && objectNames.some((other) => other === first || other.startsWith(`${first}.`));
  return ofObjects ? `${truth}.any(${name})` : name;
}

/** One point of a curve that has a score. */
export interface Scored {
  readonly recall: number;
  readonly precision: number;
  readonly score: number;
}

export function scoredPoints(curve: Curve): Scored[] {
  return curve.recall.flatMap((recall, i) => {
    const [precision, score] = [curve.precision[i], curve.score[i]];
    return typeof recall === "number" && typeof precision === "number" && typeof score === "number" ? [{ recall, precision, score }] : [];
  });
}

/** Where a threshold lies on a curve: the furthest point that predictions from this score on reach. */
export function pointFrom(points: readonly Scored[], threshold: number): Scored | undefined {
  return points.findLast((one) => one.score >= threshold) ?? points[0];
}

/** The threshold that reaches a recall. */
export function scoreAt(points: readonly Scored[], recall: number): number | undefined {
  let best = points[0];
  for (const one of points) if (best && Math.abs(one.recall - recall) < Math.abs(best.recall - recall)) best = one;
  return best?.score;
}

/** What each prediction, or class map, is judged by beside right and wrong. */
export interface Fit {
  readonly title: string;
  readonly said: string;
  readonly field: string;
  readonly number: string;
  readonly range?: readonly [number, number];
}

/** Where outcomes alone say little: by how much numbers are off, how well maps, segments and tracked boxes lie. */
export function fitOf(of: EvaluationLine): Fit | null {
  if (of.task === "regression") return { title: "How far off", said: "predicted − true", field: of.predicted, number: `${of.key}.off` };
  const overlap = { said: "IoU", number: `${of.key}.iou`, range: [0, 1] as const };
  if (of.task === "segmentation") return { title: "How alike the maps are", field: of.truth, ...overlap };
  if (of.task === "panoptic" || of.task === "tracking") return { title: "How well the found ones lie", field: of.predicted, ...overlap };
  return null;
}

/** Slices worth a try, which the protocol can measure. */
export function suggestedSlices(of: EvaluationLine, columns: readonly string[]): string[] {
  const known = (...names: readonly string[]): string[] => names.filter((name) => columns.includes(name));
  const bySample = [...known("sequence", "split"), "width > 640"];
  if (of.task === "tracking") return known("sequence", "split");
  if (of.task === "detection") return ["label", "box.rel_area < 0.01", ...known("split"), "width > 640"];
  return of.protocol === "classification" ? ["label", ...bySample] : bySample;
}
