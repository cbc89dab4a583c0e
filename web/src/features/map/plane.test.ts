import { describe, expect, it } from "vitest";
import { combined, idsQuery, moved, nearest, onScreen, type Points, rectangle, WHOLE, within, zoomed } from "./plane";

const screen = { wide: 1000, high: 500 };
const points: Points = { x: Uint16Array.of(0, 32768, 65535), y: Uint16Array.of(0, 32768, 65535), id: Float64Array.of(7, 8, 9) };

describe("the screen", () => {
  it("holds the whole plane with a margin, up being up", () => {
    const { ax, bx, ay, by } = onScreen(WHOLE, screen);
    expect([bx, 65535 * ax + bx]).toEqual([50, 950]);
    expect([by, 65535 * ay + by]).toEqual([475, 25]);
  });
  it("keeps the place under the pointer while it zooms", () => {
    for (const [px, py] of [[120, 440], [800, 33]] as const) {
      const before = onScreen(WHOLE, screen);
      const after = onScreen(zoomed(WHOLE, screen, px, py, 3), screen);
      const [x, y] = [(px - before.bx) / before.ax, (py - before.by) / before.ay];
      expect(x * after.ax + after.bx).toBeCloseTo(px);
      expect(y * after.ay + after.by).toBeCloseTo(py);
    }
  });
  it("follows a drag", () => {
    const after = onScreen(moved(zoomed(WHOLE, screen, 0, 0, 2), screen, 30, -20), screen);
    const before = onScreen(zoomed(WHOLE, screen, 0, 0, 2), screen);
    expect(after.bx - before.bx).toBeCloseTo(30);
    expect(after.by - before.by).toBeCloseTo(-20);
  });
});

describe("choosing", () => {
  it("finds the nearest within reach, and none beyond", () => {
    expect(nearest(points, WHOLE, screen, 503, 252, 8)).toBe(1);
    expect(nearest(points, WHOLE, screen, 600, 252, 8)).toBe(-1);
    expect(nearest(points, WHOLE, screen, 503, 252, 8, Uint8Array.of(1, 0, 1))).toBe(-1);
  });
  it("takes what lies in a rectangle or a lasso", () => {
    expect(within(points, WHOLE, screen, rectangle([600, 0], [400, 400]))).toEqual([1]);
    expect(within(points, WHOLE, screen, [[600, 499], [999, 499], [999, 200]])).toEqual([]);
    expect(within(points, WHOLE, screen, [[0, 499], [600, 499], [600, 200], [0, 200]])).toEqual([0, 1]);
    expect(within(points, WHOLE, screen, [[0, 0], [1, 1]])).toEqual([]);
  });
  it("adds and takes away", () => {
    expect([...combined(new Set([1, 2]), [3], "add")]).toEqual([1, 2, 3]);
    expect([...combined(new Set([1, 2]), [2], "take")]).toEqual([1]);
    expect([...combined(new Set([1, 2]), [2], "only")]).toEqual([2]);
  });
  it("is a condition as long as it can be read", () => {
    expect(idsQuery([9, 7])).toBe("id in [7, 9]");
    expect(idsQuery([9, 7], "truth")).toBe("truth.any(id in [7, 9])");
    expect(idsQuery(Array.from({ length: 5000 }, (_, i) => i))).toBeNull();
  });
});
