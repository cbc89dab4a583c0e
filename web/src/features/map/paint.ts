/** Points as pixels: few are discs, many are splatted into a bitmap, so that a million take a frame. */
import { type Look, onScreen, type Points, type Screen } from "./plane";

export interface Ink {
  /** By part: its colour, as #rrggbb. */
  readonly parts: readonly string[];
  readonly other: string;
  readonly none: string;
  /** How much of a point outside the view, or beside a choice, is seen. */
  readonly faint: number;
}

export interface Shown {
  readonly points: Points;
  readonly part: Uint8Array | undefined;
  readonly view: Uint8Array | undefined;
  readonly chosen: ReadonlySet<number>;
}

const DISCS = 6_000;
/** Milliseconds that drawing may take while the map moves: as many points as fit, for any prefix is a fair sample. */
const FRAME = 8;
const LEAST_MOVING = 50_000;

/** How many points the next frame may have, after one of `drawn` points took `took` milliseconds. */
export const fitting = (drawn: number, took: number): number => Math.max(LEAST_MOVING, Math.round(drawn * Math.min(2, FRAME / Math.max(0.5, took))));

const colourOf = (ink: Ink, part: number): string => ink.parts[part] ?? (part === 254 ? ink.other : ink.none);

export function radiusFor(count: number, zoom: number): number {
  const base = count < 2_000 ? 4 : count < 20_000 ? 3 : count < 200_000 ? 2 : 1;
  return Math.min(7, base * Math.min(1.8, Math.max(1, zoom ** 0.25)));
}

export function paint(ctx: CanvasRenderingContext2D, shown: Shown, look: Look, screen: Screen, ratio: number, ink: Ink, most: number): void {
  const { points } = shown;
  const radius = radiusFor(points.x.length, look.zoom);
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, screen.wide, screen.high);
  const count = Math.min(most, points.x.length);
  if (count <= DISCS) discs(ctx, shown, look, screen, ink, radius);
  else splat(ctx, shown, look, screen, ratio, ink, radius, count);
}

/** 0 faint, 1 plain: ground first, so that nothing that counts is hidden by what does not. */
function standing(shown: Shown, i: number): 0 | 1 {
  if (shown.view?.[i] === 0) return 0;
  return shown.chosen.size === 0 || shown.chosen.has(i) ? 1 : 0;
}

function discs(ctx: CanvasRenderingContext2D, shown: Shown, look: Look, screen: Screen, ink: Ink, radius: number): void {
  const { ax, bx, ay, by } = onScreen(look, screen);
  for (const level of [0, 1] as const) {
    ctx.globalAlpha = level === 0 ? ink.faint : 0.86;
    for (let i = 0; i < shown.points.x.length; i++) {
      if (standing(shown, i) !== level) continue;
      const [px, py] = [(shown.points.x[i] ?? 0) * ax + bx, (shown.points.y[i] ?? 0) * ay + by];
      if (px < -radius || py < -radius || px > screen.wide + radius || py > screen.high + radius) continue;
      ctx.beginPath();
      ctx.arc(px, py, level === 1 && shown.chosen.size ? radius + 0.5 : radius, 0, 7);
      ctx.fillStyle = colourOf(ink, shown.part?.[i] ?? 255);
      ctx.fill();
    }
  }
}

function splat(ctx: CanvasRenderingContext2D, shown: Shown, look: Look, screen: Screen, ratio: number, ink: Ink, radius: number, count: number): void {
  const [wide, high] = [Math.round(screen.wide * ratio), Math.round(screen.high * ratio)];
  if (wide < 1 || high < 1) return;
  const image = ctx.createImageData(wide, high);
  const pixels = new Uint32Array(image.data.buffer);
  const { points, part, view } = shown;
  const { ax, bx, ay, by } = onScreen(look, screen);
  const side = Math.max(1, Math.round(radius * ratio * 1.4));
  const [scaleX, scaleY, half] = [ax * ratio, ay * ratio, (side - 1) / 2];
  const [shiftX, shiftY, right, bottom] = [bx * ratio - half, by * ratio - half, wide - side, high - side];
  const some = view !== undefined || shown.chosen.size > 0;
  for (const level of some ? ([0, 1] as const) : ([1] as const)) {
    const alpha = Math.round((level === 0 ? ink.faint : 0.9) * 255);
    const colours = Uint32Array.from({ length: 256 }, (_, of) => ((alpha << 24) | rgb(colourOf(ink, of))) >>> 0);
    for (let i = 0; i < count; i++) {
      if (some && standing(shown, i) !== level) continue;
      const left = Math.floor((points.x[i] ?? 0) * scaleX + shiftX);
      const top = Math.floor((points.y[i] ?? 0) * scaleY + shiftY);
      if (left < 0 || top < 0 || left > right || top > bottom) continue;
      const colour = colours[part ? (part[i] ?? 255) : 255] ?? 0;
      let at = top * wide + left;
      pixels[at] = colour; // most are one pixel
      for (let y = 0; y < side; y++, at += wide) for (let x = y ? 0 : 1; x < side; x++) pixels[at + x] = colour;
    }
  }
  ctx.putImageData(image, 0, 0);
}

/** #rrggbb as the low 24 bits of a little-endian RGBA pixel. */
function rgb(hex: string): number {
  const value = Number.parseInt(hex.slice(1), 16);
  return ((value & 255) << 16) | (value & 0xff00) | (value >> 16);
}
