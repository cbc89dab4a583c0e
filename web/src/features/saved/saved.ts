/** What is kept of the present link under a name, and the link that brings it back. */
import type { SavedView, ViewSpec } from "../../api/types";
import { allOf } from "../../lib/filter";
import { formatLink, type Link, parseLink, SIZE } from "../../lib/link";

/** How the view is asked for and looked at, as the address says it; not where in it the reader is. */
export function savedLink(link: Link): string {
  return formatLink({ ...link, rest: [], at: null, size: SIZE }).split("?")[1] ?? "";
}

/** The parts of the link that a saved view changes. */
export function linkOfSaved(saved: SavedView): Partial<Link> {
  if (!saved.link) return { q: queryOf(saved.view), filters: [], sort: saved.view.sort ?? "", objects: saved.view.objects ?? "", at: null };
  const { dataset: _d, version: _v, page: _p, rest: _r, size: _s, ...parts } = parseLink("", saved.link);
  return parts;
}

/** Conditions as one text: what was saved without an address has no filters to set. */
function queryOf(view: ViewSpec): string {
  if (view.words) return `"${view.words}`;
  const kept = (view.keep ?? []).filter((keep) => keep.field === view.objects);
  return allOf([view.where ?? "", ...[...(view.filters ?? []), ...kept].map((one) => one.where)]);
}
