import { describe, expect, it } from "vitest";
import type { JobInfo } from "../api/types";
import { isGoing, madeBy, progressSays, shareDone, stateSays } from "./jobWords";

const job: JobInfo = {
  id: "a",
  name: "Embed with clip",
  state: "running",
  dataset: "traffic",
  stage: "embed",
  unit: "pictures",
  done: 41_200,
  total: 100_000,
  started_at: "2026-01-01T00:00:00Z",
  ended_at: "",
  rate: 326.7,
  left_s: 180,
  log: ["embed"],
  result: {},
  error: null,
};

describe("a job's row", () => {
  it("says how far it is, how fast, and how long it takes", () => {
    expect(progressSays(job)).toBe("41,200 of 100,000 pictures · 327/s · 3 min left");
    expect(progressSays({ ...job, rate: 0.2, total: null, left_s: null })).toBe("41,200 pictures · 5 s each");
    expect(progressSays({ ...job, done: 0, total: null, rate: null, left_s: null })).toBe("");
  });
  it("does not promise an end while it waits", () => {
    expect(progressSays({ ...job, state: "paused" })).toBe("41,200 of 100,000 pictures · 327/s");
    expect(stateSays({ ...job, state: "paused" })).toBe("Paused");
    expect(isGoing({ state: "paused" })).toBe(true);
  });
  it("says when it ended", () => {
    const ended = { ...job, state: "stopped", ended_at: "2026-01-01T01:00:00Z" };
    expect(stateSays(ended, Date.parse("2026-01-01T01:10:00Z"))).toBe("Stopped 10 min ago");
    expect(isGoing(ended)).toBe(false);
  });
  it("fills its bar as far as is known", () => {
    expect(shareDone(job)).toBeCloseTo(0.412);
    expect(shareDone({ ...job, total: null })).toBeNull();
    expect(shareDone({ ...job, state: "done", total: null })).toBe(1);
  });
});

describe("the result of a job", () => {
  const done = { ...job, state: "done" };
  it("is a page", () => {
    expect(madeBy({ ...done, result: { embedding: "looks" } })).toMatchObject({ page: "map", rest: ["looks"] });
    expect(madeBy({ ...done, result: { evaluation: "run-41" } })).toMatchObject({ page: "compare", extra: { ev: "run-41" } });
    expect(madeBy({ ...done, result: { sample: 7 } })).toMatchObject({ page: "s", rest: ["7"] });
  });
  it("is none before the end, and where it is no page", () => {
    expect(madeBy({ ...job, result: { embedding: "looks" } })).toBeNull();
    expect(madeBy(done)).toBeNull();
  });
});
