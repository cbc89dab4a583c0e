/** The transparent elements over a row's canvas: they give each tile a name, a place in the list and a state, for whoever does not see the canvas. */

/** What is said of a tile, and where in its row it lies. */
export interface Said {
  readonly index: number;
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
  readonly name: string;
  readonly chosen: boolean;
}

export interface Elements {
  /** These tiles say something else than before, out of `count` in the list; `all`: they are all that the row has now. */
  say(tiles: readonly Said[], all: boolean, count: number): void;
}

export const tileElement = (index: number): string => `tile-${index}`;

export function elements(row: HTMLElement): Elements {
  const held: HTMLElement[] = [];
  const byTile = new Map<number, HTMLElement>();

  function fresh(): HTMLElement {
    const element = document.createElement("div");
    element.setAttribute("role", "option");
    row.append(element);
    held.push(element);
    return element;
  }

  return {
    say(tiles, all, count) {
      if (all) {
        byTile.clear();
        tiles.forEach((tile, i) => byTile.set(tile.index, held[i] ?? fresh()));
        for (const spare of held.splice(tiles.length)) spare.remove();
      }
      for (const { index, x, y, w, h, name, chosen } of tiles) {
        const element = byTile.get(index);
        if (!element) continue;
        if (all) {
          element.id = tileElement(index);
          element.setAttribute("aria-posinset", String(index + 1));
          element.setAttribute("aria-setsize", String(count));
          Object.assign(element.style, { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px` });
        }
        element.setAttribute("aria-label", name);
        element.setAttribute("aria-selected", String(chosen));
      }
    },
  };
}
