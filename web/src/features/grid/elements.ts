/**
 * The transparent elements over the canvas, used again and again: they give each tile in sight a name, a place in the list
 * and a state, for whoever does not see the canvas.
 */
import type { Tile } from "./layout";

export interface Elements {
  /**
   * Lay them over the tiles in sight, the content's `top` at the upper edge. Elements keep their tile while it is in sight,
   * so focus and pointer stay with it; only those of `anew` may say something else than before.
   */
  lay(tiles: readonly Tile[], anew: readonly Tile[], top: number, count: number): void;
  /** The id of a tile's element; empty where it is not in sight. */
  id(index: number): string;
  /** All tiles are others now. */
  forget(): void;
}

/** Elements lie relative to a base: a browser's own pixels do not reach to the end of a million rows. */
const BASE_STEP = 100_000;

export function elements(list: HTMLElement, edge: number, name: (index: number) => string, chosen: (index: number) => boolean): Elements {
  let laidBase = 0;
  const free: HTMLElement[] = [];
  const used = new Map<number, HTMLElement>();

  function fresh(): HTMLElement {
    const element = document.createElement("div");
    element.setAttribute("role", "option");
    return element;
  }

  function release(keep: (index: number) => boolean): void {
    for (const [index, element] of used) {
      if (keep(index)) continue;
      used.delete(index);
      free.push(element);
    }
  }

  return {
    lay(tiles, anew, top, count) {
      const base = Math.floor(top / BASE_STEP) * BASE_STEP;
      list.style.transform = `translateY(${base - top}px)`;
      const shown = new Set(tiles.map((tile) => tile.index));
      release((index) => shown.has(index));
      for (const tile of base === laidBase ? anew : tiles) {
        let element = used.get(tile.index);
        if (!element) {
          element = free.pop() ?? fresh();
          used.set(tile.index, element);
          element.id = `tile-${tile.index}`;
          element.setAttribute("aria-posinset", String(tile.index + 1));
          element.setAttribute("aria-setsize", String(count));
        }
        const style = element.style;
        style.transform = `translate(${tile.x + edge}px, ${tile.y + edge - base}px)`;
        style.width = `${tile.w}px`;
        style.height = `${tile.h}px`;
        element.setAttribute("aria-label", name(tile.index));
        element.setAttribute("aria-selected", String(chosen(tile.index)));
      }
      laidBase = base;
      for (const element of free) if (element.isConnected) element.remove();
      for (const element of used.values()) if (!element.isConnected) list.append(element);
    },
    id: (index) => used.get(index)?.id ?? "",
    forget: () => release(() => false),
  };
}
