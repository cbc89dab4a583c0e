/** The server's verbs as functions. One transport for the whole page; a notebook or a test sets another. */
import type { Frame } from "./frame";
import { thumbReader, type Thumb } from "./thumbs";
import { httpTransport, type Transport } from "./transport";
import type {
  AroundAnswer,
  CheckAnswer,
  Completion,
  CrossAnswer,
  DatasetEntry,
  DatasetInfo,
  EditAnswer,
  FacetAnswer,
  FacetControl,
  JobInfo,
  SampleDetail,
  SavedView,
  SelectionSpec,
  ViewAnswer,
  ViewSpec,
} from "./types";

let current: Transport = httpTransport();

export function useTransport(transport: Transport): void {
  current = transport;
}

export function transport(): Transport {
  return current;
}

const at = (name: string, rest = ""): string => `/api/d/${encodeURIComponent(name)}${rest}`;

function asked(parameters: Readonly<Record<string, string | number | null | undefined>>): string {
  const known = Object.entries(parameters).flatMap(([key, value]) => (value === null || value === undefined ? [] : [`${key}=${encodeURIComponent(value)}`]));
  return known.length ? `?${known.join("&")}` : "";
}

const mediaPath = (name: string, id: number, form?: "browser"): string => at(name, `/media/${id}${form ? "?form=browser" : ""}`);

export const api = {
  datasets: (signal?: AbortSignal) => current.json<DatasetEntry[]>("GET", "/api/datasets", undefined, signal),
  dataset: (name: string, signal?: AbortSignal) => current.json<DatasetInfo>("GET", at(name), undefined, signal),
  view: (name: string, view: ViewSpec, signal?: AbortSignal) => current.json<ViewAnswer>("POST", at(name, "/view"), { view }, signal),
  layout: (name: string, view: ViewSpec, signal?: AbortSignal): Promise<Frame> => current.frame(at(name, "/layout"), { view }, signal),
  page: (name: string, view: ViewSpec, offset: number, count: number, fields: readonly string[], signal?: AbortSignal, evaluation?: string): Promise<Frame> =>
    current.frame(at(name, "/page"), { view, offset, count, fields, ...(evaluation ? { evaluation } : {}) }, signal),
  masks: (name: string, field: string, ids: readonly number[], signal?: AbortSignal): Promise<Frame> =>
    current.frame(at(name, "/masks"), { field, ids }, signal),
  facets: (name: string, view: ViewSpec, controls: readonly FacetControl[], signal?: AbortSignal) =>
    current.json<FacetAnswer[]>("POST", at(name, "/facets"), { view, controls }, signal),
  cross: (name: string, view: ViewSpec, x: FacetControl, y: FacetControl, signal?: AbortSignal) =>
    current.json<CrossAnswer>("POST", at(name, "/cross"), { view, x, y }, signal),
  check: (name: string, where: string, objects: string | undefined, signal?: AbortSignal) =>
    current.json<CheckAnswer>("POST", at(name, "/check"), objects ? { where, objects } : { where }, signal),
  complete: (name: string, text: string, cursor: number, objects: string | undefined, signal?: AbortSignal) =>
    current.json<Completion[]>("POST", at(name, "/complete"), objects ? { text, cursor, objects } : { text, cursor }, signal),
  sample: (name: string, id: number, snapshot: number | null, signal?: AbortSignal, evaluation?: string) =>
    current.json<SampleDetail>("GET", at(name, `/sample/${id}${asked({ snapshot, evaluation })}`), undefined, signal),
  /** The samples before and after one in a view; `of`: how many it has. */
  around: (name: string, view: ViewSpec, id: number, count: number, signal?: AbortSignal) =>
    current.json<AroundAnswer>("POST", at(name, "/around"), { view, id, count }, signal),
  edit: (name: string, verb: "tag" | "untag" | "set" | "delete" | "edit" | "undo", body: unknown) =>
    current.json<EditAnswer>("POST", at(name, `/${verb}`), body),
  views: (name: string) => current.json<SavedView[]>("GET", at(name, "/views")),
  saveView: (name: string, { name: saved, view, link }: SavedView) => current.json<unknown>("POST", at(name, "/views"), { name: saved, view, link }),
  dropView: (name: string, saved: string) => current.json<unknown>("DELETE", at(name, `/views/${encodeURIComponent(saved)}`)),
  keepLink: (name: string, text: string) => current.json<{ name: string; text: string }>("POST", at(name, "/links"), { text }),
  link: (name: string, short: string) => current.json<{ name: string; text: string }>("GET", at(name, `/links/${encodeURIComponent(short)}`)),
  jobs: (signal?: AbortSignal) => current.json<JobInfo[]>("GET", "/api/jobs", undefined, signal),
  job: (id: string, verb: "pause" | "resume" | "stop") => current.json<JobInfo>("POST", `/api/jobs/${encodeURIComponent(id)}/${verb}`),
  /** Small pictures in the order of `ids`, each as soon as it is there. */
  async thumbs(name: string, ids: readonly number[], size: 128 | 256 | 512, take: (thumb: Thumb) => void, signal: AbortSignal): Promise<void> {
    const read = thumbReader();
    await current.stream(at(name, "/thumbs"), { ids, size }, (chunk) => read(chunk).forEach(take), signal);
  },
  /** Objects of a field, cut out of their pictures; as `thumbs`, by the objects' ids. */
  async crops(name: string, field: string, ids: readonly number[], size: 128 | 256 | 512, take: (thumb: Thumb) => void, signal: AbortSignal): Promise<void> {
    const read = thumbReader();
    await current.stream(at(name, "/crops"), { field, ids, size }, (chunk) => read(chunk).forEach(take), signal);
  },
  /** `count` frames spread over a video, side by side in one picture. */
  async strip(name: string, id: number, count: number, take: (thumb: Thumb) => void, signal: AbortSignal): Promise<void> {
    const read = thumbReader();
    await current.stream(at(name, "/strip"), { id, count, size: 256 }, (chunk) => read(chunk).forEach(take), signal);
  },
  media: (name: string, id: number, form?: "browser"): string | undefined => current.address(mediaPath(name, id, form)),
  openMedia: (name: string, id: number, signal: AbortSignal) => current.open(mediaPath(name, id, "browser"), signal),
};

export type { SelectionSpec };
