import { afterEach, describe, expect, it, vi } from "vitest";
import type { Tile } from "./layout";
import { type Look, rows, type TileState } from "./rows";

const STILL: TileState = { focused: false, chosen: false, hovered: false, anyChosen: false, across: null };

/** As much of an element as rows ask of one. */
class Box {
  readonly style: Record<string, string> = {};
  readonly attributes = new Map<string, string>();
  children: Box[] = [];
  parent: Box | null = null;
  width = 0;
  bitmaps = 0;
  /** How often it was given another height: it is empty then, and its memory is asked for anew. */
  sizes = 0;
  #height = 0;
  get height(): number {
    return this.#height;
  }
  set height(value: number) {
    this.sizes += 1;
    this.#height = value;
  }
  id = "";
  constructor(readonly tag: string) {}
  get isConnected(): boolean {
    return this.parent !== null;
  }
  setAttribute(name: string, value: string): void {
    this.attributes.set(name, value);
  }
  append(child: Box): void {
    child.parent = this;
    this.children.push(child);
  }
  remove(): void {
    if (this.parent) this.parent.children = this.parent.children.filter((child) => child !== this);
    this.parent = null;
  }
  getContext = () => ({ transferFromImageBitmap: () => (this.bitmaps += 1) });
}

/** Rows of two tiles, 20 high (or as `high` says) and 26 apart, in a window 100 high; what was drawn at last, and all boxes ever made. */
function grid(high: (row: number) => number = () => 20) {
  const made: Box[] = [];
  const copied: unknown[] = [];
  vi.stubGlobal("devicePixelRatio", 1);
  vi.stubGlobal("document", { createElement: (tag: string) => made[made.push(new Box(tag)) - 1] });
  const pen = { setTransform: vi.fn(), fillRect: vi.fn(), drawImage: (from: unknown) => copied.push(from) };
  vi.stubGlobal("OffscreenCanvas", class { width = 1; height = 1; getContext = () => pen; transferToImageBitmap = () => ({}); });
  const holder = new Box("div");
  let drawn: number[] = [];
  const shown = rows(holder as unknown as HTMLElement, 0, { ground: () => "#000", draw: (_, tile) => drawn.push(tile.index), name: (index) => `picture ${index}` });
  shown.size(100);
  const show = (top: number, look: (index: number) => Look = () => ({ content: 1, state: STILL })): number[] => {
    const tiles: Tile[] = [];
    for (let row = Math.max(0, Math.floor((top - 20) / 26) + 1); row * 26 < top + 100; row++) for (const x of [0, 50]) tiles.push({ index: 2 * row + x / 50, x, y: row * 26, w: 44, h: high(row) });
    drawn = [];
    shown.show(tiles, 0, 1000, (tile) => look(tile.index));
    return drawn;
  };
  const options = () => holder.children.flatMap((box) => box.children.filter((child) => child.attributes.get("role") === "option"));
  return { shown, show, holder, made, copied, options };
}

afterEach(() => vi.unstubAllGlobals());

describe("the rows of the grid", () => {
  it("draws all at first, nothing when nothing changed, and all again once told to forget or at another width", () => {
    const { shown, show } = grid();
    expect(show(0)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(show(0)).toEqual([]);
    shown.forget();
    expect(show(0)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    shown.size(101);
    expect(show(0)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("draws only rows that come into sight when it is scrolled, down and up, and uses those that went", () => {
    const { show, holder, made } = grid();
    show(0);
    expect(show(10)).toEqual([8, 9]);
    const boxes = made.length;
    expect(show(26)).toEqual([]);
    expect(show(36)).toEqual([10, 11]);
    expect(show(10)).toEqual([0, 1]);
    expect(made.length).toBe(boxes);
    expect(holder.children.length).toBe(5);
    expect(show(2600)).toEqual([200, 201, 202, 203, 204, 205, 206, 207]);
    expect(holder.children.length).toBe(4);
  });

  it("gives canvases the height of the highest row, and another one only where a row needs more or all is drawn again", () => {
    const { show, made, shown } = grid((row) => (row === 7 ? 19 : 20 - (row % 3)));
    const canvases = () => made.filter(({ tag }) => tag === "canvas");
    show(0);
    const first = canvases().length;
    expect(canvases().map(({ height, sizes }) => [height, sizes])).toEqual(Array.from({ length: first }, () => [32, 1]));
    for (const top of [10, 36, 62, 2600, 10]) show(top);
    expect(canvases().every(({ height, sizes }) => height === 32 && sizes === 1)).toBe(true);
    // The boxes, which cut off what is not the row's, are as high as it.
    expect(new Set(made.filter(({ children }) => children.some(({ tag }) => tag === "canvas")).map(({ style }) => style["height"]))).toEqual(new Set(["26px", "25px", "24px"]));
    shown.forget();
    show(10, () => ({ content: 2, state: STILL }));
    expect(canvases().every(({ sizes }) => sizes === 1)).toBe(true);
  });

  it("makes canvases higher for a row that does not fit, and draws none of the others again", () => {
    const { show, made } = grid((row) => (row === 5 ? 50 : 20));
    show(0);
    show(10);
    expect(show(36)).toEqual([10, 11]);
    expect(made.filter(({ tag }) => tag === "canvas").map(({ height }) => height).sort()).toEqual([32, 32, 32, 32, 56]);
  });

  it("draws a tile whose content or state changed over what its row shows, and no other", () => {
    const { show, copied } = grid();
    show(0);
    expect(copied).toEqual([]);
    expect(show(0, (index) => ({ content: index === 2 ? "arrived" : 1, state: STILL }))).toEqual([2]);
    expect(copied.length).toBe(1);
    expect(show(0, (index) => ({ content: index === 2 ? "arrived" : 1, state: { ...STILL, chosen: index === 1 } }))).toEqual([1]);
    expect(show(0, (index) => ({ content: index === 2 ? "arrived" : 1, state: STILL }))).toEqual([1]);
  });

  it("puts an element with name, place and state over each tile, and over no other", () => {
    const { show, options } = grid();
    const said = () => options().map((one) => [one.id, one.attributes.get("aria-label"), one.attributes.get("aria-posinset"), one.attributes.get("aria-selected")].join(" "));
    show(0, (index) => ({ content: 1, state: { ...STILL, chosen: index === 1 } }));
    expect(said().slice(0, 2)).toEqual(["tile-0 picture 0 1 false", "tile-1 picture 1 2 true"]);
    show(2600);
    expect(said().sort()).toEqual([200, 201, 202, 203, 204, 205, 206, 207].map((index) => `tile-${index} picture ${index} ${index + 1} false`));
    expect(options().every((one) => one.attributes.get("aria-setsize") === "1000")).toBe(true);
  });
});
