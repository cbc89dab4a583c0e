import { describe, expect, it } from "vitest";
import { cellsOf, type Corner, moved, nearest, onMap, onScreen, outline, type Points, rectangle, simplified, stepped, WHOLE, withShape, zoomed } from "./plane";

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
  it("finds the same as a look at every point", () => {
    const at = (i: number, by: number): number => (i * by) % 65_536;
    const many: Points = { x: Uint16Array.from({ length: 4000 }, (_, i) => at(i, 7919)), y: Uint16Array.from({ length: 4000 }, (_, i) => at(i, 104_729)), id: new Float64Array(4000) };
    const cells = cellsOf(many);
    expect([...cells.order].sort((a, b) => a - b)).toEqual([...many.x.keys()]);
    for (const look of [WHOLE, { x: 0.2, y: 0.7, zoom: 9 }])
      for (let px = -20; px < 1020; px += 97)
        for (let py = -20; py < 520; py += 61) {
          const { ax, bx, ay, by } = onScreen(look, screen);
          const far = [...many.x.keys()].map((i) => ((many.x[i] ?? 0) * ax + bx - px) ** 2 + ((many.y[i] ?? 0) * ay + by - py) ** 2);
          const best = Math.min(...far);
          const wanted = best <= 81 ? far.indexOf(best) : -1;
          const found = nearest(many, cells, look, screen, px, py, 9);
          expect(found < 0 ? -1 : far[found]).toBeCloseTo(wanted < 0 ? -1 : best, 9);
        }
  });
  it("finds the nearest within reach, and none beyond", () => {
    expect(nearest(points, cellsOf(points), WHOLE, screen, 503, 252, 8)).toBe(1);
    expect(nearest(points, cellsOf(points), WHOLE, screen, 600, 252, 8)).toBe(-1);
    expect(nearest(points, cellsOf(points), WHOLE, screen, 503, 252, 8, Uint8Array.of(1, 0, 1))).toBe(-1);
  });
});

describe("a lasso", () => {
  it("is kept in places of the map, and drawn from them again", () => {
    const look = zoomed(WHOLE, screen, 300, 100, 2.5);
    const shape = rectangle([200, 100], [640, 400]);
    const corners = onMap(shape, look, screen);
    const back = outline(corners, look, screen).split(" ").map((pair) => pair.split(",").map(Number));
    back.forEach(([x, y], i) => {
      expect(Math.abs((x ?? 0) - (shape[i]?.[0] ?? 0))).toBeLessThan(0.3);
      expect(Math.abs((y ?? 0) - (shape[i]?.[1] ?? 0))).toBeLessThan(0.3);
    });
    expect(onMap([[50, 475], [950, 25]], WHOLE, screen)).toEqual([0, 0, 10_000, 10_000]);
  });
  it("loses corners that say nothing, and never has too many", () => {
    const line: Corner[] = [[0, 0], [10, 0.1], [20, 0], [20, 20], [0, 20]];
    expect(simplified(line)).toEqual([[0, 0], [20, 0], [20, 20], [0, 20]]);
    const wild: Corner[] = Array.from({ length: 2000 }, (_, i) => [i, (i * 7919) % 400]);
    expect(simplified(wild).length).toBeLessThanOrEqual(160);
  });
  it("begins anew, adds, or takes away", () => {
    const a = [0, 0, 1, 0, 1, 1];
    const one = withShape(null, "sample", a, "add");
    expect(one).toEqual({ kind: "inside", owner: "sample", shapes: [{ how: "add", corners: a }] });
    expect(withShape(one, "sample", a, "take")?.shapes.map((shape) => shape.how)).toEqual(["add", "take"]);
    expect(withShape(one, "sample", a, "only")?.shapes.length).toBe(1);
    expect(withShape(one, "sample", [0, 0, 1, 1], "add")).toBeNull();
  });
  it("can be a rectangle that arrows move", () => {
    const first = stepped(null, screen, "ArrowLeft", false);
    expect(first).toEqual([400, 200, 200, 100]);
    expect(stepped(first, screen, "ArrowLeft", false)).toEqual([384, 200, 200, 100]);
    expect(stepped(first, screen, "ArrowDown", true)).toEqual([400, 200, 200, 116]);
    expect(stepped([0, 0, 16, 16], screen, "ArrowUp", true)).toEqual([0, 0, 16, 16]);
    expect(stepped(first, screen, "a", false)).toBeNull();
  });
});
