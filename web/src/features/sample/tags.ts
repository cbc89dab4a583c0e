/** Where the name tags of boxes go, so that none covers another where there is room. Stage pixels. */

export interface Tagged {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
  /** Of the tag. */
  readonly wide: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export const TAG_HIGH = 16;

/**
 * The left upper corner of each tag, in the order of `boxes`; earlier ones choose first. Tried in turn: above the box, inside
 * it at the top, below it, inside at the bottom, a line further above or inside; at its left edge, then at its right. Where each would cover a tag, the one
 * that covers least is taken. On the picture (`w` × `h`) is better than beside it.
 */
export function placeTags(boxes: readonly Tagged[], w: number, h: number): Point[] {
  const placed: { x: number; y: number; wide: number }[] = [];
  return boxes.map((box) => {
    let best: Point = { x: box.x, y: box.y - TAG_HIGH };
    let least = Infinity;
    for (const at of places(box)) {
      const over = placed.reduce((sum, tag) => sum + common(at.x, box.wide, tag.x, tag.wide) * common(at.y, TAG_HIGH, tag.y, TAG_HIGH), 0);
      const beside = box.wide * TAG_HIGH - common(at.x, box.wide, 0, w) * common(at.y, TAG_HIGH, 0, h);
      const cost = over * 10 + beside;
      if (cost < least) [best, least] = [at, cost];
      if (cost <= 0) break;
    }
    placed.push({ ...best, wide: box.wide });
    return best;
  });
}

function places(box: Tagged): Point[] {
  const end = box.y + box.h;
  const lines = [box.y - TAG_HIGH, box.y, end, end - TAG_HIGH, box.y - 2 * TAG_HIGH, box.y + TAG_HIGH];
  return [box.x, box.x + box.w - box.wide].flatMap((x) => lines.map((y) => ({ x, y })));
}

/** How much two stretches have in common. */
function common(a: number, long: number, b: number, other: number): number {
  return Math.max(0, Math.min(a + long, b + other) - Math.max(a, b));
}
