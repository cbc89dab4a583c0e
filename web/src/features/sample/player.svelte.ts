/** A video of a sample: its source once browsers can play it, its table of frame times, and the frame that is shown. */
import { api, transport } from "../../api/client";
import { frameAt, seekTo } from "./film";

const CONVERTED_MS = 700;

export class Player {
  video = $state<HTMLVideoElement>();
  times = $state.raw<ArrayLike<number>>([]);
  duration = $state(0);
  frame = $state(0);
  playing = $state(false);
  rate = $state(1);
  source = $state("");
  /** Why nothing is shown: converting, or failed. */
  message = $state("");

  /** Gives back what ends it. */
  open(name: string, id: number): () => void {
    const stop = new AbortController();
    this.source = "";
    this.message = "";
    this.frame = 0;
    void this.#prepare(name, id, stop.signal);
    transport()
      .frame(`/api/d/${encodeURIComponent(name)}/sample/${id}/frames`, undefined, stop.signal)
      .then(
        (found) => {
          const times = found.columns.get("time") ?? new Float64Array();
          const last = times[times.length - 1] ?? 0;
          const step = times.length > 1 ? last - (times[times.length - 2] ?? 0) : 0;
          this.times = times;
          this.duration = last + step;
        },
        () => undefined,
      );
    return () => stop.abort();
  }

  /** Asks until the converted video is there: 202 says that the server is at it. */
  async #prepare(name: string, id: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const answer = await api.openMedia(name, id, signal).catch(() => null);
      if (signal.aborted) return;
      if (answer?.status === 202) {
        this.message = "This video is being converted to a form that browsers play.";
        await new Promise((done) => setTimeout(done, CONVERTED_MS));
        continue;
      }
      const there = answer !== null && answer.status < 300;
      this.message = there ? "" : "This video cannot be played here.";
      if (there) this.source = answer.address;
      return;
    }
  }

  /** Follow what the browser shows, frame by frame. Gives back what ends it. */
  follow(video: HTMLVideoElement): () => void {
    this.video = video;
    let live = true;
    const shown = (_: number, meta: VideoFrameCallbackMetadata): void => {
      if (!live) return;
      this.frame = frameAt(this.times, meta.mediaTime);
      video.requestVideoFrameCallback(shown);
    };
    video.requestVideoFrameCallback(shown);
    return () => {
      live = false;
      this.video = undefined;
    };
  }

  seek(frame: number): void {
    if (!this.video || !this.times.length) return;
    const one = Math.min(Math.max(0, frame), this.times.length - 1);
    this.video.pause();
    this.video.currentTime = seekTo(this.times, one, this.duration);
    this.frame = one;
  }

  toggle(): void {
    if (!this.video) return;
    this.video.playbackRate = this.rate;
    if (this.video.paused) void this.video.play();
    else this.video.pause();
  }

  faster(): void {
    const rates = [0.25, 0.5, 1, 2];
    this.rate = rates[(rates.indexOf(this.rate) + 1) % rates.length] ?? 1;
    if (this.video) this.video.playbackRate = this.rate;
  }
}
