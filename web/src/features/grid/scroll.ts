/**
 * Browsers stop laying out at some tens of millions of pixels. Above a safe height the scroll bar stands for the whole and
 * its position is mapped; wheel steps stay one to one.
 */
export const SAFE_HEIGHT = 8_000_000;

/** The height of the element that makes the scroll bar. */
export function barHeight(content: number): number {
  return Math.min(content, SAFE_HEIGHT);
}

/** From the scroll bar to the content. */
export function toContent(scrollTop: number, content: number, view: number): number {
  if (content <= SAFE_HEIGHT) return scrollTop;
  return (scrollTop / (SAFE_HEIGHT - view)) * (content - view);
}

export function toBar(top: number, content: number, view: number): number {
  if (content <= SAFE_HEIGHT) return top;
  return (top / (content - view)) * (SAFE_HEIGHT - view);
}
