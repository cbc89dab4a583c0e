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

/** The point nearest to a place on the screen, at most `reach` pixels away; -1: none. */
export function nearest(points: Points, look: Look, screen: Screen, px: number, py: number, reach: number, allowed?: Uint8Array): number {
  const { ax, bx, ay, by } = onScreen(look, screen);
  let [best, least] = [-1, reach * reach];
  for (let i = 0; i < points.x.length; i++) {
    const dx = (points.x[i] ?? 0) * ax + bx - px;
    if (dx > reach || dx < -reach || allowed?.[i] === 0) continue;
    const dy = (points.y[i] ?? 0) * ay + by - py;
    const far = dx * dx + dy * dy;
    if (far <= least) [best, least] = [i, far];
  }
  return best;
}

/** The two corners of a rectangle as all four. */
export function rectangle([x0, y0]: Corner, [x1, y1]: Corner): Corner[] {
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]; // prettier-ignore
}

/** Rows of the points inside a shape drawn on the screen (even-odd); `allowed`: 0 where a point may not be taken. */
export function within(points: Points, look: Look, screen: Screen, shape: readonly Corner[], allowed?: Uint8Array): number[] {
  if (shape.length < 3) return [];
  const { ax, bx, ay, by } = onScreen(look, screen);
  const xs = shape.map(([x]) => x);
  const ys = shape.map(([, y]) => y);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const found: number[] = [];
  for (let i = 0; i < points.x.length; i++) {
    if (allowed?.[i] === 0) continue;
    const [px, py] = [(points.x[i] ?? 0) * ax + bx, (points.y[i] ?? 0) * ay + by];
    if (px < left || px > right || py < top || py > bottom) continue;
    let inside = false;
    for (let a = 0, b = shape.length - 1; a < shape.length; b = a++) {
      const [xa, ya, xb, yb] = [xs[a] ?? 0, ys[a] ?? 0, xs[b] ?? 0, ys[b] ?? 0];
      if (ya > py !== yb > py && px < ((xb - xa) * (py - ya)) / (yb - ya) + xa) inside = !inside;
    }
    if (inside) found.push(i);
  }
  return found;
}

/** What is chosen after another shape: it alone, added, or taken away. */
export function combined(before: ReadonlySet<number>, rows: readonly number[], how: "only" | "add" | "take"): Set<number> {
  if (how === "only") return new Set(rows);
  const next = new Set(before);
  for (const row of rows) how === "add" ? next.add(row) : next.delete(row);
  return next;
}

const LONGEST = 19_000;

/** The condition on samples for some ids, of samples or of objects of a field; null where it is longer than the server reads. */
export function idsQuery(ids: readonly number[], owner = "sample"): string | null {
  const own = `id in [${[...ids].sort((a, b) => a - b).join(", ")}]`;
  const text = owner === "sample" ? own : `${owner}.any(${own})`;
  return text.length > LONGEST ? null : text;
}
