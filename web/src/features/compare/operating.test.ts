import { describe, expect, it } from "vitest";
import { readFrame, writeFrame } from "../../api/frame";
import { bestBin, binOf, confusionAt, countsOf, type MixUps, point, pointsOf, readBins, type ScoreBins, scoreOf, yesOrNoAt } from "./operating";
import { ordered, sums } from "./order";

const bins: ScoreBins = {
  classes: ["car", "bus"], low: 0, high: 1, bins: 4,
  right: Uint32Array.from([1, 0, 2, 3, 0, 1, 0, 0]),
  wrong: Uint32Array.from([5, 0, 0, 1, 2, 0, 0, 0]),
  truths: Uint32Array.from([8, 2]),
}; // prettier-ignore

describe("counts from a score on", () => {
  it("add up all bins above", () => {
    const all = pointsOf(bins);
    expect(all[3]).toEqual(point(3, 1, 7));
    expect(all[0]).toEqual(point(7, 8, 3));
    expect(pointsOf(bins, 1)[1]).toEqual(point(1, 0, 1));
  });
  it("never grow as the threshold rises", () => {
    const all = pointsOf(bins);
    for (let i = 1; i < all.length; i++) {
      expect(all[i]?.tp).toBeLessThanOrEqual(all[i - 1]?.tp ?? 0);
      expect(all[i]?.fp).toBeLessThanOrEqual(all[i - 1]?.fp ?? 0);
      expect((all[i]?.tp ?? 0) + (all[i]?.fn ?? 0)).toBe(10);
    }
  });
  it("know the best one", () => {
    expect(bestBin(pointsOf(bins))).toBe(1);
  });
  it("have no precision where nothing is predicted", () => {
    expect(point(0, 0, 3)).toEqual({ tp: 0, fp: 0, fn: 3, precision: null, recall: 0, f1: 0 });
  });
  it("turn scores into bins and back", () => {
    expect([0, 0.25, 0.5, 1].map((score) => binOf(bins, score))).toEqual([0, 1, 2, 3]);
    expect(scoreOf({ ...bins, bins: 100 }, 29)).toBe(0.29);
  });
  it("come from a frame, or not at all", () => {
    const frame = readFrame(writeFrame({ right: bins.right, wrong: bins.wrong, truths: bins.truths }));
    expect(readBins(frame)?.truths[0]).toBe(8);
    expect(readBins(readFrame(writeFrame({ right: bins.right })))).toBeNull();
  });
});

describe("a confusion matrix at a threshold", () => {
  const mixed: MixUps = {
    size: 3,
    bin: Uint8Array.from([3, 1, 1, 0, 255]),
    row: Uint16Array.from([0, 0, 1, 2, 1]),
    column: Uint16Array.from([0, 1, 1, 0, 2]),
    count: Uint32Array.from([4, 2, 3, 5, 1]),
  };
  it("counts an object as missed when its prediction falls away, and a made up one not at all", () => {
    expect([...confusionAt(mixed, 0).values]).toEqual([4, 2, 0, 0, 3, 1, 5, 0, 0]);
    expect([...confusionAt(mixed, 2).values]).toEqual([4, 0, 2, 0, 0, 4, 0, 0, 0]);
  });
  it("of yes and no has all samples at any threshold", () => {
    expect([...yesOrNoAt(bins, 3, 20).values]).toEqual([3, 7, 1, 9]);
    for (const bin of [0, 1, 2, 3]) expect(yesOrNoAt(bins, bin, 20).values.reduce((a, b) => a + b)).toBe(20);
  });
  it("keeps the number of true objects at any threshold", () => {
    for (const bin of [0, 1, 2, 3]) expect([...sums(confusionAt(mixed, bin)).rows.slice(0, 2)]).toEqual([6, 4]);
  });
});

describe("the order of classes", () => {
  const counts = countsOf([
    [50, 0, 9, 1],
    [0, 20, 0, 0],
    [8, 0, 5, 0],
    [1, 2, 3, 0],
  ]);
  const names = ["zebra", "ant", "bee"];
  it("keeps the background last", () => {
    for (const how of ["listed", "name", "size", "mistakes", "alike"] as const) {
      const found = ordered(counts, names, how);
      expect(found.at(-1)).toBe(3);
      expect([...found].sort()).toEqual([0, 1, 2, 3]);
    }
  });
  it("is by name, by how much there is, by mistakes, or puts the confused ones together", () => {
    expect(ordered(counts, names, "name")).toEqual([1, 2, 0, 3]);
    expect(ordered(counts, names, "size")).toEqual([0, 1, 2, 3]);
    expect(ordered(counts, names, "mistakes")).toEqual([2, 0, 1, 3]);
    expect(ordered(counts, names, "alike")).toEqual([0, 2, 1, 3]);
  });
});
