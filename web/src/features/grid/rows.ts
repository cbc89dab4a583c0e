/**
 * What is seen of the grid: for each row of tiles in sight a canvas, and over it an element for each tile. A row is drawn
 * once, and again where a tile of it changes; to scroll moves what holds the rows and draws nothing. Rows that go out of
 * sight are used again.
 *
 * The canvases show bitmaps: a browser without a graphics card copies a canvas that is drawn on at each frame, changed or not.
 */
import type { Pen, Rect } from "../labels/draw";
import { elements, type Elements } from "./elements";
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

export interface RowsHost {
  /** The colour between tiles. */
  ground(): string;
  /** Draw one tile at a place of its row's canvas. */
  draw(pen: Pen, tile: Tile, at: Rect, state: TileState): void;
  /** What is said of a tile to who does not see it. */
  name(index: number): string;
}

export interface Rows {
  /** So many CSS pixels wide. */
  size(width: number): void;
  /** Nothing that was drawn or said holds any more. */
  forget(): void;
  /** Show whole rows of `count` tiles, at their place of the content less `base`. */
  show(tiles: readonly Tile[], base: number, count: number, look: (tile: Tile) => Look): void;
}

interface Row {
  readonly box: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly screen: ImageBitmapRenderingContext;
  readonly over: Elements;
  looks: Map<number, Look>;
}

/** Half the gap between tiles: what a tile draws around itself, such as its ring, stays inside. */
const AROUND = 3;
/** Canvases are as high as the highest row, in steps of so many pixels: to give one another size costs as much as to draw it. */
const STEP = 8;

export function rows(holder: HTMLElement, edge: number, host: RowsHost): Rows {
  let width = 0;
  let tallest = 0;
  const paper = new OffscreenCanvas(1, 1);
  const pen = paper.getContext("2d", { alpha: false });
  const free: Row[] = [];
  /** By the first tile. */
  const used = new Map<number, Row>();

  function fresh(): Row | null {
    const box = document.createElement("div");
    box.setAttribute("role", "presentation");
    const canvas = document.createElement("canvas");
    canvas.setAttribute("aria-hidden", "true");
    box.append(canvas);
    const screen = canvas.getContext("bitmaprenderer", { alpha: false });
    return screen && { box, canvas, screen, over: elements(box), looks: new Map() };
  }

  function release(keep: (first: number) => boolean): void {
    for (const [first, row] of used) {
      if (keep(first)) continue;
      used.delete(first);
      row.looks.clear();
      free.push(row);
    }
  }

  /** The tiles of a row that look another way than what its canvas shows. */
  function changes(row: Row, line: readonly Tile[], look: (tile: Tile) => Look): Tile[] {
    const looks = new Map(line.map((tile) => [tile.index, look(tile)]));
    const changed = line.filter(({ index }) => !same(row.looks.get(index), looks.get(index)));
    row.looks = looks;
    return changed;
  }

  /** Draws tiles of a row, whose canvas begins `y` above them; all of them onto an empty one. */
  function draw({ canvas, screen, looks }: Row, tiles: readonly Tile[], y: number, ratio: number, empty: boolean): void {
    if (!pen) return;
    const { width, height } = canvas;
    // A side that is set empties the paper, even where it is set to what it is.
    if (paper.width !== width || paper.height !== height) Object.assign(paper, { width, height });
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = host.ground();
    if (empty) pen.fillRect(0, 0, width, height);
    else pen.drawImage(canvas, 0, 0);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    for (const tile of tiles) {
      const at = { x: tile.x + edge, y, w: tile.w, h: tile.h };
      pen.fillStyle = host.ground();
      if (!empty) pen.fillRect(at.x - AROUND, at.y - AROUND, at.w + 2 * AROUND, at.h + 2 * AROUND);
      const known = looks.get(tile.index);
      if (known) host.draw(pen, tile, at, known.state);
    }
    screen.transferFromImageBitmap(paper.transferToImageBitmap());
  }

  return {
    size(next) {
      if (next !== width) release(() => false);
      width = next;
    },
    forget() {
      tallest = 0;
      for (const row of used.values()) row.looks.clear();
    },
    show(tiles, base, count, look) {
      const ratio = Math.min(3, devicePixelRatio || 1);
      const lines = linesOf(tiles, edge, ratio);
      const firsts = new Set(lines.map(({ first }) => first));
      release((first) => firsts.has(first));
      tallest = Math.max(tallest, ...lines.map(({ top, bottom }) => Math.ceil((bottom - top) / STEP) * STEP));
      for (const { first, line, top, bottom } of lines) {
        const row = used.get(first) ?? free.pop() ?? fresh();
        if (!row) continue;
        used.set(first, row);
        if (fit(row, width, bottom - top, tallest, ratio)) row.looks.clear();
        row.box.style.transform = `translateY(${(top - Math.round(base * ratio)) / ratio}px)`;
        const empty = row.looks.size === 0;
        const changed = changes(row, line, look);
        if (!changed.length) continue;
        const y = (line[0]?.y ?? 0) + edge - top / ratio;
        draw(row, changed, y, ratio, empty);
        const said = changed.map((tile) => ({ index: tile.index, x: tile.x + edge, y, w: tile.w, h: tile.h, name: host.name(tile.index), chosen: row.looks.get(tile.index)?.state.chosen ?? false }));
        row.over.say(said, empty, count);
      }
      for (const { box } of free) if (box.isConnected) box.remove();
      for (const { box } of used.values()) if (!box.isConnected) holder.append(box);
    },
  };
}

/** Pixels of the screen: the box shows `height` of a canvas that is `tallest`. Whether that has another size, and so is empty, now. */
function fit({ box, canvas, looks }: Row, width: number, height: number, tallest: number, ratio: number): boolean {
  const across = Math.max(1, Math.round(width * ratio));
  Object.assign(box.style, { width: `${across / ratio}px`, height: `${height / ratio}px` });
  // What is drawn already, and large enough, stays.
  if (canvas.width === across && (canvas.height === tallest || (looks.size > 0 && canvas.height >= height))) return false;
  Object.assign(canvas, { width: across, height: tallest });
  Object.assign(canvas.style, { width: `${across / ratio}px`, height: `${tallest / ratio}px` });
  return true;
}

/** A row of tiles. Where it reaches from and to: whole pixels of the screen, so that what is moved stays sharp. */
interface PlacedLine {
  readonly first: number;
  readonly line: Tile[];
  readonly top: number;
  readonly bottom: number;
}

/** Tiles by row: those of one row lie at one height, one after another. */
function linesOf(tiles: readonly Tile[], edge: number, ratio: number): PlacedLine[] {
  const lines: PlacedLine[] = [];
  for (const tile of tiles) {
    const last = lines.at(-1);
    if (last?.line[0]?.y === tile.y) last.line.push(tile);
    else lines.push({ first: tile.index, line: [tile], top: Math.floor((tile.y + edge - AROUND) * ratio), bottom: Math.ceil((tile.y + tile.h + edge + AROUND) * ratio) });
  }
  return lines;
}

function same(a: Look | undefined, b: Look | undefined): boolean {
  if (!a || !b) return false;
  const [x, y] = [a.state, b.state];
  return a.content === b.content && x.focused === y.focused && x.chosen === y.chosen && x.hovered === y.hovered && x.anyChosen === y.anyChosen && x.across === y.across;
}
