import { describe, expect, it } from "vitest";
import { cellTitle, idsDoor, numberDoor, objectsDoor, outcomeDoor, sliceDoor, wordsOf } from "./doors";
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
  it("of samples has no objects", () => {
    expect(idsDoor("road taken for grass", "", [3, 4], 9)).toEqual({ title: "road taken for grass, the first 2", q: "id in [3, 4]" });
  });
  it("of a number shows what keeps it from being better", () => {
    const all = "gt.any(ev1.outcome == 'fn') or yolo.any(ev1.outcome == 'fp')";
    expect(numberDoor(ev, "AP50")?.q).toBe(all);
    expect(numberDoor(ev, "ARsmall")?.q).toBe("gt.any(ev1.outcome == 'fn' and box.area < 1024)");
    expect(numberDoor(ev, "precision_macro", 0.3)?.q).toBe("yolo.any(ev1.outcome == 'fp' and score >= 0.3)");
    expect(numberDoor(ev, "AR100")?.title).toBe("Missed");
    expect(numberDoor(ev, "samples")).toBeNull();
    expect(numberDoor({ ...ev, task: "regression" }, "rmse")).toMatchObject({ q: "yolo.any(ev1.off is not None)", sort: "-yolo.max(abs(ev1.off))" });
    expect(numberDoor({ ...ev, task: "segmentation" }, "mean_iou")?.sort).toBe("gt.min(ev1.iou)");
    expect(numberDoor({ ...ev, task: "segmentation" }, "pictures")).toBeNull();
  });
  it("of a slice is its samples, or its mistakes alone", () => {
    expect(sliceDoor(ev, "width > 640", ["label"], ["width"]).q).toBe("width > 640");
    expect(sliceDoor(ev, "width > 640", ["label"], ["width"], true).q).toBe("(width > 640) and (gt.any(ev1.outcome == 'fn') or yolo.any(ev1.outcome == 'fp'))");
    expect(sliceDoor(ev, "label == 'car'", ["label"], ["width"], true).q).toBe("gt.any(ev1.outcome == 'fn' and (label == 'car')) or yolo.any(ev1.outcome == 'fp' and (label == 'car'))");
  });
  it("names outcomes as the task does", () => {
    expect([wordsOf("detection")["fp"], wordsOf("regression")["fp"]]).toEqual(["made up", "wrong"]);
  });
  it("of a cell says what it is", () => {
    expect([cellTitle(ev, 0, 0), cellTitle(ev, 0, 1), cellTitle(ev, 2, 1), cellTitle(ev, 1, 2)]).toEqual(["car, found", "car taken for driver's bus", "driver's bus where nothing is", "driver's bus, missed"]);
  });
});
