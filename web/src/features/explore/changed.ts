import type { DatasetInfo } from "../../api/types";
import { plural } from "../../lib/say";

/** What a newer state has more or less of, in words; tags and values alone change no numbers. */
export function changeSays(before: Pick<DatasetInfo, "samples" | "fields">, after: Pick<DatasetInfo, "samples" | "fields">): string {
  const said: string[] = [];
  const tell = (by: number, what: string, of = ""): void => {
    if (by) said.push(`${by > 0 ? "+" : "−"}${plural(Math.abs(by), what)}${of}`);
  };
  tell(after.samples - before.samples, "sample");
  for (const { name, objects } of after.fields) {
    tell(objects - (before.fields.find((field) => field.name === name)?.objects ?? 0), "object", ` of ${name}`);
  }
  for (const { name } of before.fields) if (!after.fields.some((field) => field.name === name)) said.push(`${name} is gone`);
  return said.join(", ") || "values or tags";
}
