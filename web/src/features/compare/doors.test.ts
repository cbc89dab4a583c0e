import { describe, expect, it } from "vitest";
import { cellTitle, idsDoor, objectsDoor, outcomeDoor } from "./doors";
import type { Evaluation } from "./measured";

const ev: Evaluation = {
  key: "ev1", task: "detection", protocol: "coco", truth: "gt", predicted: "yolo", snapshot: 4, at: "", author: "", samples: 9, main: "AP",
  numbers: {}, classes: ["car", "driver's bus"], per_class: {}, counts: {}, reliability: null, slices: [], confusion: null, intervals: {}, thresholds: [], settings: {},
}; // prettier-ignore

describe("a door", () => {
  it("leads to samples, and to the objects themselves", () => {
    expect(objectsDoor("Cars", "gt", "label == 'car'")).toEqual({ title: "Cars", q: "gt.any(label == 'car')", objects: { field: "gt", where: "label == 'car'" } });
  });
  it("of an outcome is of the side that it is about, from the threshold on", () => {
    expect(outcomeDoor(ev, "fp", undefined, 0.4).q).toBe("yolo.any(ev1.outcome == 'fp' and score >= 0.4)");
    expect(outcomeDoor(ev, "fn", "driver's bus", 0.4)).toMatchObject({ q: "gt.any(ev1.outcome == 'fn' and label == 'driver\\'s bus')", title: "Missed: driver's bus, whatever the score" });
    expect(outcomeDoor(ev, "tp").objects?.field).toBe("yolo");
  });
  it("of many objects stays a query that can be asked", () => {
    const many = idsDoor("Missed", "gt", Array.from({ length: 2000 }, (_, i) => 10_000_000_000 + i), 5000);
    expect(many.q.length).toBeLessThan(17_000);
    expect(many.title).toMatch(/^Missed, the first 1\d\d\d$/);
    expect(idsDoor("Missed", "gt", [3, 4]).q).toBe("gt.any(id in [3, 4])");
  });
  it("of a cell says what it is", () => {
    expect([cellTitle(ev, 0, 0), cellTitle(ev, 0, 1), cellTitle(ev, 2, 1), cellTitle(ev, 1, 2)]).toEqual(["car, found", "car taken for driver's bus", "driver's bus where nothing is", "driver's bus, missed"]);
  });
});
