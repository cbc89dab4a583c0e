/** A selection of any size: the chosen ids, or, with `all`, the ids that are not chosen. */
export interface Picked {
  readonly ids: ReadonlySet<number>;
  readonly all: boolean;
}

/** The selection after ids were picked. `set` begins a new one. */
export function picked(now: Picked, ids: readonly number[], how: "toggle" | "add" | "set"): Picked {
  if (how === "set") return { ids: new Set(ids), all: false };
  const next = new Set(now.ids);
  for (const id of ids) {
    if (how === "toggle" ? next.has(id) : now.all) next.delete(id);
    else if (how === "toggle" || !now.all) next.add(id);
  }
  return { ids: next, all: now.all };
}
