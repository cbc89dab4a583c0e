/** What a filter control chose, as a value; the condition it stands for; and how it is written in a link. */

export type Choice =
  | { readonly kind: "in" | "not"; readonly values: readonly (string | null)[] }
  | { readonly kind: "range"; readonly low: string | null; readonly high: string | null }
  | Lasso;

/** Shapes drawn on a map, one after the other: each adds what is inside it, or takes it away. */
export interface Lasso {
  readonly kind: "inside";
  /** "sample", or the label field whose objects are the map's points. */
  readonly owner: string;
  readonly shapes: readonly LassoShape[];
}

export interface LassoShape {
  readonly how: "add" | "take";
  /** x, y, x, y, … in ten-thousandths of the map, up being up. */
  readonly corners: readonly number[];
}

export interface Filter {
  /** What the control is about: a column, `tags`, `<field>.<name>`, or `map/<embedding>`. */
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

const MAP = "map/";

/** What the lasso on the map of an embedding is a filter of. */
export const mapControl = (embedding: string): string => MAP + embedding;

function insideOf(embedding: string, lasso: Lasso): string {
  const one = (shape: LassoShape): string => `inside(${quoted(embedding)}, [${shape.corners.map((corner) => corner / 10_000).join(", ")}])`;
  return lasso.shapes.reduce((before, shape) => {
    if (shape.how === "take") return before ? `(${before} and not ${one(shape)})` : `not ${one(shape)}`;
    return before ? `(${before} or ${one(shape)})` : one(shape);
  }, "");
}

/** The condition on one name, without the collection around it. */
function plain(name: string, choice: Exclude<Choice, Lasso>, type: ValueType): string {
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
  if (filter.choice.kind === "inside") {
    const { owner } = filter.choice;
    const text = insideOf(filter.of.slice(MAP.length), filter.choice);
    return owner === "sample" || owner === objects ? text : `${objects ? "sample." : ""}${owner}.any(${text})`;
  }
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

/** One condition that asks for all of them; empty ones ask for nothing. */
export function allOf(conditions: readonly string[]): string {
  const some = conditions.filter((one) => one.trim());
  return some.length > 1 ? some.map((one) => (/\bor\b/.test(one) ? `(${one})` : one)).join(" and ") : (some[0] ?? "");
}

/** `of:in:a,b` · `of:not:a` · `of:range:0.5,` ; a missing value is `~`. Values are escaped twice, for `,` is theirs too. */
export function filterToText({ of, choice }: Filter): string {
  const write = (value: string | null) => (value === null ? "~" : encodeURIComponent(value).replaceAll("~", "%7E"));
  if (choice.kind === "range") return `${of}:range:${choice.low ?? ""},${choice.high ?? ""}`;
  if (choice.kind === "inside") return `${of}:inside:${choice.owner}:${choice.shapes.map((shape) => (shape.how === "add" ? "" : "x") + shape.corners.join(",")).join(";")}`;
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
  if (kind === "inside") return lassoFromText(of, value);
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

function lassoFromText(of: string, text: string): Filter | null {
  const colon = text.indexOf(":");
  if (colon < 1 || !of.startsWith(MAP)) return null;
  const shapes = text
    .slice(colon + 1)
    .split(";")
    .map((part): LassoShape => {
      const taken = part.startsWith("x");
      return { how: taken ? "take" : "add", corners: (taken ? part.slice(1) : part).split(",").map(Number) };
    });
  const good = shapes.every((shape) => shape.corners.length >= 6 && shape.corners.length % 2 === 0 && shape.corners.every(Number.isFinite));
  return good ? { of, choice: { kind: "inside", owner: text.slice(0, colon), shapes } } : null;
}

/** Values after a click: plain adds or takes one, `only` leaves just it, `but` leaves all but it. null: no filter left. */
export function toggled(choice: Choice | undefined, value: string | null, how: "toggle" | "only" | "but"): Choice | null {
  if (how === "but") return { kind: "not", values: [value] };
  if (how === "only") return { kind: "in", values: [value] };
  if (!choice || choice.kind === "range" || choice.kind === "inside") return { kind: "in", values: [value] };
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
  if (choice.kind === "inside") {
    const many = choice.shapes.length;
    return `${of.slice(MAP.length)}: ${many > 1 ? `${many} shapes` : "a shape"} on the map`;
  }
  const values = choice.values.map((value) => value ?? "none");
  const said = values.length > 3 ? `${values.slice(0, 2).join(", ")} +${values.length - 2}` : values.join(", ");
  return `${of} ${choice.kind === "not" ? "≠" : "="} ${said}`;
}
