/** What a map shows: the points of an embedding, and the part and standing of each. */
import { type Resource, resource } from "../../api/cache.svelte";
import { transport } from "../../api/client";
import { current } from "../../shell/dataset.svelte";
import { doing } from "../../shell/doing.svelte";
import { route } from "../../shell/router.svelte";
import { theme } from "../../shell/theme.svelte";
import { CLASS_COLOURS, labelColour } from "../labels/colours";
import type { Points } from "./plane";

export interface Cloud {
  readonly points: Points;
  /** "sample", or the label field whose objects the points are. */
  readonly owner: string;
}

export interface Parts {
  /** By point: the place in `values`; 254 another value, 255 none. */
  readonly part: Uint8Array | undefined;
  /** By point: 0 where the view does not have it. */
  readonly view: Uint8Array | undefined;
  readonly sample: Float64Array | undefined;
  readonly values: readonly string[];
  readonly counts: readonly number[];
}

const addressOf = (key: string): string => `/api/d/${encodeURIComponent(route.link.dataset)}/points/${encodeURIComponent(key)}`;

export function cloudOf(key: () => string): Resource<Cloud> {
  return resource(
    () => (current.info?.embeddings.includes(key()) ? `points ${route.link.dataset} ${key()} ${current.info.snapshot} ${doing.epoch}` : null),
    async (signal) => {
      const frame = await transport().frame(addressOf(key()), undefined, signal);
      const [x, y, id] = [frame.columns.get("x"), frame.columns.get("y"), frame.columns.get("id")];
      if (!(x instanceof Uint16Array) || !(y instanceof Uint16Array) || !(id instanceof Float64Array)) throw new Error("the points lack a column");
      return { points: { x, y, id }, owner: String(frame.header["owner"] ?? "sample") };
    },
  );
}

/** What points may be coloured by: of samples a label field's commonest class, or a column; of objects what they have. */
export function choicesOf(owner: string): readonly string[] {
  const { info } = current;
  if (!info) return [];
  if (owner !== "sample") return ["label", ...(current.field(owner)?.attributes ?? []).filter((one) => one.type !== "json").map((one) => one.name)];
  const columns = info.columns.filter((one) => one.own && ["text", "bool", "int"].includes(one.type)).map((one) => one.name);
  return [...info.fields.map((field) => field.name), ...columns];
}

export function partsOf(key: () => string, by: () => string, cloud: () => Cloud | undefined): Resource<Parts> {
  return resource(
    () => (cloud() && current.spec ? `parts ${key()} ${by()} ${current.key}` : null),
    async (signal) => {
      const asked = by();
      const frame = await transport().frame(`${addressOf(key())}/parts`, { by: asked === "none" ? "" : asked, view: current.spec ?? {} }, signal);
      const column = (of: string) => frame.columns.get(of);
      const [part, view, sample] = [column("part"), column("view"), column("sample")];
      const list = (of: string): unknown[] => (Array.isArray(frame.header[of]) ? frame.header[of] : []);
      return {
        part: part instanceof Uint8Array ? part : undefined,
        view: view instanceof Uint8Array ? view : undefined,
        sample: sample instanceof Float64Array ? sample : undefined,
        values: list("values").map(String),
        counts: list("counts").map(Number),
      };
    },
  );
}

/** The colour of each value: a class has its own everywhere. */
export function coloursOf(values: readonly string[], owner: string, by: string): string[] {
  const field = owner === "sample" ? current.field(by) : by === "label" ? current.field(owner) : undefined;
  return values.map((value, i) => (field ? labelColour(field, value) : (CLASS_COLOURS[i % CLASS_COLOURS.length] ?? CLASS_COLOURS[0])));
}

/** On a light ground a pale dot is lost: the same hues, darker. */
export function shaded(hex: string): string {
  if (theme.name === "dark") return hex;
  const value = Number.parseInt(hex.slice(1), 16);
  return `#${[value >> 16, (value >> 8) & 255, value & 255].map((c) => Math.round(c * 0.76).toString(16).padStart(2, "0")).join("")}`;
}
