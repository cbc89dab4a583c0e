/**
 * Scrolling by finger where the browser's own would go too far, since its bar stands for more than it can be long: what lies
 * under the finger stays there, and goes on when it is let go, slower and slower.
 */

export interface Panned {
  /** Whether fingers are followed here; else the browser scrolls. */
  mapped(): boolean;
  /** Move the content up by so many pixels. Whether it moved. */
  by(pixels: number): boolean;
}

/** Seconds in which what was let go loses two thirds of its speed. */
const FADE_S = 0.325;
/** Slower, in pixels a second, is at rest. */
const REST = 20;
/** A finger that rested so many seconds before it was lifted throws nothing. */
const HELD_S = 0.1;

/** Gives back what ends it. */
export function pan(element: HTMLElement, panned: Panned): () => void {
  let finger = -1;
  let last = { y: 0, time: 0 };
  let speed = 0;
  let frame = 0;

  function down(event: PointerEvent): void {
    stop();
    if (event.pointerType !== "touch" || !event.isPrimary || !panned.mapped()) return;
    finger = event.pointerId;
    last = { y: event.clientY, time: event.timeStamp };
  }

  function move(event: PointerEvent): void {
    if (event.pointerId !== finger) return;
    const pixels = last.y - event.clientY;
    const seconds = (event.timeStamp - last.time) / 1000;
    last = { y: event.clientY, time: event.timeStamp };
    if (seconds > 0) speed = 0.4 * speed + 0.6 * (pixels / seconds);
    panned.by(pixels);
  }

  function up(event: PointerEvent): void {
    if (event.pointerId !== finger) return;
    finger = -1;
    if ((event.timeStamp - last.time) / 1000 > HELD_S) speed = 0;
    let before = performance.now();
    const step = (): void => {
      const now = performance.now();
      const seconds = (now - before) / 1000;
      before = now;
      const moved = panned.by(speed * FADE_S * (1 - Math.exp(-seconds / FADE_S)));
      speed *= Math.exp(-seconds / FADE_S);
      frame = moved && Math.abs(speed) > REST ? requestAnimationFrame(step) : 0;
    };
    if (Math.abs(speed) > REST) frame = requestAnimationFrame(step);
  }

  function stop(): void {
    cancelAnimationFrame(frame);
    frame = 0;
    finger = -1;
    speed = 0;
  }

  const listening = new AbortController();
  const { signal } = listening;
  element.addEventListener("pointerdown", down, { signal });
  element.addEventListener("pointermove", move, { signal });
  element.addEventListener("pointerup", up, { signal });
  element.addEventListener("pointercancel", stop, { signal });
  element.addEventListener("wheel", stop, { passive: true, signal });
  return () => {
    stop();
    listening.abort();
  };
}
