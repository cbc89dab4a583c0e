import { describe, expect, it } from "vitest";
import { countsOf } from "./operating";
import { sums } from "./order";
import { cellAt, held, type MatrixPlace, MOST_CELL, pooled, strength, zoomed } from "./paintMatrix";

const place: MatrixPlace = { left: 100, top: 50, side: 400, cell: 0.4, x: 0, y: 0, flat: false, totals: 30 };

describe("a matrix of a thousand classes", () => {
  it("knows the cell under the pointer, and that there is none outside", () => {
    expect(cellAt(place, 1000, 100.2, 449.9)).toEqual({ row: 999, column: 0 });
    expect(cellAt(place, 1000, 99, 60)).toBeNull();
    expect(cellAt(place, 1000, 501, 60)).toBeNull();
  });
  it("keeps the cell under the pointer while it zooms, between all of it and cells with room for a number", () => {
    const before = cellAt(place, 1000, 300, 250);
    const closer = { ...place, ...zoomed(place, 1000, 20, 300, 250) };
    expect(cellAt(closer, 1000, 300, 250)).toEqual(before);
    expect(zoomed(place, 1000, 1e9, 300, 250).cell).toBe(MOST_CELL);
    expect(zoomed(closer, 1000, 1e-9, 300, 250)).toEqual({ cell: 0.4, x: 0, y: 0 });
  });
  it("is not scrolled out of sight", () => {
    expect(held(400, 1000, 10, -50, 1e9)).toEqual({ x: 0, y: 9600 });
    expect(held(400, 10, 40, 30, 30)).toEqual({ x: 0, y: 0 });
  });
});

it("a cell is as strong as its share of the row, or its count", () => {
  const counts = countsOf([
    [3, 1],
    [0, 100],
  ]);
  const { rows, columns } = sums(counts);
  const shown = { counts, names: ["a", "b"], order: [0, 1], rows, columns, shares: true };
  expect(strength(shown, 0, 1, 100)).toBeCloseTo(0.5);
  expect(strength({ ...shown, shares: false }, 0, 1, 100)).toBeCloseTo(0.1);
  expect(strength(shown, 1, 0, 100)).toBe(0);
});

it("where cells share a pixel the strongest is seen", () => {
  const counts = countsOf([
    [10, 0, 0, 0],
    [0, 10, 0, 5],
    [0, 0, 10, 0],
    [0, 0, 0, 10],
  ]);
  const { rows, columns } = sums(counts);
  const shown = { counts, names: ["a", "b", "c", "d"], order: [0, 1, 2, 3], rows, columns, shares: false };
  expect([...pooled(shown, 2, 10)]).toEqual([255, Math.round(255 * Math.sqrt(0.5)), 0, 255]);
  expect([...pooled(shown, 4, 10)].filter((value) => value > 0)).toHaveLength(5);
});
