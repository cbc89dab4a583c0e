/** Masks and class maps for tiles: run lengths from the server, painted into small pictures once, kept by object. */
import type { Frame } from "../../api/frame";
import type { FieldInfo } from "../../api/types";
import { lru } from "../../lib/lru";
import { partColour } from "../labels/colours";
import { partsOf } from "../labels/parts";

export const SIDE = 256;

/**
 * Alpha (0 or 255) of a mask, shrunk so that its longer side is at most SIDE. Runs go down the columns, zeros first.
 */
export function maskAlpha(counts: Uint32Array, height: number, width: number): { alpha: Uint8Array; width: number; height: number } {
  const scale = Math.min(1, SIDE / Math.max(height, width, 1));
  const w = Math.max(1, Math.round(width * scale));
  const h = Math.max(1, Math.round(height * scale));
  const alpha = new Uint8Array(w * h);
  let at = 0;
  let on = false;
  for (const run of counts) {
    if (on) {
      // A run down one or more columns becomes a stretch in each of them.
      for (let from = at; from < at + run; ) {
        const column = Math.floor(from / height);
        const end = Math.min(at + run, (column + 1) * height);
        const x = Math.min(w - 1, Math.floor(column * scale));
        const y0 = Math.floor((from - column * height) * scale);
        const y1 = Math.max(y0, Math.min(h - 1, Math.floor((end - 1 - column * height) * scale)));
        for (let y = y0; y <= y1; y++) alpha[y * w + x] = 255;
        from = end;
      }
    }
    at += run;
    on = !on;
  }
  return { alpha, width: w, height: h };
}

/** The mask of an object, or that of one class of a class map. */
interface Painted {
  readonly cls: number;
  readonly alpha: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export interface Masks {
  /** `colour`: of the object; null: each class of a class map has its own. */
  get(field: FieldInfo, id: number, colour: string | null): CanvasImageSource | undefined;
  want(field: string, ids: readonly number[]): void;
}

export function masks(fetch: (field: string, ids: readonly number[]) => Promise<Frame>, arrived: () => void): Masks {
  const held = lru<string, { canvas: HTMLCanvasElement; colour: string | null }>(64 * 1024 * 1024);
  const raw = lru<string, readonly Painted[]>(64 * 1024 * 1024);
  const asked = new Set<string>();
  return {
    get(field, id, colour) {
      const key = `${field.name}/${id}`;
      const known = held.get(key);
      if (known?.colour === colour) return known.canvas;
      const parts = raw.get(key);
      if (!parts?.length) return undefined;
      const [first] = parts;
      const canvas = sheet(first?.width ?? 1, first?.height ?? 1);
      const ctx = canvas.getContext("2d");
      if (!ctx) return undefined;
      for (const part of parts) ctx.drawImage(painted(part, partColour(field, part.cls, colour)), 0, 0);
      held.set(key, { canvas, colour }, canvas.width * canvas.height * 4);
      return canvas;
    },
    want(field, ids) {
      const missing = ids.filter((id) => !asked.has(`${field}/${id}`)).slice(0, 400);
      if (!missing.length) return;
      for (const id of missing) asked.add(`${field}/${id}`);
      fetch(field, missing).then(
        (frame) => {
          const found = new Map<number, Painted[]>();
          for (const { id, cls, height, width, counts } of partsOf(frame)) {
            const parts = found.get(id) ?? [];
            parts.push({ ...maskAlpha(counts, height, width), cls });
            found.set(id, parts);
          }
          for (const [one, parts] of found) raw.set(`${field}/${one}`, parts, parts.reduce((sum, part) => sum + part.alpha.length, 0));
          arrived();
        },
        () => missing.forEach((id) => asked.delete(`${field}/${id}`)),
      );
    },
  };
}

function sheet(width: number, height: number): HTMLCanvasElement {
  return Object.assign(document.createElement("canvas"), { width, height });
}

function painted(part: Painted, colour: string): HTMLCanvasElement {
  const canvas = sheet(part.width, part.height);
  const ctx = canvas.getContext("2d");
  if (!ctx) return canvas;
  const picture = ctx.createImageData(part.width, part.height);
  part.alpha.forEach((alpha, i) => (picture.data[4 * i + 3] = alpha));
  ctx.putImageData(picture, 0, 0);
  ctx.globalCompositeOperation = "source-in";
  ctx.fillStyle = colour;
  ctx.fillRect(0, 0, part.width, part.height);
  return canvas;
}
