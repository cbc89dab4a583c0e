import { describe, expect, it } from "vitest";
import { clock, frameAt, seekTo, spans } from "./film";

describe("frames by time", () => {
  const uneven = [0, 0.04, 0.08, 0.5, 0.54];
  it("shows the last frame that has begun, whatever the spacing", () => {
    expect([0, 0.039, 0.04, 0.3, 0.5, 9].map((time) => frameAt(uneven, time))).toEqual([0, 0, 1, 2, 3, 4]);
    expect(frameAt([], 1)).toBe(0);
  });
  it("comes back to the frame it sought", () => {
    for (let frame = 0; frame < uneven.length; frame++) expect(frameAt(uneven, seekTo(uneven, frame, 0.58))).toBe(frame);
    expect(seekTo(uneven, 99, 0.58)).toBeCloseTo(0.56);
  });
  it("joins neighbouring frames of a track", () => {
    expect(spans([5, 3, 4, 4, 9])).toEqual([
      { from: 3, to: 5 },
      { from: 9, to: 9 },
    ]);
  });
  it("says times", () => expect([clock(3.205), clock(75)]).toEqual(["0:03.21", "1:15.00"]));
});
