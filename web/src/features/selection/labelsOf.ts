import type { SelectionSpec } from "../../api/types";

/** The objects of a field on the chosen samples, as a selection: what is set there is set on all of them. */
export function labelsOf({ view, all, include = [], exclude = [] }: SelectionSpec, field: string): SelectionSpec {
  const { words: _, sort: __, select: ___, ...rest } = view;
  const ids = all ? exclude : include;
  const where = all ? `not (id in [${ids.join(", ")}])` : `id in [${ids.join(", ")}]`;
  const chosen = ids.length || !all ? [{ control: "the selection", where }] : [];
  return { view: { ...rest, filters: [...(view.filters ?? []), ...chosen], objects: field }, all: true };
}
