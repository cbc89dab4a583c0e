/** Numbers, sizes and times as a reader says them. */

const whole = new Intl.NumberFormat("en");

export function count(n: number): string {
  return whole.format(n);
}

/** 940 · 12.4 k · 2.0 M */
export function short(n: number): string {
  if (n < 1000) return String(n);
  if (n < 99_950) return `${(n / 1000).toFixed(1)} k`;
  if (n < 999_500) return `${Math.round(n / 1000)} k`;
  return `${(n / 1e6).toFixed(n < 9.95e6 ? 1 : 0)} M`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** At most four digits that say something. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "—";
  if (Number.isInteger(value)) return count(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e7)) return value.toExponential(2);
  return String(Number(value.toPrecision(size < 1 ? 3 : 4)));
}

export function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  if (n < 1e6) return `${(n / 1e3).toFixed(0)} kB`;
  return n < 1e9 ? `${(n / 1e6).toFixed(1)} MB` : `${(n / 1e9).toFixed(1)} GB`;
}

/** Any value from a sample's columns. */
export function value(of: unknown): string {
  if (of === null || of === undefined) return "—";
  if (typeof of === "number") return Number.isInteger(of) ? String(of) : number(of);
  if (typeof of === "boolean") return of ? "yes" : "no";
  if (typeof of === "string") return of;
  return JSON.stringify(of);
}

export function ago(iso: string | null, now = Date.now()): string {
  if (!iso) return "";
  const seconds = (now - Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(iso) ? iso : `${iso}Z`)) / 1000;
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 90) return "just now";
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

/** 40 s · 3 min · 2 h */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
