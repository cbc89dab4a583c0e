/** Jobs of the server as this page knows them: the list once, then the event stream. */
import { api } from "../api/client";
import type { JobInfo } from "../api/types";
import { isGoing } from "./jobWords";

class Jobs {
  list = $state.raw<readonly JobInfo[]>([]);
  running: readonly JobInfo[] = $derived(this.list.filter(isGoing));

  take(data: unknown): void {
    if (!isJob(data)) return;
    const others = this.list.filter((job) => job.id !== data.id);
    this.list = [data, ...others].slice(0, 100);
  }

  async load(): Promise<void> {
    try {
      this.list = await api.jobs();
    } catch {
      this.list = []; // a server without jobs has none to show
    }
  }
}

function isJob(data: unknown): data is JobInfo {
  return typeof data === "object" && data !== null && "id" in data && "name" in data && "state" in data && "done" in data;
}

export const jobs = new Jobs();
