/** Where a picture lies in the stage. `scale`: stage pixels for a picture pixel; x, y: its corner in the stage. */
export interface Placing {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly w: number;
  readonly h: number;
}

const MOST = 64;
const KEPT = 48;

const BLOWN_UP = 16;

/** The whole picture, in the middle; a tiny one is blown up until it can be made out, and no further. */
export function fitted(picture: Size, stage: Size): Placing {
  const scale = Math.min(stage.w / picture.w, stage.h / picture.h, BLOWN_UP);
  return centred(picture, stage, scale > 0 && Number.isFinite(scale) ? scale : 1);
}

export function centred(picture: Size, stage: Size, scale: number): Placing {
  return { scale, x: (stage.w - picture.w * scale) / 2, y: (stage.h - picture.h * scale) / 2 };
}

/** Zoomed by a factor; the point of the picture under (x, y) stays there. */
export function zoomed(at: Placing, factor: number, x: number, y: number, picture: Size, stage: Size): Placing {
  const least = Math.min(fitted(picture, stage).scale, 1) / 2;
  const scale = Math.min(MOST, Math.max(least, at.scale * factor));
  const real = scale / at.scale;
  return held({ scale, x: x - (x - at.x) * real, y: y - (y - at.y) * real }, picture, stage);
}

export function moved(at: Placing, dx: number, dy: number, picture: Size, stage: Size): Placing {
  return held({ ...at, x: at.x + dx, y: at.y + dy }, picture, stage);
}

/** Some of the picture stays on the stage. */
function held(at: Placing, picture: Size, stage: Size): Placing {
  const w = picture.w * at.scale;
  const h = picture.h * at.scale;
  return {
    scale: at.scale,
    x: Math.min(Math.max(at.x, KEPT - w), stage.w - KEPT),
    y: Math.min(Math.max(at.y, KEPT - h), stage.h - KEPT),
  };
}
