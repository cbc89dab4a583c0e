/** In which order the classes of a confusion matrix stand, and what their rows and columns add up to. */
import type { Counts } from "./operating";

export const ORDERS = [
  { key: "listed", name: "as listed" },
  { key: "alike", name: "confused ones together" },
  { key: "mistakes", name: "most mistakes first" },
  { key: "size", name: "most objects first" },
  { key: "name", name: "by name" },
] as const;
export type Order = (typeof ORDERS)[number]["key"];

export function sums({ size, values }: Counts): { readonly rows: Float64Array; readonly columns: Float64Array } {
  const rows = new Float64Array(size);
  const columns = new Float64Array(size);
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++) {
      const value = values[row * size + column] ?? 0;
      rows[row] = (rows[row] ?? 0) + value;
      columns[column] = (columns[column] ?? 0) + value;
    }
  return { rows, columns };
}

/** The classes in their order; the background, where there is one, stays last. */
export function ordered(counts: Counts, classes: readonly string[], how: Order): number[] {
  const { size, values } = counts;
  const known = Array.from({ length: Math.min(classes.length, size) }, (_, i) => i);
  const rest = Array.from({ length: size - known.length }, (_, i) => known.length + i);
  const total = sums(counts);
  const mistakes = (i: number): number => (total.rows[i] ?? 0) + (total.columns[i] ?? 0) - 2 * (values[i * size + i] ?? 0);
  if (how === "name") known.sort((a, b) => (classes[a] ?? "").localeCompare(classes[b] ?? "", undefined, { numeric: true }));
  if (how === "size") known.sort((a, b) => (total.rows[b] ?? 0) - (total.rows[a] ?? 0) || a - b);
  if (how === "mistakes") known.sort((a, b) => mistakes(b) - mistakes(a) || a - b);
  return [...(how === "alike" ? chained(counts, known, total.rows) : known), ...rest];
}

/** From the largest class on, always the one that is most taken for the last: what is confused comes to lie together. */
function chained({ size, values }: Counts, known: readonly number[], rows: Float64Array): number[] {
  const left = new Set([...known].sort((a, b) => (rows[b] ?? 0) - (rows[a] ?? 0) || a - b));
  const found: number[] = [];
  // Shares, not counts: else a large class draws all to it.
  const near = (a: number, b: number): number => (values[a * size + b] ?? 0) / Math.max(1, rows[a] ?? 0) + (values[b * size + a] ?? 0) / Math.max(1, rows[b] ?? 0);
  while (left.size) {
    const last = found.at(-1);
    let next = -1;
    let best = 0;
    if (last !== undefined)
      for (const one of left) {
        const score = near(last, one);
        if (score > best) [next, best] = [one, score];
      }
    if (next < 0) next = left.values().next().value ?? -1;
    left.delete(next);
    found.push(next);
  }
  return found;
}
