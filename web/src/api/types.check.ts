/**
 * Holds the names of types.ts against those that the server's schema gave (`npm run types`). Nothing here runs: a line that
 * does not compile names what the two disagree about.
 */
import type * as app from "./types";
import type { components } from "./types.gen";

type Server = components["schemas"];
/** What the server sends has all that the app reads. Values with a default are always sent. */
type Sent<T> = T extends readonly (infer E)[] ? readonly Sent<E>[] : T extends object ? { readonly [K in keyof T]-?: Sent<Exclude<T[K], undefined>> } : T;
type Fits<Given extends Wanted, Wanted> = Given;

export type Answers = [
  Fits<Sent<Server["DatasetLine"]>, app.DatasetEntry>,
  Fits<Omit<Sent<Server["DatasetOut"]>, "views">, Omit<app.DatasetInfo, "views">>,
  Fits<Sent<Server["ViewOut"]>, app.ViewAnswer>,
  Fits<Sent<Server["Facet"]>, app.FacetAnswer>,
  Fits<Sent<Server["Cross"]>, app.CrossAnswer>,
  Fits<Sent<Server["AroundOut"]>, app.AroundAnswer>,
  Fits<Sent<Server["CheckOut"]>, app.CheckAnswer>,
  Fits<Sent<Server["Offer"]>, app.Completion>,
  Fits<Sent<Server["Changed"]>, app.EditAnswer>,
  Fits<Sent<Server["SampleOut"]>, app.SampleDetail>,
  Fits<Sent<Server["JobOut"]>, app.JobInfo>,
];

/** What the app asks for is what the server takes. */
export type Questions = [Fits<app.ViewSpec, Server["ViewSpec"]>, Fits<app.SelectionSpec, Server["Selection"]>, Fits<app.FacetControl, Server["Control"]>];
