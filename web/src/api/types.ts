/** What the server sends and takes, as the app names it. See docs/app.md for the wire. */

import type { Problem } from "./problem";

export interface FilterSpec {
  readonly control: string;
  readonly where: string;
}

export interface ViewSpec {
  readonly where?: string;
  /** What fits these words best comes first, before any `sort`. */
  readonly words?: string;
  readonly filters?: readonly FilterSpec[];
  /** `control`: the filter control that asks for it, which its own counts leave out. */
  readonly keep?: readonly { readonly field: string; readonly where: string; readonly control?: string }[];
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
  /** Why it cannot be opened; empty: it can. */
  readonly error: string;
}

export interface ColumnInfo {
  readonly name: string;
  readonly type: string;
  /** The reader's own, not built in. */
  readonly own: boolean;
  readonly description: string;
  readonly values: readonly string[];
  readonly minimum: number | null;
  readonly maximum: number | null;
}

export interface FieldInfo {
  readonly name: string;
  readonly kind: string;
  readonly objects: number;
  readonly classes: readonly string[];
  readonly colors: readonly string[];
  readonly keypoint_names: readonly string[];
  /** Pairs of 0-based places in `keypoint_names`. */
  readonly skeleton: readonly (readonly number[])[];
  readonly attributes: readonly ColumnInfo[];
  /** What a condition on its objects may name. */
  readonly names: readonly string[];
  readonly description: string;
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
  /** What follows the `?` of the app's address; empty: saved without one. */
  readonly link: string;
}

export interface DatasetInfo {
  readonly name: string;
  readonly snapshot: number;
  readonly samples: number;
  readonly columns: readonly ColumnInfo[];
  readonly fields: readonly FieldInfo[];
  readonly tags: readonly { readonly tag: string; readonly samples: number }[];
  readonly versions: readonly VersionInfo[];
  readonly evaluations: readonly string[];
  readonly embeddings: readonly string[];
  readonly views: readonly SavedView[];
}

export interface ViewAnswer {
  readonly count: number;
  readonly total: number;
  /** Kept objects in the view, by field. */
  readonly objects: Readonly<Record<string, number>>;
  readonly snapshot: number;
  readonly newest: number;
  readonly text: string;
  readonly python: string;
  readonly hints: readonly { readonly what: string }[];
}

export type FacetValue = string | number | boolean | null;

export interface FacetControl {
  readonly of: string;
  readonly kind: "values" | "histogram";
  readonly bins?: number;
  readonly limit?: number;
  readonly range?: readonly [number, number];
}

export interface Layers {
  readonly total: number;
  readonly view: number;
}

/** Counts of a control: of the whole data set (`total`), and of the view without the control's own filter (`view`). */
export interface FacetAnswer {
  readonly of: string;
  readonly kind: string;
  readonly type: string;
  readonly values: readonly FacetValue[];
  readonly edges: readonly number[];
  readonly total: readonly number[];
  readonly view: readonly number[];
  readonly missing: Layers;
  readonly other: Layers;
  readonly distinct: number;
  readonly error: { readonly detail: string } | null;
}

/** One side of a plot of two fields. */
export interface CrossAxis {
  readonly of: string;
  readonly kind: "values" | "histogram";
  readonly values: readonly FacetValue[];
  readonly edges: readonly number[];
  readonly is_time: boolean;
}

/** `counts[place on y · places on x + place on x]`; rows are objects of `field`, or samples. */
export interface CrossAnswer {
  readonly x: CrossAxis;
  readonly y: CrossAxis;
  readonly counts: readonly number[];
  readonly inside: number;
  readonly outside: number;
  readonly field: string;
}

/** `ids` of samples begin at `offset` in the view of `of` samples; none where the sample asked for is not in it. */
export interface AroundAnswer {
  readonly position: number | null;
  readonly offset: number;
  readonly ids: readonly number[];
  readonly of: number;
}

/** What is said of a condition while it is written: `error` why it cannot be asked, or hints at likely slips. */
export interface CheckAnswer {
  readonly hints: readonly { readonly what: string; readonly column: number }[];
  readonly error: Problem | null;
}

export interface Completion {
  readonly text: string;
  readonly from: number;
  readonly to: number;
  readonly kind: "field" | "column" | "function" | "value" | "operator";
  readonly detail: string;
  readonly count: number | null;
}

export interface EditAnswer {
  readonly changed: number;
  readonly snapshot: number;
  /** Empty: nothing to undo. */
  readonly undo: string;
  readonly said: string;
}

export interface ObjectDetail {
  readonly id: number;
  readonly label: string | null;
  readonly score: number | null;
  /** x y w h in pixels. */
  readonly box: readonly number[] | null;
  readonly frame: number | null;
  readonly track_id: number | null;
  /** Parts of x y pairs, pixels. */
  readonly polygons: readonly (readonly number[])[] | null;
  readonly closed: boolean | null;
  /** x y v triplets, pixels. */
  readonly keypoints: readonly number[] | null;
  readonly tags: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: number | null;
  readonly has_mask: boolean;
  /** Of the evaluation that was asked for: tp, fp, fn, ignored. */
  readonly outcome: string | null;
  /** With the partner. */
  readonly iou: number | null;
  readonly partner_id: number | null;
}

export interface SampleDetail {
  readonly id: number;
  readonly snapshot: number;
  readonly columns: Readonly<Record<string, unknown>>;
  readonly tags: readonly string[];
  readonly fields: Readonly<Record<string, readonly ObjectDetail[]>>;
}

export interface JobInfo {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly dataset: string | null;
  readonly stage: string;
  readonly unit: string;
  readonly done: number;
  readonly total: number | null;
  readonly started_at: string;
  /** Empty while it goes on. */
  readonly ended_at: string;
  /** Units a second. */
  readonly rate: number | null;
  readonly left_s: number | null;
  readonly log: readonly string[];
  readonly result: Readonly<Record<string, string | number | boolean | null>>;
  readonly error: { readonly detail: string; readonly hint?: string } | null;
}
