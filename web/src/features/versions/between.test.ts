import { describe, expect, it } from "vitest";
import { codeLine, type DiffAnswer, type LogLine, pairOf, picked, rowsOf, toldIn } from "./between";

const line = (snapshot: number, ...names: string[]): LogLine => ({ snapshot, names, at: "", author: "", verb: "set", message: "" });
const log = [line(9), line(7), line(4, "v1"), line(2)];

describe("which two states", () => {
  it("sets the newest against the last named one", () => expect(pairOf(log, {})).toEqual({ before: 4, after: 9 }));
  it("heeds the link and keeps the older one first", () => {
    expect(pairOf(log, { before: "9", after: "2" })).toEqual({ before: 2, after: 9 });
    expect(pairOf(log, { before: "8" })).toEqual({ before: 4, after: 9 });
  });
  it("takes names, too", () => expect(pairOf(log, { before: "v1", after: "7" })).toEqual({ before: 4, after: 7 }));
  it("is told of in words and ids, whatever came", () => {
    const told = toldIn({ said: [["gt: 2 moved"], []], objects: { gt: [3, 4] } });
    expect([told.said, [...(told.objects.get("gt") ?? [])]]).toEqual([[["gt: 2 moved"], []], [3, 4]]);
    expect(toldIn({}).said).toEqual([]);
  });
  it("has an answer for one snapshot, and none for none", () => {
    expect(pairOf([line(1)], {})).toEqual({ before: 1, after: 1 });
    expect(pairOf([], {})).toBeNull();
  });
  it("never crosses the two", () => {
    const pair = { before: 4, after: 9 };
    expect(picked(pair, 7, false)).toEqual({ before: 7, after: 9 });
    expect(picked(pair, 7, true)).toEqual({ before: 4, after: 7 });
    expect(picked(pair, 2, true)).toEqual({ before: 2, after: 4 });
    expect(picked({ before: 2, after: 4 }, 9, false)).toEqual({ before: 2, after: 9 });
  });
  it("lists only tables with a difference", () => {
    const none = { added: 0, removed: 0, changed: 0, columns: {} };
    const answer: DiffAnswer = { before: 1, after: 2, samples: none, fields: { a: none, b: { ...none, removed: 3 } }, tags_added: 0, tags_removed: 0, schema: [], touched: 3 };
    expect(rowsOf(answer).map((row) => row.name)).toEqual(["b"]);
  });
});

it("a version is opened by its name, or by its number where it has none", () => {
  expect(codeLine("masks", { snapshot: 7, names: ["v1", "first"] })).toBe('ll.open("masks").at("v1")');
  expect(codeLine("masks", { snapshot: 7, names: [] })).toBe('ll.open("masks").at(7)');
});
