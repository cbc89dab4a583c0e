/** What an evaluation made of an object, as words and signs; and which evaluation is meant. */
import type { FieldInfo, ObjectDetail } from "../../api/types";
import { classColour, labelColour, NO_CLASS_COLOUR, OUTCOMES } from "./colours";

/** In the order of the codes in OUTCOMES. */
const CODES: readonly string[] = ["", "tp", "fp", "fn", "ignored"];

/** The one that the link names first; the newest where outcomes are to be seen and none is named. */
export function judgeOf(asked: string | undefined, known: readonly string[], color: string): string | undefined {
  const named = (asked ?? "").split(",").find((key) => known.includes(key));
  return named ?? (color === "outcome" ? known.at(-1) : undefined);
}

export function outcomeOf(word: string | null | undefined): (typeof OUTCOMES)[number] | undefined {
  const code = word ? CODES.indexOf(word) : -1;
  return code > 0 ? OUTCOMES[code] : undefined;
}

export function objectColour(field: FieldInfo | undefined, object: Pick<ObjectDetail, "label" | "outcome">, color: string, order: readonly string[] = []): string {
  if (color === "outcome") return outcomeOf(object.outcome)?.colour ?? NO_CLASS_COLOUR;
  if (color === "field" && field) return classColour(undefined, Math.max(0, order.indexOf(field.name)));
  return labelColour(field, object.label);
}

/** .88 */
export const short = (share: number): string => (share >= 0.995 ? "1.0" : share.toFixed(2).replace(/^0/, ""));

/** "✓ car .93": what a name tag says. */
export function tagOf(object: Pick<ObjectDetail, "label" | "score" | "outcome">): string {
  return [outcomeOf(object.outcome)?.sign ?? "", object.label ?? "", object.score === null ? "" : short(object.score)].filter(Boolean).join(" ");
}
