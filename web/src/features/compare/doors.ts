/** A number as a door: which samples, and where it is about objects, which of them, lie behind it. */
import { cellQuery, type Evaluation, type EvaluationLine, isAmount, sliceQuery } from "./measured";
import { quoted } from "../../lib/filter";

export interface Door {
  readonly title: string;
  /** A condition on samples. */
  readonly q: string;
  /** The objects themselves, where they are of one field. */
  readonly objects?: { readonly field: string; readonly where: string } | undefined;
  /** How samples are sorted: the worst first. */
  readonly sort?: string;
}

/** A query is a text of limited length: as many ids as have room in it. */
const MOST_TEXT = 16_000;

export function objectsDoor(title: string, field: string, where: string): Door {
  return { title, q: `${field}.any(${where})`, objects: { field, where } };
}

/** Objects of a field by their ids; samples where no field is named. */
export function idsDoor(title: string, field: string, ids: readonly number[], all = ids.length): Door {
  const said: string[] = [];
  let length = 0;
  for (const id of ids) {
    length += String(id).length + 2;
    if (length > MOST_TEXT) break;
    said.push(String(id));
  }
  const [named, where] = [said.length < all ? `${title}, the first ${said.length}` : title, `id in [${said.join(", ")}]`];
  return field ? objectsDoor(named, field, where) : { title: named, q: where };
}

const FOUND: Readonly<Record<string, string>> = { tp: "found", fp: "made up", fn: "missed" };
const JUDGED: Readonly<Record<string, string>> = { tp: "right", fp: "wrong", fn: "missed" };
/** What an outcome is called: an object is found or made up, an answer is right or wrong. */
export const wordsOf = (task: string): Readonly<Record<string, string>> => (["classification", "regression", "segmentation"].includes(task) ? JUDGED : FOUND);

/** An object of the class that was missed, or a prediction of it that is wrong, as a condition on samples. */
function mistakes(of: EvaluationLine, ...also: readonly string[]): string {
  const side = (field: string, outcome: string): string => `${field}.any(${[`${of.key}.outcome == '${outcome}'`, ...also].join(" and ")})`;
  return `${side(of.truth, "fn")} or ${side(of.predicted, "fp")}`;
}
export const mistakesDoor = (of: EvaluationLine, label: string): Door => ({ title: `${label}: mistakes`, q: mistakes(of, `label == ${quoted(label)}`) });

/** COCO's parts by area, in square pixels. */
const AREAS: Readonly<Record<string, string>> = { small: "box.area < 1024", medium: "box.area >= 1024 and box.area < 9216", large: "box.area >= 9216" };
const MISSED = /^AR|recall|_re$|^idr$|^fn$|^ml$/;
const MADE_UP = /precision|_pr$|^idp$|^fp$/;

/** The samples that keep a number from being better; null where a number only says how much there is. */
export function numberDoor(of: EvaluationLine, name: string, least?: number | null): Door | null {
  if (of.task === "regression" && !isAmount(name)) return { title: "The furthest off first", q: `${of.predicted}.any(${of.key}.off is not None)`, sort: `-${of.predicted}.max(abs(${of.key}.off))` };
  if (of.task === "segmentation" && !isAmount(name)) return { title: "The least alike first", q: `${of.truth}.any(${of.key}.iou is not None)`, sort: `${of.truth}.min(${of.key}.iou)` };
  const area = Object.keys(AREAS).find((part) => name.endsWith(part));
  const condition = area === undefined ? undefined : AREAS[area];
  if (condition !== undefined && !name.startsWith("AR")) return { title: `Mistakes on ${area} boxes`, q: mistakes(of, condition) };
  if (condition !== undefined) return objectsDoor(`Missed: ${area} boxes`, of.truth, `${of.key}.outcome == 'fn' and ${condition}`);
  if (name === "tp") return outcomeDoor(of, "tp", undefined, least);
  if (MISSED.test(name)) return outcomeDoor(of, "fn", undefined, least);
  if (MADE_UP.test(name)) return outcomeDoor(of, "fp", undefined, least);
  return isAmount(name) ? null : { title: "All mistakes", q: mistakes(of) };
}

/** A slice as samples, or those of them with a mistake in it. */
export function sliceDoor(of: EvaluationLine, name: string, objectNames: readonly string[], columns: readonly string[], wrong = false): Door {
  const q = sliceQuery(name, of.truth, objectNames, columns);
  if (!wrong) return { title: name, q };
  return { title: `${name}: mistakes`, q: q === name ? `(${name}) and (${mistakes(of)})` : mistakes(of, `(${name})`) };
}

/** The objects with one outcome; a missed one is of the truth, all others of the predictions, from a score on. */
export function outcomeDoor(of: EvaluationLine, outcome: string, label?: string, least?: number | null): Door {
  const field = outcome === "fn" ? of.truth : of.predicted;
  const where = [
    `${of.key}.outcome == '${outcome}'`,
    ...(label === undefined ? [] : [`label == ${quoted(label)}`]),
    ...(outcome === "fn" || least === null || least === undefined ? [] : [`score >= ${least}`]),
  ].join(" and ");
  const word = wordsOf(of.task)[outcome] ?? outcome;
  const said = `${word.slice(0, 1).toUpperCase()}${word.slice(1)}${label === undefined ? "" : `: ${label}`}`;
  // Which object is missed because its prediction does not count any more, only a cell of the matrix can tell.
  return objectsDoor(outcome === "fn" && least ? `${said}, whatever the score` : said, field, where);
}

export const cellTitle = (of: Evaluation, row: number, column: number): string => {
  const [real, guess] = [of.classes[row], of.classes[column]];
  if (real === undefined) return `${guess ?? "none"} where nothing is`;
  if (guess === undefined) return `${real}, missed`;
  return row === column ? `${real}, found` : `${real} taken for ${guess}`;
};

/** A cell without the help of the server: exact where a sample has one class, else the samples with both mistakes. */
export function cellDoor(of: Evaluation, row: number, column: number): Door {
  return { title: cellTitle(of, row, column), q: cellQuery(of, row, column) };
}
