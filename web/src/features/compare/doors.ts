/** A number as a door: which samples, and where it is about objects, which of them, lie behind it. */
import { cellQuery, type Evaluation, type EvaluationLine } from "./measured";
import { quoted } from "../../lib/filter";

export interface Door {
  readonly title: string;
  /** A condition on samples. */
  readonly q: string;
  /** The objects themselves, where they are of one field. */
  readonly objects?: { readonly field: string; readonly where: string } | undefined;
}

/** A query is a text of limited length: as many ids as have room in it. */
const MOST_TEXT = 16_000;

export function objectsDoor(title: string, field: string, where: string): Door {
  return { title, q: `${field}.any(${where})`, objects: { field, where } };
}

export function idsDoor(title: string, field: string, ids: readonly number[], all = ids.length): Door {
  const said: string[] = [];
  let length = 0;
  for (const id of ids) {
    length += String(id).length + 2;
    if (length > MOST_TEXT) break;
    said.push(String(id));
  }
  return objectsDoor(said.length < all ? `${title}, the first ${said.length}` : title, field, `id in [${said.join(", ")}]`);
}

const WORDS: Readonly<Record<string, string>> = { tp: "Found", fp: "Made up", fn: "Missed" };

/** The objects with one outcome; a missed one is of the truth, all others of the predictions, from a score on. */
export function outcomeDoor(of: EvaluationLine, outcome: string, label?: string, least?: number | null): Door {
  const field = outcome === "fn" ? of.truth : of.predicted;
  const where = [
    `${of.key}.outcome == '${outcome}'`,
    ...(label === undefined ? [] : [`label == ${quoted(label)}`]),
    ...(outcome === "fn" || least === null || least === undefined ? [] : [`score >= ${least}`]),
  ].join(" and ");
  const said = `${WORDS[outcome] ?? outcome}${label === undefined ? "" : `: ${label}`}`;
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
