/**
 * The grid: in a layer that stays in sight, a sheet that scrolling moves and that holds the rows of tiles in sight; with
 * what pointer, wheel and keys do to it. Knows nothing of the framework.
 */
import type { Rect } from "../labels/draw";
import { tileElement } from "./elements";
import { type Layout, neighbour, rowOf, type Tile, tileAt, tileOf, tilesIn } from "./layout";
import { pan } from "./pan";
import { rows, type RowsHost, type TileState } from "./rows";
import { barHeight, toBar, toContent } from "./scroll";

export interface GridHost extends RowsHost {
  /** Stands for what there is to draw of a tile: another one when that changes. */
  content(index: number): unknown;
  /** What is in sight and near it, what is needed first first; called when it changes. `passing`: it is scrolled past fast. */
  sight(near: readonly number[], first: number, last: number, passing: boolean): void;
  chosen(index: number): boolean;
  /** The focused tile changed. */
  focus(index: number): void;
  open(index: number): void;
  choose(index: number, how: "toggle" | "range" | "only"): void;
  /** Whether a tile changes as the pointer moves over it. */
  scrubs(index: number): boolean;
  marquee(indices: readonly number[], add: boolean): void;
}

export interface Grid {
  lay(layout: Layout, keepTop?: boolean): void;
  /** Draw everything again: what is drawn on all tiles changed. */
  redraw(): void;
  /** Draw the tiles whose content changed. */
  refresh(): void;
  focusTile(index: number): void;
  readonly focused: number;
  close(): void;
}

const EDGE = 12;
const AHEAD = 1.25;
/** While it scrolls, pictures are asked for this many seconds before they come into sight. */
const LEAD_S = 0.8;
/** A picture comes so many seconds after it is asked for: who scrolls faster than FAST is past what was in sight by then. */
const ARRIVAL_S = 0.25;
const FAST = 2000;
/** Who scrolls that fast tells of what is in sight this often only: to ask for pictures costs as much as to draw them. */
const PASSING_MS = 50;
const SETTLED_MS = 120;
const FASTEST = 12_000;
const DRAG = 5;
/** What lies on the sheet lies relative to a base: a browser's own pixels do not reach to the end of a million rows. */
const BASE_STEP = 100_000;

/** `bar` makes the scroll bar, `layer` stays in sight in it, `sheet` in it holds the tiles, `mark` is what a drag marks. */
export interface GridParts {
  readonly scroller: HTMLElement;
  readonly bar: HTMLElement;
  readonly layer: HTMLElement;
  readonly sheet: HTMLElement;
  readonly mark: HTMLElement;
}

export function createGrid({ scroller, bar, layer, sheet, mark }: GridParts, host: GridHost): Grid {
  let layout: Layout | null = null;
  let top = 0;
  let view = { width: 0, height: 0 };
  let focused = -1;
  let hovered = -1;
  let pointerX = 0;
  let frame = 0;
  let speed = 0;
  let settling: ReturnType<typeof setTimeout> | undefined;
  let before = { top: 0, time: 0 };
  let set = -1;
  /** The top that the scroll bar shows. */
  let barAt = 0;
  let following: ReturnType<typeof setTimeout> | undefined;
  let selecting: { x0: number; y0: number; x1: number; y1: number; add: boolean; live: boolean } | null = null;
  const shown = rows(sheet, EDGE, host);

  const content = () => (layout ? layout.height + 2 * EDGE : 0);
  const most = () => Math.max(0, content() - view.height);
  /** Whether the scroll bar is shorter than what it stands for. */
  const mapped = () => content() !== barHeight(content());

  function measure(): void {
    view = { width: scroller.clientWidth, height: scroller.clientHeight };
    shown.size(view.width);
    layer.style.height = `${view.height}px`;
  }

  function scrollTo(next: number): void {
    top = Math.min(most(), Math.max(0, next));
    clearTimeout(following);
    // To move the bar costs as much as a frame: where it stands for millions of pixels, it follows when that can be seen.
    if (!mapped() || (Math.abs(top - barAt) / content()) * view.height >= 0.5) moveBar();
    else following = setTimeout(moveBar, SETTLED_MS);
    refresh();
  }

  function moveBar(): void {
    barAt = top;
    set = Math.round(toBar(top, content(), view.height));
    if (Math.abs(scroller.scrollTop - set) >= 1) scroller.scrollTop = set;
  }

  function refresh(): void {
    if (!frame) frame = requestAnimationFrame(paint);
  }

  function redraw(): void {
    shown.forget();
    refresh();
  }

  function paint(): void {
    frame = 0;
    const ratio = devicePixelRatio || 1;
    const base = Math.floor(top / BASE_STEP) * BASE_STEP;
    sheet.style.transform = `translateY(${(Math.round(base * ratio) - Math.round(top * ratio)) / ratio}px)`;
    const tiles = layout ? tilesIn(layout, top - EDGE, top - EDGE + view.height) : [];
    const anyChosen = tiles.some((tile) => host.chosen(tile.index));
    const stateOf = (tile: Tile): TileState => {
      const isHovered = tile.index === hovered;
      const across = isHovered && host.scrubs(tile.index) ? Math.min(1, Math.max(0, (pointerX - EDGE - tile.x) / tile.w)) : null;
      return { focused: tile.index === focused, chosen: host.chosen(tile.index), hovered: isHovered, anyChosen, across };
    };
    shown.show(tiles, base, layout?.count ?? 0, (tile) => ({ content: host.content(tile.index), state: stateOf(tile) }));
    showMark();
    if (tiles.some((tile) => tile.index === focused)) scroller.setAttribute("aria-activedescendant", tileElement(focused));
    else scroller.removeAttribute("aria-activedescendant");
    speed = speedNow();
    report(tiles);
    clearTimeout(settling);
    if (Math.abs(speed) >= FAST) settling = setTimeout(settled, SETTLED_MS);
  }

  function showMark(): void {
    mark.hidden = !selecting?.live;
    if (!selecting?.live) return;
    const { x, y, w, h } = marqueeRect(selecting);
    Object.assign(mark.style, { transform: `translate(${x}px, ${y - top}px)`, width: `${w}px`, height: `${h}px` });
  }

  /** Who stops is not told of in an event: what is in sight comes first again. */
  function settled(): void {
    speed = 0;
    reported = "";
    refresh();
  }

  /** Pixels a second, smoothed; a jump is no speed, and neither is the first step after a rest. */
  function speedNow(): number {
    const time = performance.now();
    const [moved, seconds] = [top - before.top, (time - before.time) / 1000];
    before = { top, time };
    if (seconds <= 0 || seconds > 0.3 || Math.abs(moved) > 2 * view.height) return 0;
    return Math.max(-FASTEST, Math.min(FASTEST, 0.6 * speed + 0.4 * (moved / seconds)));
  }

  let reported = "";
  let reportedAt = 0;
  function report(tiles: readonly Tile[]): void {
    const passing = Math.abs(speed) >= FAST;
    if (!layout || (passing && before.time - reportedAt < PASSING_MS)) return;
    const first = tiles[0]?.index ?? 0;
    const last = tiles.at(-1)?.index ?? 0;
    const key = `${first}:${last}:${layout.count}`;
    if (key === reported) return;
    reported = key;
    reportedAt = before.time;
    const [above, below] = [Math.max(0, -speed) * LEAD_S, Math.max(0, speed) * LEAD_S];
    const middle = top - EDGE + view.height / 2 + speed * ARRIVAL_S;
    const far = (tile: Tile): number => Math.abs(tile.y + tile.h / 2 - middle);
    const near = tilesIn(layout, top - EDGE - view.height * AHEAD - above, top - EDGE + view.height * (1 + AHEAD) + below)
      .sort((a, b) => far(a) - far(b))
      .map((tile) => tile.index);
    host.sight(passing ? near : [...tiles.map((tile) => tile.index), ...near.filter((index) => index < first || index > last)], first, last, passing);
  }

  function show(index: number): void {
    const tile = layout && tileOf(layout, index);
    if (!tile) return;
    if (tile.y + EDGE < top) scrollTo(tile.y);
    else if (tile.y + tile.h + EDGE > top + view.height) scrollTo(tile.y + tile.h + 2 * EDGE - view.height);
    else refresh();
  }

  function focusTile(index: number): void {
    if (!layout?.count) return;
    focused = Math.min(layout.count - 1, Math.max(0, index));
    host.focus(focused);
    show(focused);
  }

  function under(event: MouseEvent): Tile | undefined {
    if (!layout) return undefined;
    const at = scroller.getBoundingClientRect();
    return tileAt(layout, event.clientX - at.left - EDGE, event.clientY - at.top + top - EDGE);
  }

  function inCheck(event: MouseEvent, tile: Tile): boolean {
    const at = scroller.getBoundingClientRect();
    return event.clientX - at.left - EDGE - tile.x < 26 && event.clientY - at.top + top - EDGE - tile.y < 26;
  }

  function marqueeRect(m: { x0: number; y0: number; x1: number; y1: number }): Rect {
    return { x: Math.min(m.x0, m.x1), y: Math.min(m.y0, m.y1), w: Math.abs(m.x1 - m.x0), h: Math.abs(m.y1 - m.y0) };
  }

  function inside(rect: Rect): number[] {
    if (!layout) return [];
    return tilesIn(layout, rect.y - EDGE, rect.y + rect.h - EDGE)
      .filter((tile) => tile.x + EDGE < rect.x + rect.w && tile.x + tile.w + EDGE > rect.x)
      .map((tile) => tile.index);
  }

  function down(event: PointerEvent): void {
    if (event.button !== 0 || event.pointerType === "touch") return;
    const at = scroller.getBoundingClientRect();
    if (event.clientX - at.left > scroller.clientWidth) return;
    const x = event.clientX - at.left;
    const y = event.clientY - at.top + top;
    // A drag that starts on a tile needs Shift or Alt; on empty ground it always marks.
    if (!under(event) || event.altKey) selecting = { x0: x, y0: y, x1: x, y1: y, add: event.shiftKey || event.metaKey || event.ctrlKey, live: false };
    if (selecting) scroller.setPointerCapture(event.pointerId);
  }

  function moved(event: PointerEvent): void {
    if (event.pointerType === "touch") return; // a finger scrolls
    if (selecting) {
      const at = scroller.getBoundingClientRect();
      const y = event.clientY - at.top;
      if (y < 24) scrollTo(top - 16);
      if (y > view.height - 24) scrollTo(top + 16);
      selecting = { ...selecting, x1: event.clientX - at.left, y1: y + top };
      const rect = marqueeRect(selecting);
      if (rect.w > DRAG || rect.h > DRAG) selecting.live = true;
      refresh();
      return;
    }
    const index = under(event)?.index ?? -1;
    pointerX = event.clientX - scroller.getBoundingClientRect().left;
    if (index !== hovered || (index >= 0 && host.scrubs(index))) {
      hovered = index;
      refresh();
    }
  }

  let dragged = false;
  function up(): void {
    dragged = selecting?.live ?? false;
    if (selecting?.live) host.marquee(inside(marqueeRect(selecting)), selecting.add);
    selecting = null;
    refresh();
  }

  function click(event: MouseEvent): void {
    if (dragged) {
      dragged = false;
      return;
    }
    const tile = under(event);
    if (!tile) return;
    focused = tile.index;
    if (event.shiftKey) host.choose(tile.index, "range");
    else if (event.metaKey || event.ctrlKey || inCheck(event, tile)) host.choose(tile.index, "toggle");
    else host.focus(tile.index);
    refresh();
  }

  function key(event: KeyboardEvent): void {
    if (!layout?.count || event.metaKey || event.ctrlKey || event.altKey) return;
    const page = Math.max(1, Math.floor(view.height / Math.max(40, layout.rowHeight[rowOf(layout, Math.max(0, focused))] ?? 150)));
    const here = Math.max(0, focused);
    const moves: Record<string, () => number> = {
      ArrowLeft: () => here - 1,
      ArrowRight: () => (focused < 0 ? 0 : here + 1),
      ArrowUp: () => (layout ? neighbour(layout, here, -1) : 0),
      ArrowDown: () => (layout && focused >= 0 ? neighbour(layout, here, 1) : 0),
      PageUp: () => (layout ? neighbour(layout, here, -page) : 0),
      PageDown: () => (layout ? neighbour(layout, here, page) : 0),
      Home: () => 0,
      End: () => (layout?.count ?? 1) - 1,
    };
    const move = moves[event.key];
    if (move) {
      event.preventDefault();
      focusTile(move());
      if (event.shiftKey) host.choose(focused, "range");
    } else if (event.key === "Enter" && focused >= 0) {
      event.preventDefault();
      host.open(focused);
    } else if (event.key === " " && focused >= 0) {
      event.preventDefault();
      host.choose(focused, "toggle");
    }
  }

  function wheel(event: WheelEvent): void {
    if (event.ctrlKey || !mapped()) return;
    event.preventDefault();
    scrollTo(top + event.deltaY * (event.deltaMode === 1 ? 32 : event.deltaMode === 2 ? view.height : 1));
  }

  function scrolled(): void {
    if (Math.abs(scroller.scrollTop - set) < 1.5 && mapped()) return;
    clearTimeout(following);
    top = Math.min(most(), toContent(scroller.scrollTop, content(), view.height));
    [barAt, set] = [top, scroller.scrollTop];
    paint();
  }

  const leave = () => {
    hovered = -1;
    refresh();
  };
  const double = (event: MouseEvent) => {
    const tile = under(event);
    if (tile && !inCheck(event, tile)) host.open(tile.index);
  };
  const sized = new ResizeObserver(() => {
    measure();
    paint(); // at once: another width empties the canvases
  });
  sized.observe(scroller);
  const endPan = pan(scroller, {
    mapped,
    by(pixels) {
      const before = top;
      scrollTo(top + pixels);
      return top !== before;
    },
  });
  const listening = new AbortController();
  const { signal } = listening;
  scroller.addEventListener("scroll", scrolled, { passive: true, signal });
  scroller.addEventListener("wheel", wheel, { passive: false, signal });
  scroller.addEventListener("pointerdown", down, { signal });
  scroller.addEventListener("pointermove", moved, { signal });
  scroller.addEventListener("pointerup", up, { signal });
  scroller.addEventListener("pointercancel", up, { signal });
  scroller.addEventListener("pointerleave", leave, { signal });
  scroller.addEventListener("click", click, { signal });
  scroller.addEventListener("dblclick", double, { signal });
  scroller.addEventListener("keydown", key, { signal });
  measure();

  return {
    lay(next, keepTop = false) {
      // The same tile stays at the top when only sizes change.
      const anchor = layout && keepTop ? tilesIn(layout, top - EDGE, top - EDGE + 1)[0]?.index : undefined;
      layout = next;
      reported = "";
      bar.style.height = `${barHeight(content())}px`;
      scroller.style.touchAction = mapped() ? "pan-x pinch-zoom" : "";
      measure();
      if (!keepTop) {
        focused = -1;
        scrollTo(0);
      } else scrollTo(anchor === undefined ? top : (tileOf(next, anchor)?.y ?? 0) + (anchor === 0 ? 0 : EDGE));
      moveBar();
      redraw();
    },
    redraw,
    refresh,
    focusTile,
    get focused() {
      return focused;
    },
    close() {
      cancelAnimationFrame(frame);
      clearTimeout(settling);
      clearTimeout(following);
      sized.disconnect();
      endPan();
      listening.abort();
    },
  };
}
