/** Which two states are compared, and what is told of the difference. */
export interface LogLine {
  readonly snapshot: number;
  readonly at: string;
  readonly author: string;
  readonly verb: string;
  readonly message: string;
  readonly names: readonly string[];
}

export interface TableCounts {
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  readonly columns: Readonly<Record<string, number>>;
}

export interface DiffAnswer {
  readonly before: number;
  readonly after: number;
  readonly samples: TableCounts;
  readonly fields: Readonly<Record<string, TableCounts>>;
  readonly tags_added: number;
  readonly tags_removed: number;
  readonly schema: readonly string[];
  readonly touched: number;
}

/** The pair in the link, by name or number; by default the newest two that there are, a named one before if there is one. */
export function pairOf(log: readonly LogLine[], extra: Readonly<Record<string, string>>): { before: number; after: number } | null {
  const newest = log[0]?.snapshot;
  if (newest === undefined) return null;
  const asked = (text: string | undefined): number | undefined =>
    text ? (log.find((line) => line.names.includes(text)) ?? log.find((line) => String(line.snapshot) === text))?.snapshot : undefined;
  const after = asked(extra["after"]) ?? newest;
  const named = log.find((line) => line.names.length > 0 && line.snapshot < after);
  const before = asked(extra["before"]) ?? named?.snapshot ?? log.find((line) => line.snapshot < after)?.snapshot ?? after;
  return before <= after ? { before, after } : { before: after, after: before };
}

/** A click picks the older side, with shift the newer one; the two never cross. */
export function picked(pair: { before: number; after: number }, snapshot: number, newer: boolean): { before: number; after: number } {
  if (newer || snapshot > pair.after) return snapshot < pair.before ? { before: snapshot, after: pair.before } : { before: pair.before, after: snapshot };
  return { before: snapshot, after: pair.after };
}

/** The words of the server about each sample, and the objects that differ, by field. */
export function toldIn(header: Readonly<Record<string, unknown>>): { readonly said: readonly (readonly string[])[]; readonly objects: ReadonlyMap<string, ReadonlySet<number>> } {
  const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
  const objects = typeof header["objects"] === "object" && header["objects"] !== null ? Object.entries(header["objects"]) : [];
  return {
    said: list(header["said"]).map((words) => list(words).map(String)),
    objects: new Map(objects.map(([field, ids]) => [field, new Set(list(ids).map(Number))])),
  };
}

/** One line for each table in which anything is different. */
export function rowsOf(answer: DiffAnswer): { readonly name: string; readonly counts: TableCounts }[] {
  return [{ name: "samples", counts: answer.samples }, ...Object.entries(answer.fields).map(([name, counts]) => ({ name, counts }))].filter(
    ({ counts }) => counts.added + counts.removed + counts.changed > 0,
  );
}

/** The line of Python that opens a data set as it was then. */
export function codeLine(dataset: string, line: Pick<LogLine, "snapshot" | "names">): string {
  const [name] = line.names;
  return `ll.open(${JSON.stringify(dataset)}).at(${name === undefined ? line.snapshot : JSON.stringify(name)})`;
}
