import { describe, expect, it } from "vitest";
import { pathOf, plotsOf, type Series, valueAt } from "./curves";

const curve = (values: (number | null)[], name = "loss"): Series => ({ name, label: null, steps: [...values.keys()], values });

describe("curves of runs", () => {
  it("share a plot where they are of one number, and its limits", () => {
    const plots = plotsOf([{ id: "1", series: [curve([3, 1]), curve([0.5], "lr")] }, { id: "2", series: [curve([4, null, 2])] }]);
    expect(plots.map((plot) => [plot.title, plot.lines.map((line) => line.run)])).toEqual([["loss", ["1", "2"]], ["lr", ["1"]]]);
    expect([plots[0]?.x, plots[0]?.y]).toEqual([[0, 2], [1, 4]]);
    expect(plotsOf([{ id: "1", series: [] }])).toEqual([]);
  });
  it("are drawn to the edges, with a gap where there is no number", () => {
    expect(pathOf(curve([1, 0, null, 1]), [0, 3], [0, 1], 30, 10)).toBe("M0.0 0.0L10.0 10.0M30.0 0.0");
  });
  it("keep their peaks when a pixel holds many points", () => {
    const values = Array.from({ length: 10_000 }, (_, i) => (i === 5_003 ? 99 : i % 7));
    const path = pathOf(curve(values), [0, 9_999], [0, 99], 100, 99);
    expect(path.split("L").length).toBeLessThan(405);
    expect(path).toContain(" 0.0");
  });
  it("say what they are at a step", () => {
    expect([valueAt(curve([5, 6, null]), 0.9), valueAt(curve([5, 6, null]), 7)]).toEqual([6, null]);
  });
});
