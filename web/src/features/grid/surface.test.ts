import { describe, expect, it, vi } from "vitest";
import type { Tile } from "./layout";
import { type Look, surface, type TileState } from "./surface";

const STILL: TileState = { focused: false, chosen: false, hovered: false, anyChosen: false, across: null };

/** A canvas of 100 × 100 over rows of one tile, 20 high and 26 apart; `moved` holds by how much it was moved. */
function sheet() {
  const moved: number[] = [];
  const canvas = { width: 0, height: 0, style: {} } as HTMLCanvasElement;
  const ctx = { setTransform: vi.fn(), fillRect: vi.fn(), save: vi.fn(), beginPath: vi.fn(), rect: vi.fn(), clip: vi.fn(), restore: vi.fn(), drawImage: (_: unknown, __: number, y: number) => moved.push(y) };
  vi.stubGlobal("devicePixelRatio", 1);
  const made = surface(canvas, ctx as unknown as CanvasRenderingContext2D, 0);
  made.size(100, 100);
  let anew: number[] = [];
  const show = (top: number, look: (index: number) => Look = () => ({ content: 1, state: STILL })): number[] => {
    const tiles: Tile[] = [];
    for (let i = Math.floor((top - 20) / 26) + 1; i * 26 < top + 100; i++) tiles.push({ index: i, x: 0, y: i * 26, w: 100, h: 20 });
    const drawn: number[] = [];
    anew = made.show(tiles, top, "#000", (tile) => look(tile.index), (tile) => drawn.push(tile.index)).map((tile) => tile.index);
    return drawn;
  };
  return { made, moved, show, anew: () => anew };
}

describe("the canvas of the grid", () => {
  it("draws all at first, nothing when nothing changed, and all again once it is told to forget", () => {
    const { made, show } = sheet();
    expect(show(0)).toEqual([0, 1, 2, 3]);
    expect(show(0)).toEqual([]);
    made.forget();
    expect(show(0)).toEqual([0, 1, 2, 3]);
    made.size(100, 101);
    expect(show(0)).toEqual([0, 1, 2, 3]);
  });

  it("moves what is there and draws the tiles that the new strip cuts, down and up", () => {
    const { moved, show, anew } = sheet();
    show(0);
    expect(show(10)).toEqual([3, 4]);
    expect(anew()).toEqual([4]);
    expect(show(30)).toEqual([4]);
    expect(show(26)).toEqual([1]);
    expect(moved).toEqual([-10, -20, 4]);
  });

  it("draws all where it jumps further than it is high", () => {
    const { moved, show } = sheet();
    show(0);
    expect(show(2600)).toEqual([100, 101, 102, 103]);
    expect(moved).toEqual([]);
  });

  it("draws a tile whose content or state changed, and no other", () => {
    const { show } = sheet();
    show(0);
    expect(show(0, (index) => ({ content: index === 2 ? "arrived" : 1, state: STILL }))).toEqual([2]);
    expect(show(0, (index) => ({ content: index === 2 ? "arrived" : 1, state: { ...STILL, chosen: index === 1 } }))).toEqual([1]);
    expect(show(0, (index) => ({ content: index === 2 ? "arrived" : 1, state: STILL }))).toEqual([1]);
  });
});
