/** A confusion matrix on a canvas: cells, names, totals. Knows nothing of the framework. */
import type { Counts } from "./operating";

export interface MatrixLook {
  readonly dark: boolean;
  readonly ground: string;
  readonly empty: string;
  readonly strong: string;
  readonly faint: string;
  readonly accent: string;
}

/** Where all of it lies: pixels of the page. */
export interface MatrixPlace {
  /** Corner of the cells, and the side of the square they are seen through. */
  readonly left: number;
  readonly top: number;
  readonly side: number;
  readonly cell: number;
  /** How far the cells are scrolled under the square. */
  readonly x: number;
  readonly y: number;
  /** Names of columns stand upright, not turned. */
  readonly flat: boolean;
  /** Room for totals on the right and below. */
  readonly totals: number;
}

export interface MatrixShown {
  readonly counts: Counts;
  readonly names: readonly string[];
  readonly order: readonly number[];
  readonly rows: Float64Array;
  readonly columns: Float64Array;
  readonly shares: boolean;
}

export interface Cell {
  readonly row: number;
  readonly column: number;
}

export const MOST_CELL = 54;
/** A cell less high than this has no name beside it. */
export const LEAST_NAMED = 11;

/** A cell of the screen as places in the order; null outside. */
export function cellAt(place: MatrixPlace, size: number, px: number, py: number): Cell | null {
  const [x, y] = [px - place.left, py - place.top];
  if (x < 0 || y < 0 || x >= place.side || y >= place.side) return null;
  const [row, column] = [Math.floor((y + place.y) / place.cell), Math.floor((x + place.x) / place.cell)];
  return row < size && column < size ? { row, column } : null;
}

/** The cell size and scroll after a zoom that keeps the point under the pointer. */
export function zoomed(place: MatrixPlace, size: number, factor: number, px: number, py: number): Pick<MatrixPlace, "cell" | "x" | "y"> {
  const least = Math.min(MOST_CELL, place.side / size);
  const cell = Math.min(MOST_CELL, Math.max(least, place.cell * factor));
  const real = cell / place.cell;
  const [x, y] = [(px - place.left + place.x) * real - (px - place.left), (py - place.top + place.y) * real - (py - place.top)];
  return { cell, ...held(place.side, size, cell, x, y) };
}

export function held(side: number, size: number, cell: number, x: number, y: number): { readonly x: number; readonly y: number } {
  const most = Math.max(0, cell * size - side);
  return { x: Math.min(most, Math.max(0, x)), y: Math.min(most, Math.max(0, y)) };
}

export function strength(shown: MatrixShown, row: number, column: number, most: number): number {
  const value = shown.counts.values[row * shown.counts.size + column] ?? 0;
  // The root lets the few be seen beside the many.
  return Math.sqrt(shown.shares ? value / Math.max(1, shown.rows[row] ?? 0) : value / Math.max(1, most));
}

const hue = (at: number, dark: boolean): string => (dark ? `oklch(${0.27 + 0.5 * at} ${0.03 + 0.11 * at} 258)` : `oklch(${0.95 - 0.47 * at} ${0.02 + 0.14 * at} 258)`);
const ink = (at: number, dark: boolean): string => (dark ? (at > 0.72 ? "oklch(0.16 0.02 258)" : "oklch(0.93 0.01 258)") : at > 0.6 ? "white" : "oklch(0.25 0.03 258)");
const brief = (value: number): string => (value > 9999 ? `${Math.round(value / 1000)}k` : String(value));

/**
 * The strongest cell of each of `side` × `side` squares, 0 to 255, 0 nothing: where many cells share a pixel, the few that
 * are mistaken must be seen, which a mean would hide.
 */
export function pooled(shown: MatrixShown, side: number, most: number): Uint8Array {
  const { size } = shown.counts;
  const found = new Uint8Array(side * side);
  const to = Uint32Array.from({ length: size }, (_, i) => Math.floor((i * side) / size));
  shown.order.forEach((row, y) => {
    const line = (to[y] ?? 0) * side;
    for (let x = 0; x < size; x++) {
      const at = strength(shown, row, shown.order[x] ?? 0, most);
      if (at <= 0) continue;
      const place = line + (to[x] ?? 0);
      const value = Math.max(1, Math.min(255, Math.round(255 * at)));
      if (value > (found[place] ?? 0)) found[place] = value;
    }
  });
  return found;
}

/** All of the matrix as a picture of at most `limit` pixels a side: what a thousand classes are drawn from. */
export function overview(shown: MatrixShown, look: MatrixLook, most: number, limit: number): HTMLCanvasElement | null {
  const size = Math.min(shown.counts.size, limit);
  const ramp = document.createElement("canvas");
  ramp.width = 256;
  ramp.height = 1;
  const lines = ramp.getContext("2d", { willReadFrequently: true });
  if (!lines) return null;
  for (let i = 0; i < 256; i++) {
    lines.fillStyle = i ? hue(i / 255, look.dark) : look.empty;
    lines.fillRect(i, 0, 1, 1);
  }
  const colours = new Uint32Array(lines.getImageData(0, 0, 256, 1).data.buffer);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const ctx = canvas.getContext("2d");
  if (!ctx) return null;
  const picture = ctx.createImageData(size, size);
  const pixels = new Uint32Array(picture.data.buffer);
  pooled(shown, size, most).forEach((strength, i) => (pixels[i] = colours[strength] ?? 0));
  ctx.putImageData(picture, 0, 0);
  return canvas;
}

export function paint(ctx: CanvasRenderingContext2D, shown: MatrixShown, place: MatrixPlace, over: Cell | null, look: MatrixLook, whole: HTMLCanvasElement | null, most: number): void {
  const { counts, order } = shown;
  const { size } = counts;
  const { left, top, side, cell } = place;
  const [first, firstColumn] = [Math.floor(place.y / cell), Math.floor(place.x / cell)];
  const [last, lastColumn] = [Math.min(size - 1, Math.floor((place.y + side - 0.01) / cell)), Math.min(size - 1, Math.floor((place.x + side - 0.01) / cell))];
  const [x, y] = [(i: number): number => left + i * cell - place.x, (i: number): number => top + i * cell - place.y];
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, side, side);
  ctx.clip();
  if (cell < 6 && whole) {
    ctx.imageSmoothingEnabled = false;
    const [scale, seen] = [whole.width / size, side / cell];
    ctx.drawImage(whole, (place.x / cell) * scale, (place.y / cell) * scale, seen * scale, seen * scale, left, top, side, side);
  } else {
    const gap = cell > 12 ? 1 : 0;
    ctx.font = "500 11px Inter, system-ui, sans-serif";
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    for (let r = first; r <= last; r++)
      for (let c = firstColumn; c <= lastColumn; c++) {
        const [row, column] = [order[r] ?? 0, order[c] ?? 0];
        const value = counts.values[row * size + column] ?? 0;
        if (!value && shown.names[row] === "none" && row === column) continue;
        const at = strength(shown, row, column, most);
        ctx.fillStyle = value ? hue(at, look.dark) : look.empty;
        ctx.fillRect(x(c), y(r), cell - gap, cell - gap);
        if (cell < 26 || !value) continue;
        ctx.fillStyle = ink(at, look.dark);
        ctx.fillText(shown.shares ? `${Math.round((100 * value) / Math.max(1, shown.rows[row] ?? 0))}%` : brief(value), x(c) + cell / 2, y(r) + cell / 2);
      }
  }
  if (over) {
    ctx.strokeStyle = look.strong;
    ctx.lineWidth = 1.5;
    const wide = Math.max(cell, 4);
    ctx.strokeRect(x(over.column) - 0.5, y(over.row) - 0.5, wide, wide);
  }
  ctx.restore();
  const lines = { first, last, firstColumn, lastColumn, x, y };
  totals(ctx, shown, place, look, lines);
  names(ctx, shown, place, over, look, lines);
}

interface Lines {
  readonly first: number;
  readonly last: number;
  readonly firstColumn: number;
  readonly lastColumn: number;
  readonly x: (i: number) => number;
  readonly y: (i: number) => number;
}

/** What there is of each class, and how often it was said, as bars along the edges. */
function totals(ctx: CanvasRenderingContext2D, shown: MatrixShown, place: MatrixPlace, look: MatrixLook, lines: Lines): void {
  const { left, top, side, cell, totals: room } = place;
  if (!room) return;
  // The background may be far more than any class: its bar is cut.
  const known = (all: Float64Array): number => shown.names.reduce((most, name, i) => (name === "none" ? most : Math.max(most, all[i] ?? 0)), 1);
  const [mostRow, mostColumn] = [known(shown.rows), known(shown.columns)];
  const thick = Math.max(1, cell - (cell > 4 ? 1 : 0));
  ctx.save();
  ctx.font = "400 11px Inter, system-ui, sans-serif";
  ctx.textBaseline = "middle";
  for (const along of ["rows", "columns"] as const) {
    const isRow = along === "rows";
    ctx.save();
    ctx.beginPath();
    if (isRow) ctx.rect(left + side, top, room, side);
    else ctx.rect(left, top + side, side, room);
    ctx.clip();
    for (let i = isRow ? lines.first : lines.firstColumn; i <= (isRow ? lines.last : lines.lastColumn); i++) {
      const value = shown[along][shown.order[i] ?? 0] ?? 0;
      const length = Math.min(1, value / (isRow ? mostRow : mostColumn)) * (room - 6);
      ctx.fillStyle = look.faint;
      ctx.globalAlpha = 0.35;
      if (isRow) ctx.fillRect(left + side + 4, lines.y(i), length, thick);
      else ctx.fillRect(lines.x(i), top + side + 4, thick, length);
      ctx.globalAlpha = 1;
      if (cell < 14) continue;
      ctx.fillStyle = look.strong;
      ctx.textAlign = isRow ? "left" : "center";
      if (isRow) ctx.fillText(brief(value), left + side + 7, lines.y(i) + cell / 2);
      else if (cell >= 30) ctx.fillText(brief(value), lines.x(i) + cell / 2, top + side + 12);
    }
    ctx.restore();
  }
  ctx.restore();
}

function names(ctx: CanvasRenderingContext2D, shown: MatrixShown, place: MatrixPlace, over: Cell | null, look: MatrixLook, lines: Lines): void {
  const { left, top, side, cell, flat } = place;
  if (left < LEAST_NAMED) return;
  ctx.font = "400 11px Inter, system-ui, sans-serif";
  ctx.textBaseline = "middle";
  const name = (i: number): string => shown.names[shown.order[i] ?? 0] ?? "";
  // Names that do not fit are told of the cell under the pointer alone.
  const all = cell >= LEAST_NAMED;
  const some = (i: number, pointed: number | undefined): boolean => all || i === pointed;
  ctx.save();
  ctx.beginPath();
  ctx.rect(0, top - 1, left, side + 2);
  ctx.clip();
  ctx.textAlign = "right";
  for (let i = lines.first; i <= lines.last; i++) {
    if (!some(i, over?.row)) continue;
    ctx.fillStyle = over?.row === i ? look.strong : look.faint;
    ctx.fillText(short(ctx, name(i), left - 10), left - 6, lines.y(i) + cell / 2);
  }
  ctx.restore();
  ctx.save();
  ctx.beginPath();
  ctx.rect(left - 1, 0, side + 2, top);
  ctx.clip();
  for (let i = lines.firstColumn; i <= lines.lastColumn; i++) {
    if (!some(i, over?.column)) continue;
    ctx.save();
    ctx.fillStyle = over?.column === i ? look.strong : look.faint;
    ctx.translate(lines.x(i) + cell / 2, top - 7);
    if (!flat) ctx.rotate(-Math.PI / 2);
    ctx.textAlign = flat ? "center" : "left";
    ctx.fillText(short(ctx, name(i), flat ? cell - 4 : top - 10), 0, 0);
    ctx.restore();
  }
  ctx.restore();
}

function short(ctx: CanvasRenderingContext2D, text: string, room: number): string {
  if (ctx.measureText(text).width <= room) return text;
  let cut = text;
  while (cut.length > 1 && ctx.measureText(`${cut}…`).width > room) cut = cut.slice(0, -1);
  return `${cut}…`;
}
