/** Finding by typing: letters in order, best where they begin words and stand together. */

/** 0: not found; the higher the better. */
export function score(text: string, wanted: string): number {
  const hay = text.toLowerCase();
  const needle = wanted.toLowerCase().trim();
  if (!needle) return 1;
  const whole = hay.indexOf(needle);
  if (whole === 0) return 100 - hay.length / 100;
  if (whole > 0) return (/[^a-z0-9]/.test(hay[whole - 1] ?? "") ? 80 : 60) - hay.length / 100;
  let at = -1;
  let sum = 0;
  for (const letter of needle) {
    const next = hay.indexOf(letter, at + 1);
    if (next < 0) return 0;
    sum += next === at + 1 || /[^a-z0-9]/.test(hay[next - 1] ?? " ") ? 2 : 0.5;
    at = next;
  }
  return (10 * sum) / needle.length;
}

/** Those found, best first; equal ones stay in their order. */
export function ranked<T>(items: readonly T[], wanted: string, text: (item: T) => string): T[] {
  return items
    .map((item) => ({ item, points: score(text(item), wanted) }))
    .filter(({ points }) => points > 0)
    .sort((a, b) => b.points - a.points)
    .map(({ item }) => item);
}
