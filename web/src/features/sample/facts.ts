/** What is told of a sample beside its labels, as words. */
import type { SampleDetail } from "../../api/types";
import { bytes, value } from "../../lib/say";

const APART = new Set(["id", "path", "root", "content_hash", "width", "height"]);

export function factsOf(sample: SampleDetail): [string, string][] {
  const { columns } = sample;
  const own = Object.entries(columns).filter(([name, held]) => !APART.has(name) && held !== null);
  return [
    ["id", String(sample.id)],
    ["pixels", `${value(columns["width"])} × ${value(columns["height"])}`],
    ...own.map(([name, held]): [string, string] => [name, said(name, held)]),
    ["path", String(columns["path"] ?? "")],
  ];
}

function said(name: string, held: unknown): string {
  if (name === "size_bytes" && typeof held === "number") return bytes(held);
  if (name === "created_at") return String(held).slice(0, 16).replace("T", " ");
  return value(held);
}
