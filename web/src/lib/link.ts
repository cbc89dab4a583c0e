/** What a link restores: the address of the page as a value, and back. The default of each part is left out. */
import { type Filter, filterFromText, filterToText } from "./filter";

export type Mode = "grid" | "split" | "map" | "plots";
export type Shape = "rows" | "square" | "fit";

export interface Link {
  /** Without a data set: "home", or a page of its own such as "runs". With one: "" is Explore, "s" a sample, or a page's name. */
  readonly page: string;
  readonly dataset: string;
  readonly version: string;
  /** Path segments after the page's. */
  readonly rest: readonly string[];
  readonly q: string;
  readonly filters: readonly Filter[];
  readonly sort: string;
  readonly objects: string;
  readonly mode: Mode;
  readonly color: string;
  /** Label fields that are not drawn. */
  readonly hide: readonly string[];
  /** The sample the inspector shows. */
  readonly at: number | null;
  readonly size: number;
  readonly shape: Shape;
  /** Predictions below this score are not drawn. They still count. */
  readonly least: number;
  /** What a page of its own adds; each page names its own keys. */
  readonly extra: Readonly<Record<string, string>>;
}

export const SIZE = 150;
export const LEAST = 0.3;

export const EMPTY: Link = {
  page: "home",
  dataset: "",
  version: "",
  rest: [],
  q: "",
  filters: [],
  sort: "",
  objects: "",
  mode: "grid",
  color: "label",
  hide: [],
  at: null,
  size: SIZE,
  shape: "rows",
  least: LEAST,
  extra: {},
};

const MODES: readonly Mode[] = ["grid", "split", "map", "plots"];
const SHAPES: readonly Shape[] = ["rows", "square", "fit"];
const OWN = new Set(["q", "f", "sort", "objects", "view", "color", "hide", "at", "size", "shape", "least"]);

export function parseLink(path: string, search: string): Link {
  const parts = path.split("/").filter(Boolean).map(unescaped);
  const params = new URLSearchParams(search);
  const [dataset, version] = splitVersion(parts[0] === "d" ? (parts[1] ?? "") : "");
  const inDataset = dataset !== "";
  const at = params.get("at");
  const size = Number(params.get("size") ?? SIZE);
  return {
    page: inDataset ? (parts[2] ?? "") : (parts[0] ?? "home"),
    dataset,
    version,
    rest: inDataset ? parts.slice(3) : parts.slice(1),
    q: params.get("q") ?? "",
    filters: params.getAll("f").map(filterFromText).filter((filter) => filter !== null),
    sort: params.get("sort") ?? "",
    objects: params.get("objects") ?? "",
    mode: MODES.find((mode) => mode === params.get("view")) ?? "grid",
    color: params.get("color") ?? "label",
    hide: (params.get("hide") ?? "").split(",").filter(Boolean),
    at: at !== null && Number.isSafeInteger(Number(at)) ? Number(at) : null,
    size: Number.isFinite(size) ? Math.min(600, Math.max(40, Math.round(size))) : SIZE,
    shape: SHAPES.find((shape) => shape === params.get("shape")) ?? "rows",
    least: share(params.get("least")),
    extra: Object.fromEntries([...params].filter(([key]) => !OWN.has(key))),
  };
}

export function formatLink(link: Link): string {
  const parts = link.dataset
    ? ["d", link.dataset + (link.version ? `@${link.version}` : ""), link.page, ...link.rest]
    : [link.page === "home" ? "" : link.page, ...link.rest];
  const path = "/" + parts.filter(Boolean).map(escaped).join("/");
  const params = new URLSearchParams();
  if (link.q) params.set("q", link.q);
  for (const filter of link.filters) params.append("f", filterToText(filter));
  if (link.sort) params.set("sort", link.sort);
  if (link.objects) params.set("objects", link.objects);
  if (link.mode !== "grid") params.set("view", link.mode);
  if (link.color !== "label") params.set("color", link.color);
  if (link.hide.length) params.set("hide", link.hide.join(","));
  if (link.at !== null) params.set("at", String(link.at));
  if (link.size !== SIZE) params.set("size", String(link.size));
  if (link.shape !== "rows") params.set("shape", link.shape);
  if (link.least !== LEAST) params.set("least", String(link.least));
  for (const [key, value] of Object.entries(link.extra)) if (value) params.set(key, value);
  const search = params.toString();
  return search ? `${path}?${search}` : path;
}

function share(text: string | null): number {
  const value = Number(text ?? LEAST);
  return value >= 0 && value <= 1 ? value : LEAST;
}

function splitVersion(text: string): [string, string] {
  const at = text.lastIndexOf("@");
  return at > 0 ? [text.slice(0, at), text.slice(at + 1)] : [text, ""];
}

const escaped = (part: string): string => encodeURIComponent(part).replaceAll("%40", "@");

function unescaped(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
