/** A job that a page has begun and waits for: what it does when the job has ended is told once. */
import type { JobInfo } from "../api/types";
import { jobs } from "./jobs.svelte";
import { isGoing } from "./jobWords";

export interface Awaited {
  /** While it goes on; undefined where nothing is awaited. */
  readonly job: JobInfo | undefined;
  take(begun: JobInfo): void;
}

/** Called while a component is made. `failed`: with the reason, empty where somebody stopped it. */
export function awaitJob(done: (ended: JobInfo) => void, failed: (why: string) => void = () => undefined): Awaited {
  let id = $state("");
  const job = $derived(id ? jobs.list.find((one) => one.id === id) : undefined);
  $effect(() => {
    const ended = job;
    if (!ended || isGoing(ended)) return;
    id = "";
    if (ended.state === "done") done(ended);
    else failed(ended.error?.detail ?? "");
  });
  return {
    get job() {
      return job;
    },
    take(begun) {
      jobs.take(begun);
      id = begun.id;
    },
  };
}
