/** What the server sends and takes, as the app names it. See docs/app.md for the wire. */

export interface FilterSpec {
  readonly control: string;
  readonly where: string;
}

export interface ViewSpec {
  readonly where?: string;
  readonly filters?: readonly FilterSpec[];
  readonly keep?: readonly { readonly field: string; readonly where: string }[];
  readonly sort?: string;
  readonly objects?: string;
  readonly select?: readonly number[];
  readonly snapshot?: number | null;
}

/** A selection of any size: a few ids, or a whole view less a few. */
export interface SelectionSpec {
  readonly view: ViewSpec;
  readonly all: boolean;
  readonly include?: readonly number[];
  readonly exclude?: readonly number[];
}

export interface DatasetEntry {
  readonly name: string;
  readonly samples: number;
  readonly objects: number;
  readonly snapshot: number;
  readonly versions: number;
  readonly changed_at: string | null;
}

export interface ColumnInfo {
  readonly name: string;
  readonly type: string;
  readonly description: string;
}

export interface AttributeInfo {
  readonly name: string;
  readonly type: string;
  readonly values: readonly string[];
}

export interface FieldInfo {
  readonly name: string;
  readonly kind: string;
  readonly classes: readonly string[];
  readonly colors: readonly string[];
  readonly skeleton: readonly (readonly [number, number])[];
  readonly attributes: readonly AttributeInfo[];
}

export interface VersionInfo {
  readonly name: string;
  readonly snapshot: number;
  readonly message: string;
  readonly author: string;
  readonly at: string;
}

export interface SavedView {
  readonly name: string;
  readonly view: ViewSpec;
  readonly link?: string;
}

export interface DatasetInfo {
  readonly name: string;
  readonly snapshot: number;
  readonly samples: number;
  readonly columns: readonly ColumnInfo[];
  readonly fields: readonly FieldInfo[];
  readonly tags: readonly string[];
  readonly versions: readonly VersionInfo[];
  readonly evaluations: readonly string[];
  readonly embeddings: readonly string[];
  readonly views: readonly SavedView[];
}

export interface ViewAnswer {
  readonly count: number;
  readonly total: number;
  readonly objects: number;
  readonly snapshot: number;
  readonly text: string;
  readonly python: string;
  readonly hints: readonly string[];
}

export type FacetValue = string | number | boolean | null;

export interface ValueLayer {
  readonly values: readonly (readonly [FacetValue, number])[];
}

export interface HistogramLayer {
  readonly edges: readonly (number | string)[];
  readonly counts: readonly number[];
}

export interface FacetControl {
  readonly of: string;
  readonly kind: "values" | "histogram";
  readonly bins?: number;
  readonly limit?: number;
  readonly range?: readonly [number | string, number | string];
}

export type FacetAnswer =
  | { readonly of: string; readonly kind: "values"; readonly total: ValueLayer; readonly view: ValueLayer; readonly other: number; readonly distinct: number }
  | { readonly of: string; readonly kind: "histogram"; readonly total: HistogramLayer; readonly view: HistogramLayer; readonly other: number; readonly distinct: number };

export interface Completion {
  readonly text: string;
  readonly from: number;
  readonly to: number;
  readonly kind: "field" | "column" | "function" | "value" | "operator";
  readonly detail: string;
  readonly count?: number;
}

export interface EditAnswer {
  readonly changed: number;
  readonly snapshot: number;
  readonly undo: string | null;
  readonly said: string;
}

export interface ObjectDetail {
  readonly id: number;
  readonly label: string | null;
  readonly score: number | null;
  readonly [attribute: string]: unknown;
}

export interface SampleDetail {
  readonly id: number;
  readonly columns: Readonly<Record<string, unknown>>;
  readonly tags: readonly string[];
  readonly fields: Readonly<Record<string, readonly ObjectDetail[]>>;
  readonly prev: number | null;
  readonly next: number | null;
}

export interface JobInfo {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly done: number;
  readonly total: number | null;
  readonly message?: string;
  readonly seconds_left?: number | null;
}
