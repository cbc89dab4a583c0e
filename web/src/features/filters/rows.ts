/** Which filter rows a data set has: its label fields' classes, scores and attributes, its tags, its columns. Plain values. */
import type { DatasetInfo } from "../../api/types";
import { typeOf } from "../../lib/spec";

export interface FilterRow {
  readonly of: string;
  readonly label: string;
  readonly kind: "values" | "histogram";
  readonly type: string;
  /** The label field it is about, for its colours. */
  readonly field: string;
}

export interface FilterGroup {
  readonly name: string;
  readonly rows: readonly FilterRow[];
}

const HIDDEN = new Set(["id", "root", "path", "content_hash", "mime"]);
const VIDEO = new Set(["duration_s", "fps", "frame_count"]);

export function filterGroups(info: DatasetInfo, scored: (field: string) => boolean): FilterGroup[] {
  const groups: FilterGroup[] = [];
  const row = (of: string, label: string, field = ""): FilterRow => {
    const type = typeOf(of, info);
    const numeric = type === "int" || type === "float" || type === "time";
    return { of, label, kind: numeric ? "histogram" : "values", type, field };
  };
  for (const field of info.fields) {
    const rows: FilterRow[] = [];
    if (field.classes.length) rows.push(row(`${field.name}.label`, "class", field.name));
    if (scored(field.name)) rows.push(row(`${field.name}.score`, "score", field.name));
    if (field.kind === "value") rows.push(row(`${field.name}.value`, "value", field.name));
    if (field.names.includes("box.rel_area") || field.kind === "box") rows.push(row(`${field.name}.box.rel_area`, "relative area", field.name));
    for (const attribute of field.attributes) {
      if (attribute.type !== "json") rows.push(row(`${field.name}.${attribute.name}`, attribute.name, field.name));
    }
    if (rows.length) groups.push({ name: field.name, rows });
  }
  const columns = info.columns.filter((column) => !HIDDEN.has(column.name) && column.type !== "json" && !VIDEO.has(column.name));
  const own = columns.filter((column) => column.own || column.name === "split");
  const rest = columns.filter((column) => !own.includes(column));
  groups.push({ name: "Samples", rows: [{ of: "tags", label: "tags", kind: "values", type: "text", field: "" }, ...own.map((c) => row(c.name, c.name)), ...rest.map((c) => row(c.name, c.name))] });
  return groups;
}

/** Rows that are open before the reader chose: the first field's classes, its score, tags. */
export function openAtFirst(groups: readonly FilterGroup[]): string[] {
  const all = groups.flatMap((group) => group.rows);
  const classes = all.filter((row) => row.of.endsWith(".label")).slice(0, 1);
  const score = all.filter((row) => row.of.endsWith(".score"));
  return [...classes, ...score].map((row) => row.of).concat(all.some((row) => row.of === "split") ? ["tags", "split"] : ["tags"]);
}
