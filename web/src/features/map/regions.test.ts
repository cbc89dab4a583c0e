import { describe, expect, it } from "vitest";
import { regionsOf, wordsOn } from "./regions";

/** 300 points around each middle, one part a middle; then 200 everywhere of a third part. */
function cloud() {
  const middles = [[15_000, 15_000], [50_000, 45_000]] as const;
  const places = [
    ...middles.flatMap(([x, y], part) => Array.from({ length: 300 }, (_, i) => ({ x: x + 90 * (i % 20), y: y + 90 * Math.floor(i / 20), part }))),
    ...Array.from({ length: 200 }, (_, i) => ({ x: (i * 7919) % 65_536, y: (i * 104_729) % 65_536, part: 2 })),
  ];
  const points = { x: Uint16Array.from(places, (one) => one.x), y: Uint16Array.from(places, (one) => one.y), id: Float64Array.from(places.keys()) };
  return { points, part: Uint8Array.from(places, (one) => one.part) };
}

describe("words on regions", () => {
  const { points, part } = cloud();
  it("stand where a value lies together, not where it is scattered", () => {
    const found = regionsOf(points, part, undefined, 3);
    expect(found.map((one) => one.part).sort()).toEqual([0, 1]);
    const first = found.find((one) => one.part === 0);
    expect(Math.hypot((first?.x ?? 0) - 15_900, (first?.y ?? 0) - 15_700)).toBeLessThan(2_500);
  });
  it("follow the view", () => {
    const view = part.map((of) => (of === 1 ? 0 : 1));
    expect(regionsOf(points, part, view, 3).some((one) => one.part === 1)).toBe(false);
    expect(regionsOf(points, undefined, undefined, 0)).toEqual([]);
  });
  it("leave out what lies over another, or outside", () => {
    const at = { ax: 1, bx: 0, ay: 1, by: 0 };
    const regions = [{ part: 0, x: 50, y: 50, points: 9 }, { part: 1, x: 60, y: 55, points: 8 }, { part: 1, x: 60, y: 90, points: 7 }, { part: 0, x: 500, y: 50, points: 6 }];
    expect(wordsOn(regions, ["car", "bus"], at, 200, 200).map((word) => [word.text, word.top])).toEqual([["car", 50], ["bus", 90]]);
  });
});
