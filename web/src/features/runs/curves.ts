/** Curves of several runs over one another: one plot a number, as many points as there are pixels. Plain values. */
export interface Series {
  readonly name: string;
  readonly label: string | null;
  readonly steps: readonly number[];
  readonly values: readonly (number | null)[];
}

export interface Plot {
  readonly title: string;
  readonly lines: readonly { readonly run: string; readonly series: Series }[];
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

const titleOf = (series: Series): string => (series.label === null ? series.name : `${series.name} · ${series.label}`);

const limits = (values: readonly number[]): readonly [number, number] => {
  const [low, high] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  return low <= high ? [low, high === low ? low + 1 : high] : [0, 1];
};

/** Numbers that several runs share stand in one plot; those of most runs come first. */
export function plotsOf(runs: readonly { readonly id: string; readonly series: readonly Series[] }[]): Plot[] {
  const found = new Map<string, { run: string; series: Series }[]>();
  for (const run of runs)
    for (const series of run.series) {
      const title = titleOf(series);
      found.set(title, [...(found.get(title) ?? []), { run: run.id, series }]);
    }
  return [...found]
    .map(([title, lines]) => ({
      title,
      lines,
      x: limits(lines.flatMap((line) => line.series.steps)),
      y: limits(lines.flatMap((line) => line.series.values.filter((value) => value !== null))),
    }))
    .sort((a, b) => b.lines.length - a.lines.length || a.title.localeCompare(b.title));
}

/**
 * The path of a curve in a plot of `wide` × `high` pixels. Of many points in one column of pixels the least and the greatest are
 * drawn, so that no peak is lost; a gap stays a gap.
 */
export function pathOf({ steps, values }: Series, x: Plot["x"], y: Plot["y"], wide: number, high: number): string {
  const across = (step: number): number => ((step - x[0]) / (x[1] - x[0])) * wide;
  const up = (value: number): number => high - ((value - y[0]) / (y[1] - y[0])) * high;
  let path = "";
  let pen = "M";
  const put = (i: number): void => {
    const value = values[i];
    if (typeof value !== "number") return;
    path += `${pen}${across(steps[i] ?? 0).toFixed(1)} ${up(value).toFixed(1)}`;
    pen = "L";
  };
  for (let from = 0; from < steps.length; ) {
    if (values[from] === null) {
      pen = "M";
      from++;
      continue;
    }
    const column = Math.floor(across(steps[from] ?? 0));
    let [to, least, greatest] = [from, from, from];
    for (; to < steps.length && values[to] !== null && Math.floor(across(steps[to] ?? 0)) === column; to++) {
      if ((values[to] ?? 0) < (values[least] ?? 0)) least = to;
      if ((values[to] ?? 0) > (values[greatest] ?? 0)) greatest = to;
    }
    for (const i of [...new Set([from, least, greatest, to - 1])].sort((a, b) => a - b)) put(i);
    from = to;
  }
  return path;
}

/** What a curve says at the step nearest to a place. */
export function valueAt({ steps, values }: Series, step: number): number | null {
  let best = 0;
  for (const [i, one] of steps.entries()) if (Math.abs(one - step) < Math.abs((steps[best] ?? 0) - step)) best = i;
  return values[best] ?? null;
}
