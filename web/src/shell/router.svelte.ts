/** The address is the home of what a link restores. Everything reads `route.link`; everything changes it with `go`. */
import { formatLink, type Link, parseLink } from "../lib/link";

class Route {
  link = $state.raw<Link>(parseLink(location.pathname, location.search));
}

export const route = new Route();

/**
 * Change parts of the link. A new view is pushed, so that Back undoes it; `replace` while something is being dragged.
 */
export function go(change: Partial<Link>, how: "push" | "replace" = "push"): void {
  const next = { ...route.link, ...change };
  const address = formatLink(next);
  if (address === location.pathname + location.search) return;
  if (how === "push") history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  route.link = next;
}

/** A link that is this one with some parts changed, for an `href`. */
export function linkTo(change: Partial<Link>): string {
  return formatLink({ ...route.link, ...change });
}

export function openAddress(address: string): void {
  history.pushState(null, "", address);
  route.link = parseLink(location.pathname, location.search);
}

/** Back and Forward, and plain clicks on links of our own. Gives back what ends it. */
export function startRouter(): () => void {
  const read = () => (route.link = parseLink(location.pathname, location.search));
  const click = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.pathname.startsWith("/api/")) return;
    event.preventDefault();
    openAddress(link.pathname + link.search);
  };
  addEventListener("popstate", read);
  addEventListener("click", click);
  return () => {
    removeEventListener("popstate", read);
    removeEventListener("click", click);
  };
}
