import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Thumb } from "../../api/thumbs";
import { pictures } from "./pictures";

class Bitmap {
  closed = false;
  constructor(
    readonly width: number,
    readonly height: number,
  ) {}
  close(): void {
    this.closed = true;
  }
}

/** A store of small pictures; what it asked for, and `answer` for what comes of the oldest request. */
function store() {
  const asked: (readonly number[])[] = [];
  const open: { ids: readonly number[]; take: (thumb: Thumb) => void; done: () => void; failed: (error: Error) => void }[] = [];
  const arrived = vi.fn();
  const held = pictures(
    (ids, _size, take, signal) => {
      asked.push(ids);
      return new Promise((done, failed) => {
        open.push({ ids, take, done, failed });
        signal.addEventListener("abort", () => failed(new DOMException("given up", "AbortError")));
      });
    },
    arrived,
  );
  const answer = async (thumb: (id: number) => Thumb = (id) => ({ kind: "picture", id, bytes: new Uint8Array([id]) })) => {
    const one = open.shift();
    for (const id of one?.ids ?? []) one?.take(thumb(id));
    one?.done();
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  return { held, asked, answer, arrived };
}

const upTo = (n: number, from = 1) => Array.from({ length: n }, (_, i) => from + i);

beforeEach(() => {
  vi.stubGlobal("ImageBitmap", Bitmap);
  vi.stubGlobal("createImageBitmap", () => Promise.resolve(new Bitmap(256, 192)));
});
afterEach(() => vi.unstubAllGlobals());

describe("small pictures", () => {
  it("are asked for at once, and are there when they came", async () => {
    const { held, asked, answer, arrived } = store();
    held.want([3, 1], 256, false);
    expect(asked).toEqual([[3, 1]]);
    expect(held.get(1, 256)).toBeUndefined();
    await answer();
    expect(held.get(1, 256)?.kind).toBe("picture");
    expect(arrived).toHaveBeenCalledTimes(2);
    held.want([3, 1], 256, false);
    expect(asked.length).toBe(1);
  });

  it("wait for company while they are passed by, and for none when the reader stops", () => {
    const { held, asked } = store();
    held.want(upTo(47), 256, true);
    expect(asked).toEqual([]);
    held.want(upTo(48), 256, true);
    expect(asked).toEqual([upTo(48)]);
    held.want(upTo(60), 256, true);
    held.want(upTo(60), 256, false);
    expect(asked.length).toBe(1); // twelve more wait for the request that is on its way
    const other = store();
    other.held.want(upTo(12), 256, true);
    other.held.want(upTo(12), 256, false);
    expect(other.asked).toEqual([upTo(12)]);
  });

  it("of another size stand in until theirs is there; sizes and ids are not mixed up", async () => {
    const { held, asked, answer } = store();
    held.want([1], 128, false);
    await answer();
    expect(held.get(1, 512)?.kind).toBe("picture");
    for (const id of [0, 2, 4, 128, 129]) expect(held.get(id, 128)).toBeUndefined();
    held.want([1], 512, false);
    expect(asked).toEqual([[1], [1]]);
  });

  it("that cannot be read say why", async () => {
    const { held, answer } = store();
    held.want([1, 2], 256, false);
    await answer((id) => (id === 1 ? { kind: "broken", id, reason: "no JPEG" } : { kind: "picture", id, bytes: new Uint8Array() }));
    expect(held.get(1, 256)).toEqual({ kind: "broken", reason: "no JPEG" });
    vi.stubGlobal("createImageBitmap", () => Promise.reject(new Error("bad")));
    held.want([5], 256, false);
    await answer();
    expect(held.get(5, 256)?.kind).toBe("broken");
  });

  it("are closed with the store, those too that come after", async () => {
    const made: Bitmap[] = [];
    const later: (() => void)[] = [];
    vi.stubGlobal("createImageBitmap", () => new Promise((done) => {
      const bitmap = new Bitmap(256, 192);
      made.push(bitmap);
      later.push(() => done(bitmap));
    }));
    const { held, answer } = store();
    held.want([1, 2], 256, false);
    await answer();
    later.shift()?.();
    await vi.waitFor(() => expect(held.get(1, 256)?.kind).toBe("picture"));
    held.close();
    expect(made.map(({ closed }) => closed)).toEqual([true, false]);
    later.shift()?.();
    await vi.waitFor(() => expect(made.every(({ closed }) => closed)).toBe(true));
    expect([held.get(1, 256), held.get(2, 256)]).toEqual([undefined, undefined]);
  });
});
