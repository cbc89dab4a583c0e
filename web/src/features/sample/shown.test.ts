import { describe, expect, it } from "vitest";
import type { DatasetInfo, ObjectDetail, SampleDetail } from "../../api/types";
import { drawn, listed, tracksOf } from "./shown";

const object = (id: number, more: Partial<ObjectDetail>): ObjectDetail => ({
  id,
  label: "car",
  score: null,
  box: [0, 0, id, id],
  frame: null,
  track_id: null,
  tags: [],
  attributes: {},
  polygons: null,
  closed: null,
  keypoints: null,
  value: null,
  has_mask: false,
  outcome: null,
  iou: null,
  partner_id: null,
  ...more,
});
const field = (name: string) => ({ name, kind: "box", classes: ["car"], colors: ["#609efa"], skeleton: [], attributes: [] });
const info = { fields: [field("truth"), field("guess")] } as unknown as DatasetInfo;
const sample: SampleDetail = {
  id: 1,
  snapshot: 1,
  columns: {},
  tags: [],
  fields: {
    truth: [object(1, { frame: 3, track_id: 7 }), object(2, { frame: 4, track_id: 7 }), object(3, { frame: 9, track_id: 8 })],
    guess: [object(4, { score: 0.2 }), object(5, { score: 0.9 })],
  },
};

describe("objects of a sample", () => {
  it("leaves out hidden fields, low scores and other frames", () => {
    const ids = (hide: string[], least: number, frame: number | null) => listed(info, sample, { hide, least, frame }).map((one) => one.object.id);
    expect(ids([], 0, null)).toEqual([1, 2, 3, 4, 5]);
    expect(ids([], 0.5, 4)).toEqual([2, 5]);
    expect(ids(["guess"], 0, 9)).toEqual([3]);
  });
  it("draws small ones last, and not those that were hidden", () => {
    const list = listed(info, sample, { hide: [], least: 0, frame: null });
    expect(drawn(list, new Set([5])).map((one) => one.object.id)).toEqual([4, 3, 2, 1]);
  });
  it("lists each track with the frames it is there", () => {
    expect(tracksOf(info, sample, []).map(({ name, spans }) => [name, spans])).toEqual([
      ["car 7", [{ from: 3, to: 4 }]],
      ["car 8", [{ from: 9, to: 9 }]],
    ]);
  });
});
