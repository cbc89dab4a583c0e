import { describe, expect, it } from "vitest";
import { fitted, moved, zoomed } from "./zoom";

const picture = { w: 400, h: 200 };
const stage = { w: 800, h: 800 };

describe("placing a picture", () => {
  it("fits it into the middle, and leaves a tiny one legible but not huge", () => {
    expect(fitted(picture, stage)).toEqual({ scale: 2, x: 0, y: 200 });
    expect(fitted({ w: 10, h: 10 }, stage).scale).toBe(16);
  });
  it("keeps the point under the pointer", () => {
    const before = fitted(picture, stage);
    const after = zoomed(before, 3, 500, 300, picture, stage);
    expect((500 - after.x) / after.scale).toBeCloseTo((500 - before.x) / before.scale);
    expect((300 - after.y) / after.scale).toBeCloseTo((300 - before.y) / before.scale);
  });
  it("never loses the picture", () => {
    const far = moved(fitted(picture, stage), 1e6, -1e6, picture, stage);
    expect(far.x).toBeLessThan(stage.w);
    expect(far.y + picture.h * far.scale).toBeGreaterThan(0);
    expect(zoomed(far, 1e9, 0, 0, picture, stage).scale).toBeLessThanOrEqual(64);
  });
});
