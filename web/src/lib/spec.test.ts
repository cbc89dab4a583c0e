import { describe, expect, it } from "vitest";
import type { DatasetInfo } from "../api/types";
import { EMPTY } from "./link";
import { viewSpec, wordsOf } from "./spec";

const info = {
  name: "d",
  columns: [{ name: "weather", type: "text" }],
  fields: [{ name: "truth", attributes: [] }, { name: "guess", attributes: [] }],
  versions: [],
} as unknown as DatasetInfo;
const filters = [
  { of: "weather", choice: { kind: "in", values: ["rain"] } },
  { of: "truth.label", choice: { kind: "in", values: ["car"] } },
  { of: "guess.score", choice: { kind: "range", low: "0.5", high: null } },
] as const;

describe("from a link to a view", () => {
  it("puts every condition on the samples where tiles are samples", () => {
    const spec = viewSpec({ ...EMPTY, dataset: "d", q: "width > 9", filters }, info, 3);
    expect(spec).toMatchObject({ where: "width > 9", snapshot: 3 });
    expect(spec.filters?.map((one) => one.control)).toEqual(["weather", "truth.label", "guess.score"]);
    expect(spec.keep).toBeUndefined();
  });
  it("puts the query and their own filters on the objects where tiles are objects", () => {
    const spec = viewSpec({ ...EMPTY, dataset: "d", q: "score > 0.9", filters, objects: "truth" }, info, 3);
    expect(spec.where).toBeUndefined();
    expect(spec.keep).toEqual([
      { field: "truth", where: "score > 0.9" },
      { field: "truth", where: "label == 'car'", control: "truth.label" },
    ]);
    expect(spec.filters?.map((one) => one.where)).toEqual(["weather == 'rain'", "guess.any(0.5 <= score)"]);
  });
});

describe("words", () => {
  it("follow a quotation mark, and are no condition", () => {
    expect(wordsOf('"a rainy street')).toBe("a rainy street");
    expect(wordsOf('"a rainy street" ')).toBe("a rainy street");
    expect(wordsOf('"todo" in tags')).toBeNull();
    expect(wordsOf("weather == 'rain'")).toBeNull();
    expect(wordsOf('"')).toBe("");
  });
});
