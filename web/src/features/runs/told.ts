/** Runs as the table tells them: what ran, how long, with what, and what two of them were told differently. */
export interface Run {
  readonly dataset: string;
  readonly id: number;
  readonly kind: string;
  readonly status: string;
  readonly started_at: string;
  readonly finished_at: string | null;
  readonly author: string;
  readonly snapshot: number;
  /** The name of that state, where it has one. */
  readonly version: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly code: Readonly<Record<string, string>>;
  /** The main one first. */
  readonly numbers: Readonly<Record<string, number | null>>;
  readonly evaluation: string | null;
  readonly embedding: string | null;
}

/** Names a run among those of all data sets. */
export const nameOf = (run: Pick<Run, "dataset" | "id">): string => `${run.dataset} ${run.id}`;

/** 0.8 s · 12 s · 3 min; nothing while it runs. */
export function lasted(run: Pick<Run, "started_at" | "finished_at">): string {
  if (run.finished_at === null) return "";
  const seconds = (Date.parse(run.finished_at) - Date.parse(run.started_at)) / 1000;
  if (!Number.isFinite(seconds) || seconds < 0) return "";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

const empty = (value: unknown): boolean =>
  value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0) || (typeof value === "object" && value !== null && Object.keys(value).length === 0);

/** A value as one short word. */
export function brief(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((one) => typeof one === "string" || typeof one === "number")) return value.join(", ");
  return JSON.stringify(value) ?? "";
}

/** What a run was told, the empty left out; what it works on comes first. */
const FIRST = ["model", "predicted", "truth", "into", "target", "key", "field"];
export function parametersOf(run: Run): [string, string][] {
  const rank = (name: string) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  return Object.entries(run.parameters)
    .filter(([, value]) => !empty(value))
    .map(([name, value]): [string, string] => [name, brief(value)])
    .sort(([a], [b]) => rank(a) - rank(b));
}

/** Names of parameters that are not the same in all of some runs; none where fewer than two are given. */
export function differing(runs: readonly Run[]): ReadonlySet<string> {
  if (runs.length < 2) return new Set();
  const names = new Set(runs.flatMap((run) => Object.keys(run.parameters)));
  return new Set([...names].filter((name) => new Set(runs.map((run) => JSON.stringify(run.parameters[name]) ?? "")).size > 1));
}

/** Where what a run left behind can be looked at. */
export function leftBehind(run: Pick<Run, "evaluation" | "embedding">): { readonly page: string; readonly of: string } | null {
  if (run.evaluation !== null) return { page: "compare", of: run.evaluation };
  return run.embedding === null ? null : { page: "map", of: run.embedding };
}
