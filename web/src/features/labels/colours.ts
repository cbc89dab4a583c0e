/** One class, one colour, everywhere. */
import type { FieldInfo } from "../../api/types";

export const CLASS_COLOURS = ["#609efa", "#f0da1c", "#ec5d4b", "#64f0f4", "#d99bc1", "#9ebf68", "#cd63c6", "#9ac8fd", "#c2e5a7", "#e38f23", "#feb2c1", "#3ace93"] as const;

export const NO_CLASS_COLOUR = "#c8ccd4";

/** Shape as well as hue: 0 none, 1 true positive, 2 false positive, 3 missed, 4 ignored. */
export const OUTCOMES = [
  { sign: "", colour: NO_CLASS_COLOUR, name: "not matched" },
  { sign: "✓", colour: "#3ace93", name: "true positive" },
  { sign: "✕", colour: "#ff7a6b", name: "false positive" },
  { sign: "○", colour: "#f2b93b", name: "missed" },
  { sign: "–", colour: "#9aa0aa", name: "ignored" },
] as const;

export function classColour(field: FieldInfo | undefined, index: number): string {
  return field?.colors[index] ?? CLASS_COLOURS[index % CLASS_COLOURS.length] ?? NO_CLASS_COLOUR;
}

export function labelColour(field: FieldInfo | undefined, label: string | null): string {
  const index = label === null ? -1 : (field?.classes.indexOf(label) ?? -1);
  return index < 0 ? NO_CLASS_COLOUR : classColour(field, index);
}

/** Colour of a mask, or of one class of a class map. `colour`: of the object; null: classes have their own. */
export function partColour(field: FieldInfo | undefined, cls: number, colour: string | null): string {
  return colour ?? classColour(field, cls);
}

/** Null where what is painted of a field has a colour for each class on it. */
export function maskColour(field: FieldInfo | undefined, color: string, colour: string): string | null {
  return field?.kind === "mask" && color !== "outcome" && color !== "field" ? null : colour;
}
