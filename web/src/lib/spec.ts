/** From a link to the view that the server is asked for. */
import type { DatasetInfo, ViewSpec } from "../api/types";
import { conditionOf, type Filter, type ValueType } from "./filter";
import type { Link } from "./link";

const OBJECT_TYPES: Readonly<Record<string, ValueType>> = {
  id: "int",
  label: "text",
  score: "float",
  frame: "int",
  track_id: "int",
  iscrowd: "bool",
  area: "float",
  rotation: "float",
  value: "float",
  tags: "text",
};

/** The type of what a control is about; text where nothing says. */
export function typeOf(of: string, info: Pick<DatasetInfo, "columns" | "fields">): ValueType {
  const dot = of.indexOf(".");
  const field = dot > 0 ? info.fields.find((other) => other.name === of.slice(0, dot)) : undefined;
  const name = field ? of.slice(dot + 1) : of;
  const attribute = field ? field.attributes.find((other) => other.name === name) : info.columns.find((other) => other.name === name);
  if (field && name.startsWith("box.")) return "float";
  const type = attribute?.type ?? (field ? OBJECT_TYPES[name] : "text") ?? "text";
  return type === "int" || type === "float" || type === "bool" || type === "time" || type === "json" ? type : "text";
}

/** Words to search pictures by: what follows a leading `"`; null where the text is a condition, as in `"todo" in tags`. */
export function wordsOf(q: string): string | null {
  const found = /^\s*"([^"]*)"?\s*$/.exec(q);
  return found ? (found[1] ?? "").trim() : null;
}

export function viewSpec(link: Link, info: DatasetInfo, pinned: number | null): ViewSpec {
  const fields = info.fields.map((field) => field.name);
  const objects = fields.includes(link.objects) ? link.objects : undefined;
  const ofTiles = (filter: Filter): boolean => objects !== undefined && (filter.choice.kind === "inside" ? filter.choice.owner === objects : filter.of.startsWith(`${objects}.`));
  const filters = link.filters
    .filter((filter) => !ofTiles(filter))
    .map((filter) => ({ control: filter.of, where: conditionOf(filter, typeOf(filter.of, info), fields) }));
  const words = wordsOf(link.q);
  const q = words === null ? link.q : "";
  // Where tiles are objects, the query and the filters on them say which objects there are.
  const keep = objects
    ? [
        ...(q ? [{ field: objects, where: q }] : []),
        ...link.filters
          .filter(ofTiles)
          .map((filter) => ({ field: objects, where: conditionOf(filter, typeOf(filter.of, info), fields, objects), control: filter.of })),
      ]
    : [];
  const version = info.versions.find((other) => other.name === link.version);
  return {
    ...(q && !objects ? { where: q } : {}),
    ...(words ? { words } : {}),
    ...(filters.length ? { filters } : {}),
    ...(keep.length ? { keep } : {}),
    ...(link.sort ? { sort: link.sort } : {}),
    ...(objects ? { objects } : {}),
    snapshot: version ? version.snapshot : pinned,
  };
}
