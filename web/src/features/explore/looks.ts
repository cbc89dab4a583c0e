/** What labels may be coloured by, and what samples may be sorted by. */
import type { DatasetInfo } from "../../api/types";

export const COLOURS = [
  { key: "label", name: "Class" },
  { key: "field", name: "Field" },
  { key: "outcome", name: "Outcome" },
] as const;

export function nextColour(now: string): string {
  const at = COLOURS.findIndex((colour) => colour.key === now);
  return COLOURS[(at + 1) % COLOURS.length]?.key ?? "label";
}

export interface SortChoice {
  readonly key: string;
  readonly name: string;
}

export function sortChoices(info: DatasetInfo, objects: string): SortChoice[] {
  if (objects) {
    return [
      { key: "", name: "As added" },
      { key: "-box.rel_area", name: "Largest" },
      { key: "box.rel_area", name: "Smallest" },
      { key: "-score", name: "Highest score" },
      { key: "score", name: "Lowest score" },
      { key: "label", name: "Class" },
    ];
  }
  const most = info.fields.map((field) => ({ key: `-${field.name}.count()`, name: `Most ${field.name}` }));
  const own = info.columns.filter((column) => column.own && ["int", "float", "time"].includes(column.type)).map((column) => ({ key: `-${column.name}`, name: `${column.name}, greatest` }));
  return [{ key: "", name: "As added" }, { key: "path", name: "Path" }, { key: "-created_at", name: "Newest" }, { key: "-width * height", name: "Most pixels" }, ...most, ...own];
}
