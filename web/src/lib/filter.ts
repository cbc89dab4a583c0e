/** What a filter control chose, as a value; the condition it stands for; and how it is written in a link. */

export type Choice =
  | { readonly kind: "in" | "not"; readonly values: readonly (string | null)[] }
  | { readonly kind: "range"; readonly low: string | null; readonly high: string | null };

export interface Filter {
  /** What the control is about: a column, `tags`, or `<field>.<name>`. */
  readonly of: string;
  readonly choice: Choice;
}

export type ValueType = "text" | "int" | "float" | "bool" | "time" | "json";

/** A text as the query language writes it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("\n", "\\n")}'`;
}

function literal(value: string, type: ValueType): string {
  if (type === "bool") return value === "true" || value === "True" ? "True" : "False";
  return type === "int" || type === "float" ? value : quoted(value);
}

/** The condition on one name, without the collection around it. */
function plain(name: string, choice: Choice, type: ValueType): string {
  if (choice.kind === "range") {
    const low = choice.low === null ? "" : `${literal(choice.low, type)} <= `;
    const high = choice.high === null ? "" : ` <= ${literal(choice.high, type)}`;
    return low || high ? `${low}${name}${high}` : "True";
  }
  const values = choice.values.filter((value) => value !== null);
  const parts: string[] = [];
  if (name === "tags" || name.endsWith(".tags")) {
    parts.push(...values.map((value) => `${quoted(value)} in ${name}`));
  } else if (type === "bool") {
    parts.push(...values.map((value) => (literal(value, type) === "True" ? name : `(${name} is not None and not ${name})`)));
  } else if (values.length === 1) parts.push(`${name} == ${literal(values[0] ?? "", type)}`);
  else if (values.length > 1) parts.push(`${name} in [${values.map((value) => literal(value, type)).join(", ")}]`);
  if (choice.values.includes(null)) parts.push(`${name} is None`);
  const any = parts.join(" or ");
  if (choice.kind === "not") return `not (${any})`;
  return parts.length > 1 ? `(${any})` : any;
}

/**
 * The condition of a filter. `fields`: the label fields; `objects`: the field whose objects are the tiles, or none.
 * "Not" of a field's class means that no object has it.
 */
export function conditionOf(filter: Filter, type: ValueType, fields: readonly string[], objects?: string): string {
  const dot = filter.of.indexOf(".");
  const field = dot > 0 ? filter.of.slice(0, dot) : "";
  if (!fields.includes(field)) return plain(objects ? `sample.${filter.of}` : filter.of, filter.choice, type);
  const name = filter.of.slice(dot + 1);
  if (field === objects) return plain(name, filter.choice, type);
  const collection = objects ? `sample.${field}` : field;
  if (filter.choice.kind === "not")
    return `not ${collection}.any(${plain(name, { kind: "in", values: filter.choice.values }, type)})`;
  return `${collection}.any(${plain(name, filter.choice, type)})`;
}

/** `of:in:a,b` · `of:not:a` · `of:range:0.5,` ; a missing value is `~`. Values are escaped twice, for `,` is theirs too. */
export function filterToText({ of, choice }: Filter): string {
  const write = (value: string | null) => (value === null ? "~" : encodeURIComponent(value).replaceAll("~", "%7E"));
  if (choice.kind === "range") return `${of}:range:${choice.low ?? ""},${choice.high ?? ""}`;
  return `${of}:${choice.kind}:${choice.values.map(write).join(",")}`;
}

export function filterFromText(text: string): Filter | null {
  const [of, kind, ...rest] = text.split(":");
  const value = rest.join(":");
  if (!of) return null;
  if (kind === "range") {
    const comma = value.indexOf(",");
    if (comma < 0) return null;
    return { of, choice: { kind, low: value.slice(0, comma) || null, high: value.slice(comma + 1) || null } };
  }
  if (kind !== "in" && kind !== "not") return null;
  const read = (part: string): string | null => {
    try {
      return part === "~" ? null : decodeURIComponent(part);
    } catch {
      return part;
    }
  };
  return { of, choice: { kind, values: value.split(",").map(read) } };
}

/** Values after a click: plain adds or takes one, `only` leaves just it, `but` leaves all but it. null: no filter left. */
export function toggled(choice: Choice | undefined, value: string | null, how: "toggle" | "only" | "but"): Choice | null {
  if (how === "but") return { kind: "not", values: [value] };
  if (how === "only") return { kind: "in", values: [value] };
  if (!choice || choice.kind === "range") return { kind: "in", values: [value] };
  const has = choice.values.includes(value);
  const values = has ? choice.values.filter((other) => other !== value) : [...choice.values, value];
  return values.length ? { kind: choice.kind, values } : null;
}

/** The filters with one control's choice put in place, or taken away. */
export function withFilter(filters: readonly Filter[], of: string, choice: Choice | null): Filter[] {
  const others = filters.filter((filter) => filter.of !== of);
  return choice ? [...others, { of, choice }] : others;
}

/** A filter as a chip says it. */
export function filterSays({ of, choice }: Filter): string {
  if (choice.kind === "range") {
    if (choice.low === null) return `${of} ≤ ${choice.high ?? ""}`;
    if (choice.high === null) return `${of} ≥ ${choice.low}`;
    return `${of} ${choice.low} – ${choice.high}`;
  }
  const values = choice.values.map((value) => value ?? "none");
  const said = values.length > 3 ? `${values.slice(0, 2).join(", ")} +${values.length - 2}` : values.join(", ");
  return `${of} ${choice.kind === "not" ? "≠" : "="} ${said}`;
}
