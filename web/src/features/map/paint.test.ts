import { describe, expect, it } from "vitest";
import { fitting, paint } from "./paint";
import type { Points } from "./plane";
import { WHOLE } from "./plane";

/** What of the canvas the painting of many points uses. */
class Paper {
  pixels: Uint32Array = new Uint32Array();
  setTransform(): void {}
  clearRect(): void {}
  createImageData(wide: number, high: number) {
    return { data: new Uint8ClampedArray(wide * high * 4) };
  }
  putImageData(image: { data: Uint8ClampedArray }): void {
    this.pixels = new Uint32Array(image.data.buffer);
  }
}

const ink = { parts: ["#ff0000"], other: "#00ff00", none: "#0000ff", faint: 0.2 };
const screen = { wide: 200, high: 100 };
const red = 0x0000ff;

describe("many points as pixels", () => {
  const length = 250_000;
  const points: Points = { x: new Uint16Array(length).fill(32_767), y: new Uint16Array(length).fill(32_767), id: new Float64Array(length) };
  const drawn = (part: Uint8Array, view: Uint8Array | undefined, most = Infinity) => {
    const paper = new Paper();
    // The few calls that splatting needs are those of Paper.
    paint(paper as unknown as CanvasRenderingContext2D, { points, part, view, chosen: new Set() }, WHOLE, screen, 1, ink, most);
    return [...paper.pixels.entries()].filter(([, colour]) => colour);
  };
  it("stand where they lie, in the colour of their part", () => {
    const found = drawn(new Uint8Array(length), undefined);
    expect(found).toHaveLength(1);
    const [[at, colour] = [0, 0]] = found;
    expect([Math.abs((at % 200) - 100) <= 1, Math.abs(Math.floor(at / 200) - 50) <= 1, colour & 0xffffff]).toEqual([true, true, red]);
  });
  it("have those of the view over those that are not", () => {
    const part = new Uint8Array(length).fill(255);
    part[7] = 0;
    const view = new Uint8Array(length);
    view[7] = 1;
    const [[, colour] = [0, 0]] = drawn(part, view);
    expect([colour & 0xffffff, colour >>> 24]).toEqual([red, 230]);
  });
  it("are as many as a frame has time for", () => {
    expect(drawn(new Uint8Array(length), undefined, 10_000)).toHaveLength(1);
    expect([fitting(200_000, 16), fitting(200_000, 2), fitting(60_000, 100)]).toEqual([100_000, 400_000, 50_000]);
  });
});
