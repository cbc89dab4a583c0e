/** One tile on the canvas: ground, picture, labels, then what the pointer and the selection add. */
import type { FieldInfo } from "../../api/types";
import { drawLabels, type LabelStyle, type Pen, type Rect } from "../labels/draw";
import { NO_COLOUR, type PageData, type Place } from "./page";
import type { Picture } from "./pictures";
import type { TileState } from "./rows";

export interface TileLook {
  /** Between tiles. */
  readonly ground: string;
  readonly empty: string;
  readonly bad: string;
  readonly text: string;
  readonly accent: string;
  readonly ink: string;
  readonly font: string;
  readonly radius: number;
}

export interface TileLabels {
  readonly fields: readonly FieldInfo[];
  readonly style: LabelStyle;
}

/** A tile's shape is its picture's, rounded to a byte by at most half a step: the picture fills it, with no sliver left at an edge. */
const ROUNDED = 1 / 64 + 0.001;

/** Where the whole picture lies for a tile that shows it all, fills itself with it, or shows one object of it. */
export function pictureRect(at: Rect, width: number, height: number, cover: boolean, object: Rect | null): Rect {
  if (object) {
    // The object with a margin of a tenth around it, as large as the tile allows.
    const w = Math.max(object.w * width, 1) * 1.2;
    const h = Math.max(object.h * height, 1) * 1.2;
    const scale = Math.min(at.w / w, at.h / h);
    const cx = (object.x + object.w / 2) * width * scale;
    const cy = (object.y + object.h / 2) * height * scale;
    return { x: at.x + at.w / 2 - cx, y: at.y + at.h / 2 - cy, w: width * scale, h: height * scale };
  }
  const [across, down] = [at.w / width, at.h / height];
  const fills = cover || Math.abs(Math.log2(across / down)) <= ROUNDED;
  const scale = fills ? Math.max(across, down) : Math.min(across, down);
  const w = width * scale;
  const h = height * scale;
  return { x: at.x + (at.w - w) / 2, y: at.y + (at.h - h) / 2, w, h };
}

/** The server's crops are squares around the box, so much larger than its longer side. */
const CROP = 1.25;

/** Where the crop of an object lies, with `whole` where the whole picture does. As the server cuts: see docs/app.md. */
export function cropRect(whole: Rect, object: Rect, width: number, height: number): Rect {
  const half = (Math.max(object.w * width, object.h * height, 1) * CROP) / 2;
  const part = (middle: number, side: number): [number, number] => [Math.min(1, Math.max(0, middle - half / side)), Math.min(1, Math.max(0, middle + half / side))];
  const [x0, x1] = part(object.x + object.w / 2, width);
  const [y0, y1] = part(object.y + object.h / 2, height);
  return { x: whole.x + x0 * whole.w, y: whole.y + y0 * whole.h, w: (x1 - x0) * whole.w, h: (y1 - y0) * whole.h };
}

export function objectRect(page: PageData, row: number): Rect | null {
  const box = page.objectBox;
  if (!box) return null;
  const [x0, y0, x1, y1] = [0, 1, 2, 3].map((i) => (box[4 * row + i] ?? 0) / 65535);
  return { x: x0 ?? 0, y: y0 ?? 0, w: (x1 ?? 0) - (x0 ?? 0), h: (y1 ?? 0) - (y0 ?? 0) };
}

/** What there is to see of a tile: a picture of all of it, or of its object alone; and a strip of frames to scrub over. */
export interface TilePicture {
  readonly picture: Picture | undefined;
  readonly isCrop: boolean;
  readonly strip: CanvasImageSource & { readonly width: number; readonly height: number } | undefined;
}

/** Frames in a strip. */
export const FRAMES = 16;

export function drawTile(
  ctx: Pen,
  at: Rect,
  place: Place | undefined,
  { picture, isCrop, strip }: TilePicture,
  state: TileState,
  labels: TileLabels | null,
  cover: boolean,
  look: TileLook,
  notes: readonly string[],
): void {
  ctx.save();
  ctx.beginPath();
  ctx.roundRect(at.x, at.y, at.w, at.h, look.radius);
  ctx.clip();
  ctx.fillStyle = place ? ground(place, look) : look.empty;
  ctx.fillRect(at.x, at.y, at.w, at.h);
  if (place) {
    const { page, row } = place;
    const width = page.width[row] || 1;
    const height = page.height[row] || 1;
    const object = objectRect(page, row);
    const whole = pictureRect(at, width, height, cover, object);
    // Small pictures are at most twice as large as their tile, where plain interpolation loses nothing and costs least.
    ctx.imageSmoothingQuality = "low";
    const scrubbed = strip && state.across !== null && !object;
    if (scrubbed) {
      const cell = strip.width / FRAMES;
      const frame = Math.min(FRAMES - 1, Math.floor(state.across * FRAMES));
      ctx.drawImage(strip, frame * cell, 0, cell, strip.height, whole.x, whole.y, whole.w, whole.h);
    } else if (picture?.kind === "picture") {
      const to = isCrop && object ? cropRect(whole, object, width, height) : whole;
      ctx.drawImage(picture.drawable, to.x, to.y, to.w, to.h);
    } else if (picture) drawReason(ctx, at, picture.reason, look);
    // Labels come with their picture: lines over an empty tile say nothing.
    if (labels && picture?.kind === "picture" && !scrubbed) {
      const shown = labels.fields.flatMap((info) => {
        const found = page.fields.get(info.name);
        return found ? [{ info, page: found }] : [];
      });
      drawLabels(ctx, whole, at, row, shown, page.objectId ? { ...labels.style, only: page.objectId[row] } : labels.style);
    }
    if (page.media[row] === 1 && !object) drawVideoSign(ctx, at, page.duration?.[row], look.font);
  }
  if (notes.length && (state.hovered || state.focused) && at.h > 70) drawNotes(ctx, at, notes, look);
  if (strip && state.across !== null && !place?.page.objectId) drawHead(ctx, at, state.across);
  if (state.hovered || state.chosen || (state.anyChosen && at.h > 60)) drawCheck(ctx, at, state.chosen, look);
  ctx.restore();
  if (state.chosen || state.focused) {
    ctx.setLineDash([]);
    ctx.strokeStyle = look.accent;
    ctx.lineWidth = state.chosen ? 2.5 : 2;
    const off = state.chosen && !state.focused ? 0 : 1.5;
    ctx.beginPath();
    ctx.roundRect(at.x - off, at.y - off, at.w + 2 * off, at.h + 2 * off, look.radius + off);
    ctx.stroke();
  }
}

function drawReason(ctx: Pen, at: Rect, reason: string, look: TileLook): void {
  ctx.font = look.font;
  ctx.textBaseline = "middle";
  ctx.fillStyle = look.bad;
  ctx.fillText("✕ Broken picture", at.x + 10, at.y + at.h / 2 - 8, at.w - 20);
  ctx.fillStyle = look.text;
  ctx.fillText(reason, at.x + 10, at.y + at.h / 2 + 9, at.w - 20);
}

/** The colour of the picture that is on its way, so that the tile changes as little as may be when it comes. */
function ground({ page, row }: Place, look: TileLook): string {
  const colour = page.colour?.[row] ?? NO_COLOUR;
  return colour === NO_COLOUR ? look.empty : `#${colour.toString(16).padStart(6, "0")}`;
}

/** 0:07, 12:30, 1:02:03 */
export function lengthSays(seconds: number): string {
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return `${h ? `${h}:${String(m).padStart(2, "0")}` : m}:${String(s).padStart(2, "0")}`;
}

/** A mark that it plays, and for how long. */
function drawVideoSign(ctx: Pen, at: Rect, duration: number | undefined, font: string): void {
  const says = duration !== undefined && Number.isFinite(duration) && at.w > 72 ? lengthSays(duration) : "";
  ctx.font = font;
  const width = 16 + (says ? ctx.measureText(says).width + 5 : 0);
  const x = at.x + at.w - width - 7;
  const y = at.y + 7;
  ctx.fillStyle = "rgb(8 10 14 / 66%)";
  ctx.beginPath();
  ctx.roundRect(x, y, width, 17, 4);
  ctx.fill();
  ctx.fillStyle = "#fff";
  ctx.beginPath();
  ctx.moveTo(x + 6, y + 4.5);
  ctx.lineTo(x + 12, y + 8.5);
  ctx.lineTo(x + 6, y + 12.5);
  ctx.fill();
  ctx.textBaseline = "middle";
  if (says) ctx.fillText(says, x + 15, y + 9);
}

/** Where in the video the pointer is. */
function drawHead(ctx: Pen, at: Rect, across: number): void {
  ctx.fillStyle = "rgb(8 10 14 / 55%)";
  ctx.fillRect(at.x, at.y + at.h - 4, at.w, 4);
  ctx.fillStyle = "#fff";
  ctx.fillRect(at.x, at.y + at.h - 4, at.w * across, 4);
}

function drawNotes(ctx: Pen, at: Rect, notes: readonly string[], look: TileLook): void {
  const height = 8 + notes.length * 15;
  const shade = ctx.createLinearGradient(0, at.y + at.h - height - 20, 0, at.y + at.h);
  shade.addColorStop(0, "rgb(8 10 14 / 0%)");
  shade.addColorStop(0.5, "rgb(8 10 14 / 62%)");
  shade.addColorStop(1, "rgb(8 10 14 / 82%)");
  ctx.fillStyle = shade;
  ctx.fillRect(at.x, at.y + at.h - height - 20, at.w, height + 20);
  ctx.font = look.font;
  ctx.textBaseline = "middle";
  ctx.fillStyle = "#f2f4f8";
  notes.forEach((note, i) => ctx.fillText(note, at.x + 8, at.y + at.h - height + 10 + i * 15, at.w - 16));
}

function drawCheck(ctx: Pen, at: Rect, chosen: boolean, look: TileLook): void {
  const x = at.x + 7;
  const y = at.y + 7;
  ctx.setLineDash([]);
  ctx.beginPath();
  ctx.roundRect(x, y, 16, 16, 4);
  ctx.fillStyle = chosen ? look.accent : "rgb(8 10 14 / 55%)";
  ctx.fill();
  ctx.strokeStyle = chosen ? look.accent : "rgb(255 255 255 / 85%)";
  ctx.lineWidth = 1.5;
  ctx.stroke();
  if (!chosen) return;
  ctx.strokeStyle = look.ink;
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.moveTo(x + 4, y + 8.5);
  ctx.lineTo(x + 7, y + 11.5);
  ctx.lineTo(x + 12, y + 5);
  ctx.stroke();
}
