/**
 * How the app reaches its server. HTTP here; in a notebook, messages of the widget. Nothing else in the app calls fetch.
 */
import { type Frame, readFrame } from "./frame";
import { ApiError, problemFrom } from "./problem";

export type Method = "GET" | "POST" | "DELETE";

export interface Transport {
  /** The body of a JSON answer. Its type is the server schema's, which both sides are checked against. */
  json<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T>;
  frame(path: string, body?: unknown, signal?: AbortSignal): Promise<Frame>;
  /** Calls `take` with each chunk; ends when the stream does. */
  stream(path: string, body: unknown, take: (chunk: Uint8Array) => void, signal: AbortSignal): Promise<void>;
  /** An address that an <img> or <video> can open; undefined while it is on its way: whatever read it is run again then. */
  address(path: string): string | undefined;
  /** Whether a media file can be had, and where: 200 or 206 yes, 202 not yet. */
  open(path: string, signal: AbortSignal): Promise<{ readonly status: number; readonly address: string }>;
  /** Server-sent events by name; gives back what closes them. `up` hears whether the line stands. */
  events(take: (name: string, data: unknown) => void, up: (connected: boolean) => void): () => void;
}

export function httpTransport(base = ""): Transport {
  async function ask(method: Method, path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
    const init: RequestInit = { method, headers: { accept: "*/*" }, credentials: "same-origin" };
    if (signal) init.signal = signal;
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { accept: "*/*", "content-type": "application/json" };
    }
    const answer = await fetch(base + path, init);
    if (!answer.ok) throw new ApiError(problemFrom(answer.status, await answer.text()));
    return answer;
  }

  return {
    async json<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
      const answer = await ask(method, path, body, signal);
      const text = await answer.text();
      // The only place that trusts a type from outside: tests hold the types against the server's schema.
      return (text ? JSON.parse(text) : null) as T;
    },
    async frame(path, body, signal) {
      const answer = await ask(body === undefined ? "GET" : "POST", path, body, signal);
      return readFrame(await answer.arrayBuffer());
    },
    async stream(path, body, take, signal) {
      const answer = await ask("POST", path, body, signal);
      const reader = answer.body?.getReader();
      for (;;) {
        const part = await reader?.read();
        if (!part || part.done) return;
        take(part.value);
      }
    },
    address: (path) => base + path,
    async open(path, signal) {
      const answer = await fetch(base + path, { headers: { range: "bytes=0-0" }, signal });
      return { status: answer.status, address: base + path };
    },
    events(take, up) {
      let source: EventSource | null = null;
      const open = () => {
        source = new EventSource(`${base}/api/events`);
        source.onopen = () => up(true);
        source.onerror = () => up(false);
        for (const name of ["hello", "job", "snapshot"]) {
          source.addEventListener(name, (event) => {
            try {
              take(name, JSON.parse(event.data));
            } catch {
              // an event that is no JSON says nothing
            }
          });
        }
      };
      // Browsers allow six connections to a host: a hidden page gives its one back.
      const visible = () => {
        if (document.hidden) {
          source?.close();
          source = null;
        } else if (!source) open();
      };
      document.addEventListener("visibilitychange", visible);
      visible();
      return () => {
        document.removeEventListener("visibilitychange", visible);
        source?.close();
      };
    },
  };
}
