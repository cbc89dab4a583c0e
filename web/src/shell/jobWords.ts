/** What a job says of itself, and where its result is. Plain values. */
import type { JobInfo } from "../api/types";
import { ago, count, duration, number } from "../lib/say";

/** Under way, though it may wait. */
export function isGoing(job: Pick<JobInfo, "state">): boolean {
  return job.state === "running" || job.state === "paused";
}

/** 41,200 of 100,000 pictures · 120/s · 3 min left */
export function progressSays(job: JobInfo): string {
  const parts: string[] = [];
  if (job.done || job.total) parts.push(`${count(job.done)}${job.total ? ` of ${count(job.total)}` : ""}${job.unit ? ` ${job.unit}` : ""}`);
  if (job.rate) parts.push(job.rate >= 1 ? `${number(Math.round(job.rate))}/s` : `${duration(1 / job.rate)} each`);
  if (job.left_s !== null && job.state === "running") parts.push(`${duration(job.left_s)} left`);
  return parts.join(" · ");
}

const ENDS: Readonly<Record<string, string>> = { done: "Done", failed: "Failed", stopped: "Stopped" };

/** Its state in a word or two, with a sign, so that colour is not the only one. */
export function stateSays(job: JobInfo, now = Date.now()): string {
  if (job.state === "paused") return "Paused";
  const word = ENDS[job.state];
  return word ? `${word} ${ago(job.ended_at, now)}`.trim() : job.stage || "Running";
}

/** 0 … 1, or null where nobody knows the end. */
export function shareDone(job: JobInfo): number | null {
  if (job.state === "done") return 1;
  return job.total ? Math.min(1, job.done / job.total) : null;
}

/** What a finished job made: the page that shows it, and the word for the link. */
export interface Made {
  readonly page: string;
  readonly rest: readonly string[];
  readonly extra: Readonly<Record<string, string>>;
  readonly word: string;
}

export function madeBy(job: JobInfo): Made | null {
  if (job.state !== "done" || !job.dataset) return null;
  const { evaluation, embedding, sample } = job.result;
  if (typeof evaluation === "string") return { page: "compare", rest: [], extra: { ev: evaluation }, word: `Evaluation ${evaluation}` };
  if (typeof embedding === "string") return { page: "map", rest: [embedding], extra: {}, word: `Map of ${embedding}` };
  if (typeof sample === "number") return { page: "s", rest: [String(sample)], extra: {}, word: "The video" };
  return null;
}
