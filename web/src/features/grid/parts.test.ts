import { describe, expect, it, vi } from "vitest";
import { readFrame, writeFrame, writeStrings } from "../../api/frame";
import { lru } from "../../lib/lru";
import { picked } from "../selection/pick";
import { RATIOS } from "./layout";
import { maskAlpha, SIDE } from "./masks";
import { type PageData, pageStore, readPage } from "./page";
import { cropRect, lengthSays, pictureRect } from "./tile";

const page = (ids: number[]): PageData =>
  readPage(
    readFrame(
      writeFrame({
        id: new Float64Array(ids),
        width: new Uint32Array(ids.length).fill(4),
        height: new Uint32Array(ids.length).fill(3),
        "truth.sample": new Uint32Array([0, 0, 2]),
        "truth.id": new Float64Array([7, 8, 9]),
        "truth.class": new Uint16Array([0, 1, 65535]),
        ...writeStrings("path", ids.map((id) => `${id}.jpg`)),
      }),
    ),
    ["truth", "none"],
  );

describe("a page", () => {
  it("finds the objects of each sample", () => {
    const { fields, path } = page([10, 11, 12]);
    expect([...(fields.get("truth")?.first ?? [])]).toEqual([0, 2, 2, 3]);
    expect(fields.has("none")).toBe(false);
    expect(path[1]).toBe("11.jpg");
  });
});

describe("the store of pages", () => {
  it("fetches a page once, and gives up pages that were scrolled past", async () => {
    const signals: AbortSignal[] = [];
    const fetch = vi.fn((offset: number, count: number, signal: AbortSignal) => {
      signals.push(signal);
      return offset === 0 ? Promise.resolve(page(Array.from({ length: count }, (_, i) => i))) : new Promise<PageData>(() => {});
    });
    const store = pageStore(3000, fetch, () => {}, () => {});
    store.want(0, 100);
    store.want(0, 200);
    await Promise.resolve();
    await Promise.resolve();
    expect(fetch).toHaveBeenCalledTimes(1);
    expect(store.at(5)?.row).toBe(5);
    store.want(1000, 1100);
    store.want(2600, 2700);
    expect(signals[1]?.aborted).toBe(true);
    expect(signals.at(-1)?.aborted).toBe(false);
  });

  it("gives ids that somebody waits for, whatever is in sight meanwhile and after it is closed", async () => {
    const asked: { give: (page: PageData) => void; signal: AbortSignal }[] = [];
    const store = pageStore(3000, (_, __, signal) => new Promise<PageData>((give) => asked.push({ give, signal })), () => {}, () => {});
    const ids = store.ids(257, 258);
    store.want(2600, 2700);
    store.close();
    expect(asked.map(({ signal }) => signal.aborted)).toEqual([false, true]);
    asked[0]?.give(page(Array.from({ length: 256 }, (_, i) => 1000 + i)));
    expect(await ids).toEqual([1001, 1002]);
  });
});

describe("a mask", () => {
  it("runs down the columns, zeros first", () => {
    const { alpha, width, height } = maskAlpha(new Uint32Array([1, 2, 3]), 3, 2);
    expect([width, height]).toEqual([2, 3]);
    expect([...alpha]).toEqual([0, 0, 255, 0, 255, 0]);
  });

  it("of a large picture is shrunk and keeps its share", () => {
    const { alpha, width, height } = maskAlpha(new Uint32Array([500_000, 500_000]), 1000, 1000);
    expect([width, height]).toEqual([SIDE, SIDE]);
    const share = alpha.filter((a) => a > 0).length / alpha.length;
    expect(share).toBeCloseTo(0.5, 2);
  });
});

describe("a picture in its tile", () => {
  it("fills a square, is whole in another, and zooms to an object", () => {
    const tile = { x: 0, y: 0, w: 100, h: 100 };
    expect(pictureRect(tile, 200, 100, true, null)).toEqual({ x: -50, y: 0, w: 200, h: 100 });
    expect(pictureRect(tile, 200, 100, false, null)).toEqual({ x: 0, y: 25, w: 100, h: 50 });
    const zoomed = pictureRect(tile, 200, 100, false, { x: 0.5, y: 0.5, w: 0.1, h: 0.2 });
    // The object's middle lies in the tile's middle.
    expect(zoomed.x + 0.55 * zoomed.w).toBeCloseTo(50);
    expect(zoomed.y + 0.6 * zoomed.h).toBeCloseTo(50);
  });
  it("leaves no sliver at an edge where the tile's shape is its own, rounded to a byte", () => {
    for (let width = 300; width <= 1900; width += 7) {
      const ratio = RATIOS[Math.round(128 + 32 * Math.log2(width / 640))] ?? 1;
      const { x, y, w, h } = pictureRect({ x: 0, y: 0, w: 150 * ratio, h: 150 }, width, 640, false, null);
      expect(Math.max(x, y)).toBeLessThan(1e-9);
      expect(Math.min(x + w - 150 * ratio, y + h - 150)).toBeGreaterThan(-1e-9);
      expect(Math.max(w / (150 * ratio), h / 150)).toBeLessThan(1.012);
    }
  });
});

describe("the crop of an object", () => {
  it("is the square around its box, cut at the edge of the picture, and covers its tile", () => {
    const whole = { x: 0, y: 0, w: 200, h: 100 };
    const middle = cropRect(whole, { x: 0.45, y: 0.4, w: 0.1, h: 0.2 }, 400, 200);
    expect(middle.w).toBeCloseTo(25);
    expect(middle.h).toBeCloseTo(25);
    expect(middle.x + middle.w / 2).toBeCloseTo(100);
    const corner = cropRect(whole, { x: 0, y: 0, w: 0.1, h: 0.2 }, 400, 200);
    expect([corner.x, corner.y]).toEqual([0, 0]);
    expect(corner.w).toBeCloseTo(22.5);
    for (const object of [{ x: 0.2, y: 0.2, w: 0.3, h: 0.1 }, { x: 0.4, y: 0.3, w: 0.02, h: 0.5 }]) {
      const tile = { x: 10, y: 20, w: 100, h: 100 };
      const all = pictureRect(tile, 400, 400, false, object);
      const crop = cropRect(all, object, 400, 400);
      expect(crop.x).toBeLessThanOrEqual(tile.x);
      expect(crop.x + crop.w).toBeGreaterThanOrEqual(tile.x + tile.w);
      expect(crop.y).toBeLessThanOrEqual(tile.y);
      expect(crop.y + crop.h).toBeGreaterThanOrEqual(tile.y + tile.h);
    }
  });
});

it("a video says how long it is", () => {
  expect([lengthSays(6.6), lengthSays(750), lengthSays(3723)]).toEqual(["0:07", "12:30", "1:02:03"]);
});

describe("a selection", () => {
  it("of a few, and of all but a few", () => {
    const none = { ids: new Set<number>(), all: false };
    const two = picked(none, [1, 2], "add");
    expect([...picked(two, [2], "toggle").ids]).toEqual([1]);
    const all = { ids: new Set<number>(), all: true };
    const but = picked(all, [3], "toggle");
    expect([...but.ids]).toEqual([3]);
    expect([...picked(but, [3], "add").ids]).toEqual([]);
    expect(picked(but, [9], "set")).toEqual({ ids: new Set([9]), all: false });
  });
});

describe("a cache by weight", () => {
  it("drops the least lately used", () => {
    const dropped: string[] = [];
    const cache = lru<string, string>(10, (value) => dropped.push(value));
    cache.set("a", "A", 4);
    cache.set("b", "B", 4);
    cache.get("a");
    cache.set("c", "C", 4);
    expect(dropped).toEqual(["B"]);
    expect(cache.weight).toBe(8);
  });
});
