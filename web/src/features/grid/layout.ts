/**
 * Where the tiles lie, from one byte of aspect each. A million take some tens of milliseconds, so the scroll bar is true
 * before the first picture is there. Rows are stored; places inside a row are worked out when asked for.
 */

export interface Layout {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly gap: number;
  readonly shape: "rows" | "square" | "fit";
  readonly aspects: Uint8Array;
  /** (rows + 1): the first tile of each row; the last entry is `count`. */
  readonly start: Uint32Array;
  /** (rows + 1): the top of each row; the last entry is the height of all. */
  readonly top: Float64Array;
  readonly rowHeight: Float32Array;
}

export interface Tile {
  readonly index: number;
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** Width by height of each byte; very long pictures get a calmer tile and are drawn whole inside it. */
export const RATIOS: Float32Array = Float32Array.from({ length: 256 }, (_, v) => Math.min(3.2, Math.max(0.45, 2 ** ((v - 128) / 32))));

export function layOut(aspects: Uint8Array, width: number, size: number, gap: number, shape: Layout["shape"]): Layout {
  const rows = shape === "rows" ? justified(aspects, width, size, gap) : regular(aspects.length, width, size, gap);
  return { count: aspects.length, width, gap, shape, aspects, ...rows };
}

type Rows = Pick<Layout, "start" | "top" | "rowHeight" | "height">;

/** Memory is asked for by the rows that are likely, not a row per tile: its first touch is most of the time for a million. */
function justified(aspects: Uint8Array, width: number, size: number, gap: number): Rows {
  const n = aspects.length;
  let space = Math.min(n, 64 + Math.ceil((n * (size + gap)) / Math.max(1, width)));
  let start = new Uint32Array(space + 1);
  let top = new Float64Array(space + 1);
  let rowHeight = new Float32Array(space);
  let rows = 0;
  let first = 0;
  let sum = 0;
  let y = 0;
  const close = (end: number, ratio: number, full: boolean) => {
    if (rows === space) {
      space = Math.min(n, 2 * space);
      start = longer(start, new Uint32Array(space + 1));
      top = longer(top, new Float64Array(space + 1));
      rowHeight = longer(rowHeight, new Float32Array(space));
    }
    const room = width - gap * (end - first - 1);
    const height = full ? room / ratio : Math.min(size, room / ratio);
    rowHeight[rows] = height;
    y += height + gap;
    rows += 1;
    start[rows] = end;
    top[rows] = y;
    first = end;
  };
  for (let i = 0; i < n; i++) {
    const ratio = RATIOS[aspects[i] ?? 128] ?? 1;
    const inRow = i - first;
    const room = width - gap * inRow;
    if (room > size * (sum + ratio)) {
      sum += ratio;
      continue;
    }
    // Close the row with or without this tile, whichever is nearer to the wanted height.
    if (inRow > 0 && (room + gap) / sum - size < size - room / (sum + ratio)) {
      close(i, sum, true);
      sum = ratio;
      if (width / ratio <= size) {
        close(i + 1, ratio, true);
        sum = 0;
      }
    } else {
      close(i + 1, sum + ratio, true);
      sum = 0;
    }
  }
  if (first < n) close(n, sum, false);
  return { start: start.subarray(0, rows + 1), top: top.subarray(0, rows + 1), rowHeight: rowHeight.subarray(0, rows), height: Math.max(0, y - gap) };
}

function longer<T extends Uint32Array | Float32Array | Float64Array>(old: T, into: T): T {
  into.set(old);
  return into;
}

function regular(n: number, width: number, size: number, gap: number): Rows {
  const columns = columnsOf(width, size, gap);
  const cell = (width - gap * (columns - 1)) / columns;
  const rows = Math.ceil(n / columns);
  const start = Uint32Array.from({ length: rows + 1 }, (_, row) => Math.min(n, row * columns));
  const top = Float64Array.from({ length: rows + 1 }, (_, row) => row * (cell + gap));
  return { start, top, rowHeight: new Float32Array(rows).fill(cell), height: Math.max(0, rows * (cell + gap) - gap) };
}

function columnsOf(width: number, size: number, gap: number): number {
  return Math.max(1, Math.round((width + gap) / (size + gap)));
}

/** The last row whose top is not below y. */
export function rowAt(layout: Layout, y: number): number {
  let low = 0;
  let high = layout.rowHeight.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((layout.top[middle] ?? 0) <= y) low = middle;
    else high = middle - 1;
  }
  return Math.max(0, low);
}

export function rowOf(layout: Layout, index: number): number {
  let low = 0;
  let high = layout.rowHeight.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((layout.start[middle] ?? 0) <= index) low = middle;
    else high = middle - 1;
  }
  return Math.max(0, low);
}

/** The tiles of one row, left to right. */
export function tilesOfRow(layout: Layout, row: number): Tile[] {
  const first = layout.start[row] ?? 0;
  const end = layout.start[row + 1] ?? first;
  const y = layout.top[row] ?? 0;
  const h = layout.rowHeight[row] ?? 0;
  const tiles: Tile[] = [];
  let x = 0;
  for (let index = first; index < end; index++) {
    const w = layout.shape === "rows" ? h * (RATIOS[layout.aspects[index] ?? 128] ?? 1) : h;
    tiles.push({ index, x, y, w, h });
    x += w + layout.gap;
  }
  return tiles;
}

/** The tiles that touch the band from `top` to `bottom`. */
export function tilesIn(layout: Layout, top: number, bottom: number): Tile[] {
  const found: Tile[] = [];
  if (!layout.count) return found;
  for (let row = rowAt(layout, top); row < layout.rowHeight.length && (layout.top[row] ?? 0) < bottom; row++) {
    if ((layout.top[row] ?? 0) + (layout.rowHeight[row] ?? 0) > top) found.push(...tilesOfRow(layout, row));
  }
  return found;
}

export function tileOf(layout: Layout, index: number): Tile | undefined {
  return tilesOfRow(layout, rowOf(layout, index)).find((tile) => tile.index === index);
}

/** The tile under a point of the laid-out area. */
export function tileAt(layout: Layout, x: number, y: number): Tile | undefined {
  if (!layout.count) return undefined;
  return tilesOfRow(layout, rowAt(layout, y)).find((t) => x >= t.x && x < t.x + t.w && y >= t.y && y < t.y + t.h);
}

/** The tile one row up or down that lies nearest under this one. */
export function neighbour(layout: Layout, index: number, rows: number): number {
  const row = rowOf(layout, index);
  const here = tileOf(layout, index);
  const to = Math.min(layout.rowHeight.length - 1, Math.max(0, row + rows));
  if (!here || to === row) return index;
  const middle = here.x + here.w / 2;
  let best = index;
  let distance = Infinity;
  for (const tile of tilesOfRow(layout, to)) {
    const away = Math.abs(tile.x + tile.w / 2 - middle);
    if (away < distance) {
      distance = away;
      best = tile.index;
    }
  }
  return best;
}
