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

const AGAIN_MS = 3000;

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
      let last = "";
      let again = 0;
      const open = () => {
        const now = new EventSource(`${base}/api/events${last ? `?since=${encodeURIComponent(last)}` : ""}`);
        source = now;
        now.onopen = () => up(true);
        now.onerror = () => {
          up(false);
          // A browser asks again by itself after a broken line, but not after a refusal, as of a proxy whose server is gone.
          if (now.readyState !== EventSource.CLOSED || source !== now) return;
          source = null;
          again = window.setTimeout(visible, AGAIN_MS);
        };
        for (const name of ["hello", "job", "snapshot"]) {
          now.addEventListener(name, (event) => {
            last = event.lastEventId || last;
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
        clearTimeout(again);
        if (document.hidden) {
          source?.close();
          source = null;
        } else if (!source) open();
      };
      // The network went or came: a line may be dead without knowing it, or wait longer than it must.
      const anew = () => {
        source?.close();
        source = null;
        visible();
      };
      document.addEventListener("visibilitychange", visible);
      for (const change of ["offline", "online"]) addEventListener(change, anew);
      visible();
      return () => {
        document.removeEventListener("visibilitychange", visible);
        for (const change of ["offline", "online"]) removeEventListener(change, anew);
        clearTimeout(again);
        source?.close();
      };
    },
  };
}
