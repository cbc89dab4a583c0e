/**
 * Labels of one sample on a 2D context: masks' outlines and polygons, boxes, keypoints, then name tags where they fit.
 * Truth is solid, prediction dashed; every line has a dark casing, so that it reads on any picture.
 */
import type { FieldInfo } from "../../api/types";
import { type FieldPage, NO_CLASS } from "../grid/page";
import { classColour, maskColour, NO_CLASS_COLOUR, OUTCOMES } from "./colours";

/** Draws on a canvas, in the page or off it. */
export type Pen = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface LabelStyle {
  readonly color: string;
  readonly tags: boolean;
  readonly font: string;
  /** The place of each field among those of the data set, for a colour by field. */
  readonly order: readonly string[];
  /** Mask of an object, when it is here: an alpha picture of the whole sample. */
  readonly mask?: (field: FieldInfo, id: number, colour: string | null) => CanvasImageSource | undefined;
  /** Only this object, where tiles are objects. */
  readonly only?: number | undefined;
  /** Predictions below this score are left out. */
  readonly least?: number;
}

interface Tag {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly colour: string;
  /** Of the shape that it names; none: it names the picture. */
  readonly box: Rect | null;
}

const SHARE = 65535;
const CASING = "rgb(8 10 14 / 45%)";
const INK = "#10131a";
/** One name tag for so many square pixels of a tile. */
const TAG_AREA = 7500;
/** A tag may be so many times as wide as what it names: small things are told by their colour alone. */
const TAG_REACH = 2.4;

/** `picture`: where the whole picture lies on the canvas, which may reach over the tile; `tile` clips. */
export function drawLabels(
  ctx: Pen,
  picture: Rect,
  tile: Rect,
  row: number,
  fields: readonly { readonly info: FieldInfo; readonly page: FieldPage }[],
  style: LabelStyle,
): void {
  const tags: Tag[] = [];
  let classTags = 0;
  for (const { info, page } of fields) {
    // Where outcomes are to be seen, labels that nobody judged only hide them.
    if (style.color === "outcome" && !page.outcome) continue;
    const first = page.first[row] ?? 0;
    const end = page.first[row + 1] ?? first;
    // Small tiles with hundreds of objects stay legible with thinner lines.
    const thin = end - first > 60 || tile.h < 90;
    const dashed = page.score !== null && page.score.slice(first, end).some((score) => !Number.isNaN(score));
    for (let i = first; i < end; i++) {
      if (style.only !== undefined && page.id[i] !== style.only) continue;
      // The tile of a video shows its first frame.
      if (style.only === undefined && (page.frame?.[i] ?? 0) > 0) continue;
      const score = page.score?.[i];
      if (score !== undefined && style.least !== undefined && style.only === undefined && score < style.least) continue;
      const colour = colourOf(info, page, i, style);
      const name = tagText(info, page, i, style);
      const mask = page.mask?.[i] ? style.mask?.(info, page.id[i] ?? 0, maskColour(info, style.color, colour)) : undefined;
      if (mask) {
        ctx.globalAlpha = 0.35;
        ctx.drawImage(mask, picture.x, picture.y, picture.w, picture.h);
        ctx.globalAlpha = 1;
      }
      drawOutline(ctx, picture, page, i, colour, dashed);
      drawPoints(ctx, picture, page, i, info, colour, thin);
      const box = boxOf(page, i, picture);
      if (box && outlineless(page, i) && !hasPoints(page, i)) strokeBox(ctx, box, colour, dashed, thin);
      if (box) {
        if (name) tags.push({ text: name, x: box.x, y: box.y, colour, box });
      } else if (name && classTags < 3 && (info.kind === "class" || info.kind === "value")) {
        tags.push({ text: name, x: tile.x + 5, y: tile.y + tile.h - 5 - classTags * 18, colour, box: null });
        classTags += 1;
      }
    }
  }
  if (style.tags && tile.h >= 56) drawTags(ctx, tile, tags, style.font);
}

function outlineless(page: FieldPage, i: number): boolean {
  const objects = page.poly?.objects;
  return !objects || (objects[i] ?? 0) === (objects[i + 1] ?? 0);
}

function hasPoints(page: FieldPage, i: number): boolean {
  const objects = page.points?.objects;
  return objects !== undefined && (objects[i] ?? 0) < (objects[i + 1] ?? 0);
}

export function colourOf(info: FieldInfo, page: FieldPage, i: number, style: Pick<LabelStyle, "color" | "order">): string {
  if (style.color === "outcome") return OUTCOMES[page.outcome?.[i] ?? 0]?.colour ?? NO_CLASS_COLOUR;
  if (style.color === "field") return classColour(undefined, Math.max(0, style.order.indexOf(info.name)));
  const cls = page.cls[i] ?? NO_CLASS;
  return cls === NO_CLASS ? NO_CLASS_COLOUR : classColour(info, cls);
}

function tagText(info: FieldInfo, page: FieldPage, i: number, style: LabelStyle): string {
  const cls = page.cls[i] ?? NO_CLASS;
  const sign = style.color === "outcome" ? (OUTCOMES[page.outcome?.[i] ?? 0]?.sign ?? "") : "";
  const name = cls === NO_CLASS ? "" : (info.classes[cls] ?? "");
  const score = page.score?.[i];
  const value = page.value?.[i];
  const figure = score !== undefined && !Number.isNaN(score) ? score.toFixed(2).replace(/^0/, "") : value !== undefined && !Number.isNaN(value) ? String(Number(value.toPrecision(3))) : "";
  return [sign, name, figure].filter(Boolean).join(" ");
}

export function boxOf(page: FieldPage, i: number, picture: Rect): Rect | null {
  const { box } = page;
  if (!box) return null;
  const x0 = box[4 * i] ?? 0;
  const y0 = box[4 * i + 1] ?? 0;
  const x1 = box[4 * i + 2] ?? 0;
  const y1 = box[4 * i + 3] ?? 0;
  if (x1 <= x0 && y1 <= y0) return null;
  const sx = picture.w / SHARE;
  const sy = picture.h / SHARE;
  return { x: picture.x + x0 * sx, y: picture.y + y0 * sy, w: (x1 - x0) * sx, h: (y1 - y0) * sy };
}

function strokeBox(ctx: Pen, box: Rect, colour: string, dashed: boolean, thin: boolean): void {
  if (!thin) {
    ctx.setLineDash([]);
    ctx.strokeStyle = CASING;
    ctx.lineWidth = 3;
    ctx.strokeRect(box.x, box.y, box.w, box.h);
  }
  ctx.setLineDash(dashed ? [4, 3] : []);
  ctx.strokeStyle = colour;
  ctx.lineWidth = thin ? 1 : 1.5;
  ctx.strokeRect(box.x, box.y, box.w, box.h);
}

function drawOutline(ctx: Pen, picture: Rect, page: FieldPage, i: number, colour: string, dashed: boolean): void {
  const poly = page.poly;
  if (!poly) return;
  const from = poly.objects[i] ?? 0;
  const to = poly.objects[i + 1] ?? from;
  if (from === to) return;
  const sx = picture.w / SHARE;
  const sy = picture.h / SHARE;
  const path = new Path2D();
  for (let part = from; part < to; part++) {
    const start = poly.parts[part] ?? 0;
    const end = poly.parts[part + 1] ?? start;
    for (let p = start; p < end; p++) {
      const x = picture.x + (poly.xy[2 * p] ?? 0) * sx;
      const y = picture.y + (poly.xy[2 * p + 1] ?? 0) * sy;
      if (p === start) path.moveTo(x, y);
      else path.lineTo(x, y);
    }
    path.closePath();
  }
  ctx.save();
  ctx.globalAlpha = 0.35;
  ctx.fillStyle = colour;
  ctx.fill(path, "evenodd");
  ctx.restore();
  ctx.setLineDash(dashed ? [4, 3] : []);
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.5;
  ctx.stroke(path);
}

function drawPoints(ctx: Pen, picture: Rect, page: FieldPage, i: number, info: FieldInfo, colour: string, thin: boolean): void {
  const points = page.points;
  if (!points) return;
  const from = points.objects[i] ?? 0;
  const to = points.objects[i + 1] ?? from;
  const at = (p: number) => ({
    x: picture.x + ((points.xy[2 * p] ?? 0) / SHARE) * picture.w,
    y: picture.y + ((points.xy[2 * p + 1] ?? 0) / SHARE) * picture.h,
    seen: (points.v[p] ?? 0) > 0,
  });
  ctx.setLineDash([]);
  ctx.strokeStyle = colour;
  ctx.lineWidth = thin ? 1 : 1.5;
  ctx.beginPath();
  for (const [a, b] of info.skeleton) {
    if (a === undefined || b === undefined || from + a >= to || from + b >= to) continue;
    const start = at(from + a);
    const end = at(from + b);
    if (!start.seen || !end.seen) continue;
    ctx.moveTo(start.x, start.y);
    ctx.lineTo(end.x, end.y);
  }
  ctx.stroke();
  const radius = thin ? 1.25 : 2;
  for (let p = from; p < to; p++) {
    const { x, y, seen } = at(p);
    if (!seen) continue;
    ctx.beginPath();
    ctx.arc(x, y, radius + 0.75, 0, 7);
    ctx.fillStyle = CASING;
    ctx.fill();
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, 7);
    ctx.fillStyle = colour;
    ctx.fill();
  }
}

const widths = new Map<string, number>();

const area = (tag: Tag): number => (tag.box ? tag.box.w * tag.box.h : Infinity);

/** Two shapes of one colour over one thing, such as its truth and its prediction. */
function same(a: Tag, b: Tag): boolean {
  if (!a.box || !b.box || a.colour !== b.colour) return false;
  const w = Math.min(a.box.x + a.box.w, b.box.x + b.box.w) - Math.max(a.box.x, b.box.x);
  const h = Math.min(a.box.y + a.box.h, b.box.y + b.box.h) - Math.max(a.box.y, b.box.y);
  return w > 0 && h > 0 && 2 * w * h > Math.min(area(a), area(b));
}

function drawTags(ctx: Pen, tile: Rect, tags: readonly Tag[], font: string): void {
  ctx.font = font;
  ctx.textBaseline = "middle";
  const taken: Rect[] = [];
  const named: Tag[] = [];
  // A crowded tile names a few and lets the picture be seen.
  const room = Math.max(1, Math.round((tile.w * tile.h) / TAG_AREA));
  for (const tag of [...tags].sort((a, b) => area(b) - area(a))) {
    if (taken.length >= room) break;
    if (named.some((other) => same(other, tag))) continue;
    let width = widths.get(tag.text);
    if (width === undefined) {
      width = ctx.measureText(tag.text).width;
      if (widths.size > 5000) widths.clear();
      widths.set(tag.text, width);
    }
    const w = width + 8;
    const h = 15;
    if (tag.box && w > TAG_REACH * tag.box.w) continue;
    const x = Math.min(Math.max(tag.x - 0.75, tile.x + 1), tile.x + tile.w - w - 1);
    const above = tag.y - h;
    const y = above >= tile.y + 1 ? above : Math.min(tag.y, tile.y + tile.h - h - 1);
    if (w > tile.w - 2 || y < tile.y || y + h > tile.y + tile.h) continue;
    if (taken.some((other) => x < other.x + other.w + 1 && x + w + 1 > other.x && y < other.y + other.h + 1 && y + h + 1 > other.y)) continue;
    taken.push({ x, y, w, h });
    named.push(tag);
    ctx.fillStyle = tag.colour;
    ctx.beginPath();
    ctx.roundRect(x, y, w, h, 3);
    ctx.fill();
    ctx.fillStyle = INK;
    ctx.fillText(tag.text, x + 4, y + h / 2 + 0.5);
  }
}
