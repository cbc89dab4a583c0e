import { expect, it } from "vitest";
import { brief, differing, lasted, leftBehind, nameOf, parametersOf, type Run } from "./told";

const run: Run = {
  dataset: "roads", version: "", numbers: {}, evaluation: null, embedding: null, id: 1, kind: "evaluate", status: "done", started_at: "2026-01-01T10:00:00Z", finished_at: "2026-01-01T10:00:02.500Z", author: "ann", snapshot: 4,
  parameters: { view: [], iou: 0.5, truth: "gt", predicted: "yolo", slices: ["label", "area"], options: {} }, code: {},
}; // prettier-ignore

it("says how long it took, and nothing while it goes on", () => {
  expect(lasted(run)).toBe("2.5 s");
  expect(lasted({ ...run, finished_at: "2026-01-01T10:30:00Z" })).toBe("30 min");
  expect(lasted({ ...run, finished_at: null })).toBe("");
});
it("tells what it was told, the subject first and the empty left out", () => {
  expect(parametersOf(run)).toEqual([["predicted", "yolo"], ["truth", "gt"], ["iou", "0.5"], ["slices", "label, area"]]);
  expect(brief({ a: 1 })).toBe('{"a":1}');
});
it("marks what differs between runs", () => {
  expect([...differing([run, { ...run, parameters: { ...run.parameters, iou: 0.7 } }])]).toEqual(["iou"]);
  expect([...differing([run])]).toEqual([]);
});
it("leads to what it left behind", () => {
  expect(leftBehind({ ...run, evaluation: "ev2" })).toEqual({ page: "compare", of: "ev2" });
  expect(leftBehind({ ...run, embedding: "looks" })).toEqual({ page: "map", of: "looks" });
  expect(leftBehind(run)).toBeNull();
  expect(nameOf(run)).toBe("roads 1");
});
