/**
 * The grid's canvas. What is on it stays on it: a frame moves it by what was scrolled and draws only the tiles that came
 * into sight or changed. Everything is drawn anew only after `forget`.
 */
import type { Rect } from "../labels/draw";
import type { Tile } from "./layout";

/** How a tile is to look: two equal ones draw the same. */
export interface Look {
  readonly content: unknown;
  readonly state: TileState;
}

export interface TileState {
  readonly focused: boolean;
  readonly chosen: boolean;
  readonly hovered: boolean;
  readonly anyChosen: boolean;
  /** Where over a video's tile the pointer is, 0 at its left edge, 1 at its right; null where it is elsewhere. */
  readonly across: number | null;
}

export interface Surface {
  /** Fit to a place of so many CSS pixels. */
  size(width: number, height: number): void;
  /** Nothing on the canvas holds any more. */
  forget(): void;
  /** Tiles in sight with `top` of the content at the canvas's upper edge; gives back those that look another way than before. */
  show(tiles: readonly Tile[], top: number, background: string, look: (tile: Tile, at: Rect) => Look, draw: (tile: Tile, at: Rect, state: TileState) => void): Tile[];
}

/** Half the gap between tiles: what a tile draws around itself, such as its ring, stays inside. */
const AROUND = 3;

export function surface(canvas: HTMLCanvasElement, ctx: CanvasRenderingContext2D, edge: number): Surface {
  let [width, ratio] = [0, 1];
  /** The top in whole pixels of the screen, so that what is moved stays sharp. */
  let offset = 0;
  let whole = true;
  let looks = new Map<number, Look>();

  /** Moves what is there; gives back what part of the height is empty now. */
  function move(to: number): { from: number; end: number } {
    const by = to - offset;
    offset = to;
    if (whole || Math.abs(by) >= canvas.height) return { from: 0, end: canvas.height };
    if (!by) return { from: 0, end: 0 };
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.drawImage(canvas, 0, -by);
    return by > 0 ? { from: canvas.height - by, end: canvas.height } : { from: 0, end: -by };
  }

  /** Draw on a stretch of the height alone. */
  function only(from: number, end: number, draw: () => void): void {
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, from, width, end - from);
    ctx.clip();
    draw();
    ctx.restore();
  }

  return {
    size(w, h) {
      [width, ratio, whole] = [w, Math.min(3, devicePixelRatio || 1), true];
      canvas.width = Math.max(1, Math.round(w * ratio));
      canvas.height = Math.max(1, Math.round(h * ratio));
      canvas.style.width = `${w}px`;
      canvas.style.height = `${h}px`;
    },
    forget() {
      whole = true;
    },
    show(tiles, top, background, look, draw) {
      const empty = move(Math.round(top * ratio));
      const [from, end] = [empty.from / ratio, empty.end / ratio];
      ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
      ctx.fillStyle = background;
      ctx.fillRect(0, from, width, end - from);
      const before = whole ? new Map<number, Look>() : looks;
      whole = false;
      looks = new Map();
      const anew: Tile[] = [];
      for (const tile of tiles) {
        const at = { x: tile.x + edge, y: tile.y + edge - offset / ratio, w: tile.w, h: tile.h };
        const next = look(tile, at);
        const known = before.get(tile.index);
        looks.set(tile.index, next);
        const cut = from < end && at.y - AROUND < end && at.y + at.h + AROUND > from;
        const changed = !known || !same(known, next);
        if (!cut && !changed) continue;
        if (changed && known) {
          ctx.fillStyle = background;
          ctx.fillRect(at.x - AROUND, at.y - AROUND, at.w + 2 * AROUND, at.h + 2 * AROUND);
        }
        if (changed) {
          draw(tile, at, next.state);
          anew.push(tile);
        } else only(from, end, () => draw(tile, at, next.state));
      }
      return anew;
    },
  };
}

function same(a: Look, b: Look): boolean {
  const [x, y] = [a.state, b.state];
  return a.content === b.content && x.focused === y.focused && x.chosen === y.chosen && x.hovered === y.hovered && x.anyChosen === y.anyChosen && x.across === y.across;
}
