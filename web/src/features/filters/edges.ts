/** Ends of a range between what a link writes, what a histogram needs, and what a reader types. */
import type { ValueType } from "../../lib/filter";
import { number } from "../../lib/say";

/** Times are seconds since 1970 in a histogram, and UTC text in a condition. */
export function edgeNumber(text: string | null | undefined, type: ValueType): number | null {
  if (text === null || text === undefined || text === "") return null;
  if (type === "time" && !/^\d{4}-\d\d-\d\d/.test(text)) return null; // a browser reads "2026-03" too, the query language does not
  const value = type === "time" ? Date.parse(/T/.test(text) ? `${text.replace(/Z$/, "")}Z` : `${text}T00:00:00Z`) / 1000 : Number(text);
  return Number.isFinite(value) ? value : null;
}

export function edgeText(value: number | null, type: ValueType): string | null {
  if (value === null) return null;
  return type === "time" ? new Date(value * 1000).toISOString().slice(0, 19) : String(value);
}

const DAY_S = 86_400;

/** As a reader says it; times by the day, or by the minute where all of them lie within three days. */
export function edgeSays(value: number, type: ValueType, span = Infinity): string {
  if (type !== "time") return number(value);
  const iso = new Date(value * 1000).toISOString();
  return span < 3 * DAY_S ? iso.slice(0, 16).replace("T", " ") : iso.slice(0, 10);
}

/** A typed range, or what is wrong with it. Both ends empty: no filter. */
export function typedRange(low: string, high: string, type: ValueType): { readonly low: string | null; readonly high: string | null } | string {
  const [from, to] = [low.trim(), high.trim()].map((text) => text || null);
  const [a, b] = [edgeNumber(from, type), edgeNumber(to, type)];
  if ((from && a === null) || (to && b === null)) return type === "time" ? "write a day, as 2026-01-31, or a time, as 2026-01-31T12:30" : "write a number, as 0.5";
  if (a !== null && b !== null && a > b) return "the first is greater than the second";
  return { low: from ?? null, high: to ?? null };
}
