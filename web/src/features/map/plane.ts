import type { Lasso } from "../../lib/filter";

/** Points on a plane, in 0 … 65535 on both sides: where they are on the screen, and which lie in what was drawn. */
export interface Points {
  readonly x: Uint16Array;
  readonly y: Uint16Array;
  readonly id: Float64Array;
}

/** `x`, `y`: the place of the plane that is in the middle, in 0 … 1 · `zoom` 1: all of it, with a margin. */
export interface Look {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
}

export interface Screen {
  readonly wide: number;
  readonly high: number;
}

export type Corner = readonly [number, number];

export const WHOLE: Look = { x: 0.5, y: 0.5, zoom: 1 };
const FILLS = 0.9;
const SPAN = 65_535;
const MOST_ZOOM = 400;

/** screen = at · scale + shift, with `at` in 0 … 65535; up is up. */
export function onScreen(look: Look, { wide, high }: Screen): { ax: number; bx: number; ay: number; by: number } {
  const [kx, ky] = [wide * FILLS * look.zoom, high * FILLS * look.zoom];
  return { ax: kx / SPAN, bx: wide / 2 - look.x * kx, ay: -ky / SPAN, by: high / 2 + look.y * ky };
}

/** Zoom so that the place under the pointer stays under it. */
export function zoomed(look: Look, screen: Screen, px: number, py: number, factor: number): Look {
  const zoom = Math.min(MOST_ZOOM, Math.max(0.5, look.zoom * factor));
  const [dx, dy] = [(px - screen.wide / 2) / (screen.wide * FILLS), (screen.high / 2 - py) / (screen.high * FILLS)];
  return { x: look.x + dx * (1 / look.zoom - 1 / zoom), y: look.y + dy * (1 / look.zoom - 1 / zoom), zoom };
}

export function moved(look: Look, screen: Screen, dx: number, dy: number): Look {
  return { ...look, x: look.x - dx / (screen.wide * FILLS * look.zoom), y: look.y + dy / (screen.high * FILLS * look.zoom) };
}

/** Points by the cell of a grid that they lie in: those of cell c are order[start[c]] … order[start[c + 1] - 1]. */
export interface Cells {
  readonly start: Uint32Array;
  readonly order: Uint32Array;
}

const SHIFT = 8; // cells of 256 × 256 places, 256 cells a side
const SIDE = 65_536 >> SHIFT;

export function cellsOf({ x, y }: Points): Cells {
  const start = new Uint32Array(SIDE * SIDE + 1);
  const cell = (i: number): number => ((y[i] ?? 0) >> SHIFT) * SIDE + ((x[i] ?? 0) >> SHIFT);
  for (let i = 0; i < x.length; i++) start[cell(i) + 1] = (start[cell(i) + 1] ?? 0) + 1;
  for (let c = 1; c < start.length; c++) start[c] = (start[c] ?? 0) + (start[c - 1] ?? 0);
  const next = start.slice();
  const order = new Uint32Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const c = cell(i);
    order[next[c] ?? 0] = i;
    next[c] = (next[c] ?? 0) + 1;
  }
  return { start, order };
}

/** The point nearest to a place on the screen, at most `reach` pixels away, of equals the first; -1: none. */
export function nearest(points: Points, { start, order }: Cells, look: Look, screen: Screen, px: number, py: number, reach: number, allowed?: Uint8Array): number {
  const { ax, bx, ay, by } = onScreen(look, screen);
  const cell = (at: number): number => Math.max(0, Math.min(SIDE - 1, Math.floor(at) >> SHIFT));
  const [left, right] = [cell((px - reach - bx) / ax), cell((px + reach - bx) / ax)];
  const [low, high] = [cell((py + reach - by) / ay), cell((py - reach - by) / ay)]; // up is up: ay is below 0
  let [best, least] = [-1, reach * reach];
  for (let row = low; row <= high; row++) {
    for (let at = start[row * SIDE + left] ?? 0; at < (start[row * SIDE + right + 1] ?? 0); at++) {
      const i = order[at] ?? 0;
      if (allowed?.[i] === 0) continue;
      const [dx, dy] = [(points.x[i] ?? 0) * ax + bx - px, (points.y[i] ?? 0) * ay + by - py];
      const far = dx * dx + dy * dy;
      if (far < least || (far === least && (best < 0 || i < best))) [best, least] = [i, far];
    }
  }
  return best;
}

/** The two corners of a rectangle as all four. */
export function rectangle([x0, y0]: Corner, [x1, y1]: Corner): Corner[] {
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]; // prettier-ignore
}

const MOST_CORNERS = 160;

/** A drawn line with fewer corners: those that lie nearly on the line between two others are left out. */
export function simplified(shape: readonly Corner[], tolerance = 1.5): readonly Corner[] {
  const kept = thinned(shape, tolerance);
  return kept.length > MOST_CORNERS ? simplified(shape, tolerance * 2) : kept;
}

function thinned(shape: readonly Corner[], tolerance: number): Corner[] {
  const [first, last] = [shape[0], shape.at(-1)];
  if (!first || !last || shape.length < 3) return [...shape];
  let [far, at] = [0, 0];
  const [dx, dy] = [last[0] - first[0], last[1] - first[1]];
  const length = Math.hypot(dx, dy);
  for (let i = 1; i < shape.length - 1; i++) {
    const [x, y] = shape[i] ?? first;
    const off = length ? Math.abs((x - first[0]) * dy - (y - first[1]) * dx) / length : Math.hypot(x - first[0], y - first[1]);
    if (off > far) [far, at] = [off, i];
  }
  if (far <= tolerance) return [first, last];
  return [...thinned(shape.slice(0, at + 1), tolerance).slice(0, -1), ...thinned(shape.slice(at), tolerance)];
}

const SHARES = 10_000;

/** Corners on the screen as places of the map: x, y, x, y, … in ten-thousandths. */
export function onMap(shape: readonly Corner[], look: Look, screen: Screen): number[] {
  const { ax, bx, ay, by } = onScreen(look, screen);
  return shape.flatMap(([x, y]) => [(x - bx) / ax, (y - by) / ay]).map((at) => Math.round((at / SPAN) * SHARES) || 0); // no -0
}

/** The other way: corners of the map as the `points` of an SVG polygon. */
export function outline(corners: readonly number[], look: Look, screen: Screen): string {
  const { ax, bx, ay, by } = onScreen(look, screen);
  const at = (i: number): number => ((corners[i] ?? 0) / SHARES) * SPAN;
  return Array.from({ length: corners.length >> 1 }, (_, i) => `${(at(2 * i) * ax + bx).toFixed(1)},${(at(2 * i + 1) * ay + by).toFixed(1)}`).join(" ");
}

/** The lasso after another shape: it alone, added, or taken away. null: the shape has no inside. */
export function withShape(before: Lasso | null, owner: string, corners: readonly number[], how: "only" | "add" | "take"): Lasso | null {
  if (corners.length < 6) return null;
  const shape = { how: how === "take" ? "take" : "add", corners } as const;
  return { kind: "inside", owner, shapes: how === "only" || !before ? [shape] : [...before.shapes, shape] };
}

const STEP = 16;

/** A rectangle x, y, w, h on the screen after an arrow: moved, or made larger or smaller; null for another key. */
export function stepped(
  before: readonly [number, number, number, number] | null,
  { wide, high }: Screen,
  key: string,
  sized: boolean,
): readonly [number, number, number, number] | null {
  const dx = key === "ArrowLeft" ? -STEP : key === "ArrowRight" ? STEP : 0;
  const dy = key === "ArrowUp" ? -STEP : key === "ArrowDown" ? STEP : 0;
  if (!dx && !dy) return null;
  const [x, y, w, h] = before ?? [wide * 0.4, high * 0.4, wide * 0.2, high * 0.2];
  if (!before) return [x, y, w, h];
  if (sized) return [x, y, Math.max(STEP, Math.min(wide - x, w + dx)), Math.max(STEP, Math.min(high - y, h + dy))];
  return [Math.max(0, Math.min(wide - w, x + dx)), Math.max(0, Math.min(high - h, y + dy)), w, h];
}
