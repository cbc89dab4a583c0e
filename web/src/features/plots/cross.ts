/** Two fields against each other: where marks stand, what a mark says, and what a brush over marks chooses. Plain values. */
import type { Choice, ValueType } from "../../lib/filter";
import type { CrossAxis } from "../../api/types";
import { edgeSays, edgeText } from "../filters/edges";

export const sizeOf = (axis: CrossAxis): number => (axis.kind === "histogram" ? Math.max(0, axis.edges.length - 1) : axis.values.length);

/** What a place on an axis is called. */
export function placeSays(axis: CrossAxis, place: number, type: ValueType): string {
  if (axis.kind === "values") return String(axis.values[place] ?? "none");
  const span = (axis.edges.at(-1) ?? 0) - (axis.edges[0] ?? 0);
  return `${edgeSays(axis.edges[place] ?? 0, type, span)} – ${edgeSays(axis.edges[place + 1] ?? 0, type, span)}`;
}

/** The filter of the places `from` … `to`, both in. */
export function choiceOf(axis: CrossAxis, from: number, to: number, type: ValueType): Choice {
  const [first, last] = [Math.min(from, to), Math.max(from, to)];
  if (axis.kind === "histogram") return { kind: "range", low: edgeText(axis.edges[first] ?? null, type), high: edgeText(axis.edges[last + 1] ?? null, type) };
  return { kind: "in", values: axis.values.slice(first, last + 1).map((value) => (value === null ? null : String(value))) };
}

/** Which places a filter has chosen, as from and to; null: none, or not in one piece. */
export function chosenOn(axis: CrossAxis, choice: Choice | undefined, read: (text: string | null) => number | null): readonly [number, number] | null {
  if (!choice || choice.kind === "inside") return null;
  if (choice.kind !== "range") {
    if (axis.kind !== "values" || choice.kind === "not") return null;
    const places = choice.values.map((value) => axis.values.findIndex((other) => (other === null ? null : String(other)) === value)).sort((a, b) => a - b);
    const [first, last] = [places[0] ?? -1, places.at(-1) ?? -1];
    return first >= 0 && last - first + 1 === places.length ? [first, last] : null;
  }
  if (axis.kind !== "histogram") return null;
  const [low, high] = [read(choice.low), read(choice.high)];
  const near = (value: number): number => axis.edges.reduce((best, edge, i) => (Math.abs(edge - value) < Math.abs((axis.edges[best] ?? 0) - value) ? i : best), 0);
  const first = low === null ? 0 : near(low);
  const last = (high === null ? axis.edges.length - 1 : near(high)) - 1;
  return last >= first ? [first, last] : null;
}

/** Whether two values have rows in common: those of objects of different fields have none. */
export const together = (a: { readonly of: string; readonly field?: string | undefined }, b: { readonly of: string; readonly field?: string | undefined }): boolean =>
  a.of !== b.of && (!a.field || !b.field || a.field === b.field);

/** Marks so many at most are drawn as dots: a scatter. */
const SCATTER = 4_000;

export type Form = "heat" | "scatter";

/** Two numbers with few rows are a scatter, all else is a heat map. */
export function formOf(x: Pick<CrossAxis, "kind">, y: Pick<CrossAxis, "kind">, rows: number): Form {
  return x.kind === "histogram" && y.kind === "histogram" && rows <= SCATTER ? "scatter" : "heat";
}

/** How strong a cell is drawn, 0 … 1: a root, so that small counts stay in sight. */
export const strength = (count: number, most: number): number => (count > 0 ? 0.12 + 0.88 * Math.sqrt(count / Math.max(1, most)) : 0);
