/** Masks and class maps as the server sends them: run lengths down the columns, zeros first. */
import type { Frame } from "../../api/frame";

/** The mask of an object, or that of one class of a class map. */
export interface Part {
  /** The object's. */
  readonly id: number;
  readonly cls: number;
  readonly height: number;
  readonly width: number;
  readonly counts: Uint32Array;
}

export function partsOf({ columns }: Frame): Part[] {
  const [id, cls, height, width, offsets] = ["id", "class", "height", "width", "offsets"].map((name) => columns.get(name));
  const counts = columns.get("counts");
  if (!id || !cls || !height || !width || !offsets || !(counts instanceof Uint32Array)) return [];
  return Array.from(id as ArrayLike<number>, (one, i) => ({
    id: one,
    cls: Number(cls[i] ?? 0),
    height: Number(height[i] ?? 0),
    width: Number(width[i] ?? 0),
    counts: counts.subarray(Number(offsets[i]), Number(offsets[i + 1])),
  }));
}
