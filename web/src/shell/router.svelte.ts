/** The address is the home of what a link restores. Everything reads `route.link`; everything changes it with `go`. */
import { api } from "../api/client";
import { asProblem } from "../api/problem";
import { formatLink, type Link, parseLink } from "../lib/link";
import { say } from "./doing.svelte";

/** In a frame without an address of its own (a notebook's cell) the addresses are a list here, and the page's stays. */
let apart: string[] | null = null;

export function keepAddressApart(address: string): void {
  apart = [address];
  route.link = linkAt(address);
}

function linkAt(address: string): Link {
  const { pathname, search } = new URL(address, "http://app");
  return parseLink(pathname, search);
}

/** Addresses that are longer are kept by the server under a short name: mails and chats break them. */
const LONG = 1_800;
const SHORT = "link";
/** The whole address of what is shown, whatever stands in the browser's bar. */
let whole = typeof location === "undefined" ? "" : location.pathname + location.search;

async function shorten(address: string, dataset: string): Promise<void> {
  const [path = "", search = ""] = address.split("?");
  try {
    const { name } = await api.keepLink(dataset, search);
    if (whole === address) history.replaceState(null, "", `${path}?${SHORT}=${name}`);
  } catch {
    // the long address works as well
  }
}

/** Show what an address says; a short name is asked for, and shown when it is known. */
function show(address: string): void {
  const link = linkAt(address);
  whole = address;
  const name = link.extra[SHORT];
  route.link = name === undefined ? link : { ...link, extra: {} };
  if (name === undefined || !link.dataset) return;
  api.link(link.dataset, name).then(
    ({ text }) => {
      if (whole !== address) return;
      whole = `${address.split("?")[0] ?? ""}?${text}`;
      route.link = linkAt(whole);
    },
    (error: unknown) => say(asProblem(error).detail || "The link is not known here", "wrong"),
  );
}

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
  if (address === (apart ? apart.at(-1) : whole)) return;
  if (apart) apart.splice(how === "push" ? apart.length : -1, 1, address);
  else if (how === "push") history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  whole = address;
  route.link = next;
  if (!apart && next.dataset && address.length > LONG) void shorten(address, next.dataset);
}

/** A link that is this one with some parts changed, for an `href`. */
export function linkTo(change: Partial<Link>): string {
  return formatLink({ ...route.link, ...change });
}

export function openAddress(address: string): void {
  if (apart) apart.push(address);
  else history.pushState(null, "", address);
  show(address);
}

/** To the address before, where no Back of a browser does that. */
function goBack(): void {
  if (!apart) return;
  if (apart.length > 1) apart.pop();
  route.link = linkAt(apart.at(-1) ?? "/");
}

/** Back and Forward, and plain clicks on links of our own. Gives back what ends it. */
export function startRouter(): () => void {
  const read = () => show(location.pathname + location.search);
  if (!apart && route.link.extra[SHORT] !== undefined) read();
  const click = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (!apart && (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.hasAttribute("download") || link.origin !== new URL(document.baseURI).origin) return;
    if (link.pathname.startsWith("/api/")) return;
    event.preventDefault();
    openAddress(link.pathname + link.search);
  };
  const back = (event: KeyboardEvent) => event.altKey && event.key === "ArrowLeft" && (event.preventDefault(), goBack());
  const [move, follow] = apart ? (["keydown", back] as const) : (["popstate", read] as const);
  addEventListener(move, follow as EventListener);
  addEventListener("click", click);
  return () => {
    removeEventListener(move, follow as EventListener);
    removeEventListener("click", click);
  };
}
