import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { pan } from "./pan";

/** A place that fingers move; how far it went, up to `most`. */
function place(mapped = true, most = Infinity) {
  const element = new EventTarget();
  let at = 0;
  const end = pan(element as HTMLElement, {
    mapped: () => mapped,
    by(pixels) {
      const before = at;
      at = Math.min(most, Math.max(0, at + pixels));
      return at !== before;
    },
  });
  const tell = (type: string, y: number, time: number, more: object = {}) => element.dispatchEvent(stamped(type, y, time, more));
  return { tell, end, at: () => at };
}

function stamped(type: string, y: number, time: number, more: object): Event {
  const event = new Event(type);
  Object.defineProperty(event, "timeStamp", { value: time });
  return Object.assign(event, { clientY: y, pointerId: 1, pointerType: "touch", isPrimary: true, ...more });
}

let frames: (() => void)[] = [];
let now = 0;
/** So many frames of a sixtieth of a second. */
function run(count: number): void {
  for (let i = 0; i < count; i++) {
    now += 1000 / 60;
    for (const frame of frames.splice(0)) frame();
  }
}

beforeEach(() => {
  frames = [];
  now = 0;
  vi.stubGlobal("requestAnimationFrame", (frame: () => void) => frames.push(frame));
  vi.stubGlobal("cancelAnimationFrame", () => (frames = []));
  vi.spyOn(performance, "now").mockImplementation(() => now);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("scrolling by finger", () => {
  it("moves as far as the finger, and no further where it rests before it is lifted", () => {
    const { tell, at } = place();
    tell("pointerdown", 500, 0);
    tell("pointermove", 460, 16);
    tell("pointermove", 400, 32);
    expect(at()).toBe(100);
    tell("pointerup", 400, 300);
    run(60);
    expect(at()).toBe(100);
  });

  it("goes on when it is let go: as far as its speed and the time of its fading say, whatever the frames", () => {
    const { tell, at } = place();
    tell("pointerdown", 500, 0);
    for (let i = 1; i <= 20; i++) tell("pointermove", 500 - 16 * i, 16 * i);
    tell("pointerup", 180, 320);
    run(300);
    // 1,000 pixels a second; what is left at 20 a second is not gone
    expect(at() - 320).toBeGreaterThan(0.325 * 970);
    expect(at() - 320).toBeLessThan(0.325 * 1000);
    expect(frames).toEqual([]);
  });

  it("stops at a touch, at the wheel and at the end of what there is", () => {
    for (const stop of ["pointerdown", "wheel", "pointercancel"]) {
      const { tell, at } = place();
      tell("pointerdown", 500, 0);
      for (let i = 1; i <= 5; i++) tell("pointermove", 500 - 16 * i, 16 * i);
      tell("pointerup", 420, 80);
      run(2);
      const there = at();
      expect(there).toBeGreaterThan(80);
      tell(stop, 420, 120);
      run(60);
      expect(at()).toBe(there);
    }
    const { tell, at } = place(true, 90);
    tell("pointerdown", 500, 0);
    for (let i = 1; i <= 5; i++) tell("pointermove", 500 - 16 * i, 16 * i);
    tell("pointerup", 420, 80);
    run(60);
    expect([at(), frames.length]).toEqual([90, 0]);
  });

  it("is the browser's where its own bar is long enough, and of a mouse or a second finger nothing is made", () => {
    for (const [mapped, more] of [[false, {}], [true, { pointerType: "mouse" }], [true, { isPrimary: false }]] as const) {
      const { tell, at } = place(mapped);
      tell("pointerdown", 500, 0, more);
      tell("pointermove", 400, 16, more);
      expect(at()).toBe(0);
    }
  });

  it("ends", () => {
    const { tell, at, end } = place();
    end();
    tell("pointerdown", 500, 0);
    tell("pointermove", 400, 16);
    expect(at()).toBe(0);
  });
});
