import { describe, expect, it } from "vitest";
import { type Layout, layOut, neighbour, RATIOS, rowAt, tileAt, tileOf, tilesIn, tilesOfRow } from "./layout";
import { barHeight, SAFE_HEIGHT, toBar, toContent } from "./scroll";

/** Numbers that look random and are the same each time. */
function some(n: number, seed = 7): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: n }, () => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return 100 + (state >> 16) % 56;
  });
}

const every = (layout: Layout) => tilesIn(layout, -1, layout.height + 1);

describe("rows of the grid", () => {
  it("fill the width, but for the last", () => {
    const layout = layOut(some(500), 900, 150, 6, "rows");
    for (let row = 0; row < layout.rowHeight.length - 1; row++) {
      const last = tilesOfRow(layout, row).at(-1);
      expect((last?.x ?? 0) + (last?.w ?? 0)).toBeCloseTo(900, 1);
    }
  });

  it("hold each tile once, in order", () => {
    for (const shape of ["rows", "square", "fit"] as const) {
      const layout = layOut(some(333), 700, 120, 6, shape);
      expect(every(layout).map((tile) => tile.index)).toEqual(Array.from({ length: 333 }, (_, i) => i));
    }
  });

  it("keep each picture's shape", () => {
    const aspects = some(100);
    for (const tile of every(layOut(aspects, 800, 140, 6, "rows"))) {
      expect(tile.w / tile.h).toBeCloseTo(RATIOS[aspects[tile.index] ?? 0] ?? 0, 3);
    }
  });

  it("stay near the wanted height", () => {
    const heights = [...layOut(some(2000), 1200, 150, 6, "rows").rowHeight];
    expect(Math.max(...heights)).toBeLessThan(230);
    expect(Math.min(...heights)).toBeGreaterThan(90);
  });

  it("take a moment for a million, even on a busy machine", () => {
    const aspects = some(1_000_000);
    const before = performance.now();
    expect(layOut(aspects, 1200, 150, 6, "rows").count).toBe(1_000_000);
    expect(performance.now() - before).toBeLessThan(8000);
  });

  it("are none where nothing is", () => {
    const layout = layOut(new Uint8Array(0), 900, 150, 6, "rows");
    expect(layout.height).toBe(0);
    expect(every(layout)).toEqual([]);
    expect(tileAt(layout, 5, 5)).toBeUndefined();
  });

  it("give one tile a row where the page is narrower than a picture", () => {
    expect(every(layOut(new Uint8Array([180, 180]), 60, 150, 6, "rows")).every((tile) => tile.w <= 60.01)).toBe(true);
  });
});

describe("finding a tile", () => {
  const layout = layOut(some(400), 900, 150, 6, "rows");

  it("by point gives the tile that lies there", () => {
    for (const tile of every(layout)) expect(tileAt(layout, tile.x + tile.w / 2, tile.y + tile.h / 2)?.index).toBe(tile.index);
  });

  it("by number gives the same place as the band does", () => {
    for (const tile of every(layout)) expect(tileOf(layout, tile.index)).toEqual(tile);
  });

  it("down and up again ends in the row where it began", () => {
    for (const index of [20, 77, 200]) {
      const back = neighbour(layout, neighbour(layout, index, 1), -1);
      expect(rowAt(layout, tileOf(layout, back)?.y ?? 0)).toBe(rowAt(layout, tileOf(layout, index)?.y ?? 0));
    }
  });
});

describe("a scroll bar for more than browsers can lay out", () => {
  it("is one to one below the safe height", () => {
    expect(barHeight(5000)).toBe(5000);
    expect(toContent(123, 5000, 800)).toBe(123);
  });

  it("reaches both ends of a long content and goes back", () => {
    const content = 40_000_000;
    expect(toContent(0, content, 800)).toBe(0);
    expect(toContent(SAFE_HEIGHT - 800, content, 800)).toBe(content - 800);
    expect(toContent(toBar(12_345_678, content, 800), content, 800)).toBeCloseTo(12_345_678, 3);
  });
});
