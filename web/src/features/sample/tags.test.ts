import { describe, expect, it } from "vitest";
import { placeTags, TAG_HIGH, type Tagged } from "./tags";

const box = (x: number, y: number, w = 100, h = 80, wide = 60): Tagged => ({ x, y, w, h, wide });

function covered(boxes: readonly Tagged[], w = 1000, h = 1000): number {
  const at = placeTags(boxes, w, h);
  let pairs = 0;
  for (let i = 0; i < at.length; i++)
    for (let k = 0; k < i; k++) {
      const [a, b] = [at[i]!, at[k]!];
      if (a.x < b.x + boxes[k]!.wide && b.x < a.x + boxes[i]!.wide && Math.abs(a.y - b.y) < TAG_HIGH) pairs++;
    }
  return pairs;
}

describe("name tags", () => {
  it("stand above their box, or inside it at the picture's upper edge", () => {
    expect(placeTags([box(10, 50), box(300, 0)], 1000, 1000)).toEqual([{ x: 10, y: 34 }, { x: 300, y: 0 }]);
  });
  it("do not cover each other where two boxes are the same, as truth and a guess of it", () => {
    expect(covered([box(10, 50), box(10, 50), box(11, 51), box(12, 52)])).toBe(0);
  });
  it("stay on the picture at its right edge", () => {
    expect(placeTags([box(980, 50, 20)], 1000, 1000)).toEqual([{ x: 940, y: 34 }]);
  });
  it("seldom cover each other in a crowd, where those above each other all the time would", () => {
    let seed = 7;
    const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
    const crowd = Array.from({ length: 40 }, () => box(random() * 900, random() * 900, 40 + random() * 90, 40 + random() * 90));
    expect(covered(crowd)).toBeLessThanOrEqual(2);
  });
});
