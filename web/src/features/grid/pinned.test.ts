import { describe, expect, it } from "vitest";
import type { ObjectDetail, SampleDetail } from "../../api/types";
import { pinnedNotes, withPinned } from "./pinned";

const object = (id: number, label: string, attributes: ObjectDetail["attributes"] = {}): ObjectDetail => ({ id, label, score: null, box: null, frame: null, track_id: null, polygons: null, closed: null, keypoints: null, tags: [], attributes, value: null, has_mask: false, outcome: null, iou: null, partner_id: null });
const detail: SampleDetail = {
  id: 1,
  snapshot: 1,
  columns: { taken_at: "2026-03-25T03:04:13.910Z", weather: "rain", brightness: 0.25, split: null },
  tags: ["todo", "odd"],
  fields: { truth: [object(1, "car"), object(2, "bus", { colour: "red" }), object(3, "car")] },
};

describe("pinned fields", () => {
  it("are three at most, and the oldest goes", () => {
    expect(withPinned(["a", "b"], "c")).toEqual(["a", "b", "c"]);
    expect(withPinned(["a", "b", "c"], "d")).toEqual(["b", "c", "d"]);
    expect(withPinned(["a", "b"], "a")).toEqual(["b"]);
  });
  it("say what a sample has, and nothing where it has none", () => {
    expect(pinnedNotes(["weather", "split", "tags"], detail)).toEqual(["weather: rain", "tags: todo, odd"]);
    expect(pinnedNotes(["taken_at"], detail)).toEqual(["taken_at: 2026-03-25 03:04"]);
    expect(pinnedNotes(["truth.label", "truth.colour", "truth.score"], detail)).toEqual(["label: 2 car, bus", "colour: red"]);
  });
  it("are of the one object where the tile is one", () => {
    expect(pinnedNotes(["truth.label", "brightness"], detail, 2)).toEqual(["label: bus", "brightness: 0.25"]);
  });
});
