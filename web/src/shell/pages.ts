/** The pages of the app. A new page is one line here, and its folder under features/. */
import GitBranch from "@lucide/svelte/icons/git-branch";
import ChartSpline from "@lucide/svelte/icons/chart-spline";
import LayoutGrid from "@lucide/svelte/icons/layout-grid";
import MapIcon from "@lucide/svelte/icons/chart-scatter";
import Play from "@lucide/svelte/icons/play";
import type { Component } from "svelte";

export interface Page {
  /** The path segment: "" is Explore. */
  readonly segment: string;
  readonly label: string;
  /** A Lucide icon; none: not on the rail. */
  readonly icon?: Component<{ size?: number; strokeWidth?: number }>;
  /** `g` and then this letter opens it. */
  readonly letter?: string;
  /** Of a data set (/d/NAME/segment), or its own (/segment). */
  readonly of: "dataset" | "app";
  /** Drawn over Explore, which stays as it is behind. */
  readonly over?: boolean;
  readonly load: () => Promise<{ default: Component }>;
}

export const pages: readonly Page[] = [
  {
    segment: "",
    label: "Explore",
    letter: "e",
    icon: LayoutGrid,
    of: "dataset",
    load: () => import("../features/explore/Explore.svelte"),
  },
  {
    segment: "compare",
    label: "Compare",
    letter: "c",
    icon: ChartSpline,
    of: "dataset",
    load: () => import("../features/compare/Compare.svelte"),
  },
  {
    segment: "map",
    label: "Map",
    letter: "m",
    icon: MapIcon,
    of: "dataset",
    load: () => import("../features/map/Map.svelte"),
  },
  {
    segment: "versions",
    label: "Versions",
    letter: "v",
    icon: GitBranch,
    of: "dataset",
    load: () => import("../features/versions/Versions.svelte"),
  },
  {
    segment: "runs",
    label: "Runs",
    letter: "r",
    icon: Play,
    of: "dataset",
    load: () => import("../features/runs/Runs.svelte"),
  },
  {
    segment: "runs",
    label: "Runs of all data sets",
    icon: Play,
    of: "app",
    load: () => import("../features/runs/Runs.svelte"),
  },
  {
    segment: "s",
    label: "Sample",
    of: "dataset",
    over: true,
    load: () => import("../features/sample/Sample.svelte"),
  },
];

/** The page of a path segment; Explore where there is none of that name. */
export function pageOf(segment: string, of: Page["of"]): Page | undefined {
  return pages.find((page) => page.of === of && page.segment === segment);
}
