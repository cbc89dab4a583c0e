/** Frames of a video by their times, which need not be evenly spaced. The browser's clock is looked up in the table. */

/** The frame that is shown at a time: the last one that has begun. */
export function frameAt(times: ArrayLike<number>, time: number): number {
  let low = 0;
  let high = times.length;
  // A hair of tolerance: browsers report a frame's own time, rounded.
  const at = time + 1e-4;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** Where to seek so that this frame is shown: the middle of its span. */
export function seekTo(times: ArrayLike<number>, frame: number, duration: number): number {
  const last = times.length - 1;
  const one = Math.min(Math.max(frame, 0), Math.max(last, 0));
  const start = times[one] ?? 0;
  const end = one < last ? (times[one + 1] ?? start) : Math.max(duration, start);
  return start + (end - start) / 2;
}

/** 0:03.21 */
export function clock(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(2).padStart(5, "0")}`;
}

/** The spans of frames in which a track or class has objects: neighbours joined. */
export function spans(frames: readonly number[]): { readonly from: number; readonly to: number }[] {
  const out: { from: number; to: number }[] = [];
  for (const frame of [...new Set(frames)].sort((a, b) => a - b)) {
    const last = out[out.length - 1];
    if (last && frame <= last.to + 1) last.to = frame;
    else out.push({ from: frame, to: frame });
  }
  return out;
}
