import { describe, expect, it } from "vitest";
import type { CrossAxis } from "../../api/types";
import { choiceOf, chosenOn, formOf, placeSays, sizeOf, strength, together } from "./cross";

const weather: CrossAxis = { of: "weather", kind: "values", values: ["sun", "rain", null], edges: [], is_time: false };
const light: CrossAxis = { of: "light", kind: "histogram", values: [], edges: [0, 0.25, 0.5, 0.75, 1], is_time: false };
const read = (text: string | null) => (text === null ? null : Number(text));

describe("a plot of two fields", () => {
  it("knows its places", () => {
    expect([sizeOf(weather), sizeOf(light)]).toEqual([3, 4]);
    expect(placeSays(weather, 2, "text")).toBe("none");
    expect(placeSays(light, 1, "float")).toBe("0.25 – 0.5");
  });
  it("turns a brush into a filter, whichever way it was drawn", () => {
    expect(choiceOf(light, 2, 1, "float")).toEqual({ kind: "range", low: "0.25", high: "0.75" });
    expect(choiceOf(weather, 1, 2, "text")).toEqual({ kind: "in", values: ["rain", null] });
  });
  it("shows the brush again that a filter stands for", () => {
    for (const [axis, from, to] of [[light, 1, 2], [light, 0, 3], [weather, 0, 1], [weather, 2, 2]] as const)
      expect(chosenOn(axis, choiceOf(axis, from, to, axis === light ? "float" : "text"), read)).toEqual([from, to]);
    expect(chosenOn(weather, { kind: "in", values: ["sun", null] }, read)).toBeNull();
    expect(chosenOn(weather, { kind: "not", values: ["sun"] }, read)).toBeNull();
  });
  it("sets values of one field, and of samples, against each other", () => {
    const [label, score, other, wide] = [{ of: "gt.label", field: "gt" }, { of: "gt.score", field: "gt" }, { of: "yolo.label", field: "yolo" }, { of: "width" }];
    expect([together(label, score), together(label, wide), together(label, other), together(label, label)]).toEqual([true, true, false, false]);
  });
  it("is a scatter where two numbers have few rows", () => {
    expect([formOf(light, light, 500), formOf(light, light, 1e6), formOf(light, weather, 5)]).toEqual(["scatter", "heat", "heat"]);
    expect(strength(0, 10)).toBe(0);
    expect(strength(1, 1_000_000)).toBeGreaterThan(0.1);
  });
});
