/** One tile on the canvas: ground, picture, labels, then what the pointer and the selection add. */
import type { FieldInfo } from "../../api/types";
import { drawLabels, type LabelStyle, type Rect } from "../labels/draw";
import type { TileState } from "./engine";
import { type PageData, type Place } from "./page";
import type { Picture } from "./pictures";

export interface TileLook {
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

/** Where the whole picture lies for a tile that shows it all, fills itself with it, or shows one object of it. */
export function pictureRect(at: Rect, width: number, height: number, cover: boolean, object: Rect | null): Rect {
  if (object) {
    // The object with a margin of a tenth around it, as large as the tile allows.
    const w = Math.max(object.w, 0.002) * 1.2 * width;
    const h = Math.max(object.h, 0.002) * 1.2 * height;
    const scale = Math.min(at.w / w, at.h / h);
    const cx = (object.x + object.w / 2) * width * scale;
    const cy = (object.y + object.h / 2) * height * scale;
    return { x: at.x + at.w / 2 - cx, y: at.y + at.h / 2 - cy, w: width * scale, h: height * scale };
  }
  const scale = cover ? Math.max(at.w / width, at.h / height) : Math.min(at.w / width, at.h / height);
  const w = width * scale;
  const h = height * scale;
  return { x: at.x + (at.w - w) / 2, y: at.y + (at.h - h) / 2, w, h };
}

export function objectRect(page: PageData, row: number): Rect | null {
  const box = page.objectBox;
  if (!box) return null;
  const [x0, y0, x1, y1] = [0, 1, 2, 3].map((i) => (box[4 * row + i] ?? 0) / 65535);
  return { x: x0 ?? 0, y: y0 ?? 0, w: (x1 ?? 0) - (x0 ?? 0), h: (y1 ?? 0) - (y0 ?? 0) };
}

export function drawTile(
  ctx: CanvasRenderingContext2D,
  at: Rect,
  place: Place | undefined,
  picture: Picture | undefined,
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
  ctx.fillStyle = look.empty;
  ctx.fillRect(at.x, at.y, at.w, at.h);
  if (place) {
    const { page, row } = place;
    const width = page.width[row] || 1;
    const height = page.height[row] || 1;
    const whole = pictureRect(at, width, height, cover, objectRect(page, row));
    if (picture?.kind === "picture") {
      ctx.imageSmoothingQuality = "high";
      ctx.drawImage(picture.bitmap, whole.x, whole.y, whole.w, whole.h);
    } else if (picture) drawReason(ctx, at, picture.reason, look);
    // Labels come with their picture: lines over an empty tile say nothing.
    if (labels && picture?.kind === "picture") {
      const shown = labels.fields.flatMap((info) => {
        const found = page.fields.get(info.name);
        return found ? [{ info, page: found }] : [];
      });
      drawLabels(ctx, whole, at, row, shown, page.objectId ? { ...labels.style, only: page.objectId[row] } : labels.style);
    }
    if (page.media[row] === 1) drawVideoSign(ctx, at);
  }
  if (notes.length && (state.hovered || state.focused) && at.h > 70) drawNotes(ctx, at, notes, look);
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

function drawReason(ctx: CanvasRenderingContext2D, at: Rect, reason: string, look: TileLook): void {
  ctx.font = look.font;
  ctx.textBaseline = "middle";
  ctx.fillStyle = look.bad;
  ctx.fillText("✕ Broken picture", at.x + 10, at.y + at.h / 2 - 8, at.w - 20);
  ctx.fillStyle = look.text;
  ctx.fillText(reason, at.x + 10, at.y + at.h / 2 + 9, at.w - 20);
}

function drawVideoSign(ctx: CanvasRenderingContext2D, at: Rect): void {
  const x = at.x + at.w - 24;
  const y = at.y + 8;
  ctx.fillStyle = "rgb(8 10 14 / 60%)";
  ctx.beginPath();
  ctx.roundRect(x, y, 16, 16, 4);
  ctx.fill();
  ctx.fillStyle = "#fff";
  ctx.beginPath();
  ctx.moveTo(x + 6, y + 4);
  ctx.lineTo(x + 12, y + 8);
  ctx.lineTo(x + 6, y + 12);
  ctx.fill();
}

function drawNotes(ctx: CanvasRenderingContext2D, at: Rect, notes: readonly string[], look: TileLook): void {
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

function drawCheck(ctx: CanvasRenderingContext2D, at: Rect, chosen: boolean, look: TileLook): void {
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
