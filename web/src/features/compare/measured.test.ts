import { describe, expect, it } from "vitest";
import { cellQuery, chosenOf, type Evaluation, gain, leading, mixUps, numberRows, pick, pointFrom, scoreAt, scoredPoints, share, sliceQuery } from "./measured";

const ev: Evaluation = {
  key: "ev1", task: "detection", protocol: "coco", truth: "gt", predicted: "yolo", snapshot: 4, at: "", author: "", samples: 9, main: "AP",
  numbers: { AP50: 0.6, AP: 0.4 }, classes: ["car", "driver's bus"], per_class: {}, counts: {}, reliability: null, slices: [],
  confusion: [[5, 2, 1], [3, 4, 0], [7, 8, 0]], intervals: {}, thresholds: [], settings: {},
}; // prettier-ignore

describe("what is compared", () => {
  const known = [{ key: "ev1" }, { key: "ev2" }, { key: "ev3" }];
  it("is the newest unless the link says so, and only what exists", () => {
    expect(chosenOf(known, undefined)).toEqual(["ev3"]);
    expect(chosenOf(known, "ev2,gone,ev1,ev3")).toEqual(["ev2", "ev1"]);
    expect(chosenOf([], "ev1")).toEqual([]);
  });
  it("takes a second one beside the first, and away again", () => {
    expect(pick(["ev1"], "ev2", false)).toEqual(["ev2"]);
    expect(pick(["ev1", "ev3"], "ev2", true)).toEqual(["ev1", "ev2"]);
    expect(pick(["ev1", "ev2"], "ev2", true)).toEqual(["ev1"]);
    expect(pick(["ev1"], "ev1", true)).toEqual(["ev1"]);
  });
});

describe("numbers", () => {
  it("have the main one first and say by how much they rose", () => {
    const rows = numberRows(ev, { ...ev, numbers: { AP: 0.5 } });
    expect(rows.map((row) => row.name)).toEqual(["AP", "AP50"]);
    expect(rows[0]?.gained).toBeCloseTo(-0.1);
    expect(rows[1]?.gained).toBeNull();
  });
  it("are written short", () => {
    expect([share(0.4121), share(1), share(null), share(1204)]).toEqual([".412", "1.00", "—", "1,204"]);
    expect([gain(0.018), gain(-0.009), gain(0.0001), gain(null)]).toEqual(["▲.018", "▼.009", "±0", ""]);
  });
  it("leads a table with the main one, else with what is no amount", () => {
    expect(leading({ truths: 4, f1: 0.5 }, "AP")).toBe("f1");
    expect(leading({ truths: 4, AP: 0.5 }, "AP")).toBe("AP");
  });
});

describe("a cell of the matrix", () => {
  it("is a question about outcomes", () => {
    expect(cellQuery(ev, 0, 0)).toBe("yolo.any(ev1.outcome == 'tp' and label == 'car')");
    expect(cellQuery(ev, 2, 0)).toBe("yolo.any(ev1.outcome == 'fp' and label == 'car')");
    expect(cellQuery(ev, 1, 2)).toBe("gt.any(ev1.outcome == 'fn' and label == 'driver\\'s bus')");
    expect(cellQuery(ev, 0, 1)).toBe("yolo.any(ev1.outcome == 'fp' and label == 'driver\\'s bus') and gt.any(ev1.outcome == 'fn' and label == 'car')");
  });
  it("is about classes alone where a sample has one", () => {
    expect(cellQuery({ ...ev, task: "classification" }, 0, 1)).toBe("gt.any(label == 'car') and yolo.any(label == 'driver\\'s bus')");
  });
  it("counts as a mix-up off the diagonal, the background left out", () => {
    expect(mixUps(ev.confusion ?? [], 2)).toEqual([{ row: 1, column: 0, count: 3 }, { row: 0, column: 1, count: 2 }]);
  });
});

it("a slice is of samples: those with such an object where its condition is on objects", () => {
  expect(sliceQuery("box.rel_area < 0.05", "gt", ["label", "box.rel_area"], ["weather"])).toBe("gt.any(box.rel_area < 0.05)");
  expect(sliceQuery("weather == 'rain'", "gt", ["label"], ["weather"])).toBe("weather == 'rain'");
});

describe("a threshold on a curve", () => {
  const points = scoredPoints({ recall: [0, 0.5, 0.8, 1], precision: [1, 0.9, 0.6, 0], score: [0.95, 0.7, 0.4, null] });
  it("is the furthest point that it reaches", () => {
    expect(points).toHaveLength(3);
    expect(pointFrom(points, 0.5)?.recall).toBe(0.5);
    expect(pointFrom(points, 0)?.recall).toBe(0.8);
    expect(pointFrom(points, 0.99)?.recall).toBe(0);
  });
  it("follows the recall that is asked for", () => {
    expect(scoreAt(points, 0.76)).toBe(0.4);
    expect(scoreAt([], 0.5)).toBeUndefined();
  });
});
