/** The app's transport over a notebook's messages. Pictures and videos come whole and are shown from memory. */
import { SvelteMap } from "svelte/reactivity";
import { readFrame } from "../api/frame";
import { ApiError, problemFrom } from "../api/problem";
import type { Method, Transport } from "../api/transport";
import type { Channel } from "./channel";
import { eventReader } from "./sse";

/** Addresses of so many files are kept; more than any page shows at once. */
const MOST_FILES = 400;
const AGAIN_MS = 3000;
/** An address that no picture loads from: the place that shows it says that it failed. */
const BROKEN = "data:,";

interface Whole {
  readonly status: number;
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export function messageTransport(line: Channel): Transport {
  function stream(method: Method, path: string, body: unknown, take: (chunk: Uint8Array) => void, signal?: AbortSignal): Promise<void> {
    return new Promise((done, fail) => {
      if (signal?.aborted) return fail(aborted());
      let wrong = 0;
      let said: Uint8Array[] = [];
      const stop = line.ask(
        { method, path, body: body === undefined ? null : JSON.stringify(body) },
        {
          head: (status) => (wrong = status >= 400 ? status : 0),
          part: (bytes) => (wrong ? said.push(bytes) : take(bytes)),
          end: () => {
            signal?.removeEventListener("abort", leave);
            if (wrong) fail(new ApiError(problemFrom(wrong, text(joined(said)))));
            else done();
            said = [];
          },
        },
      );
      const leave = (): void => {
        stop();
        fail(aborted());
      };
      signal?.addEventListener("abort", leave, { once: true });
    });
  }

  async function bytes(method: Method, path: string, body: unknown, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const parts: Uint8Array[] = [];
    await stream(method, path, body, (part) => parts.push(part), signal);
    return joined(parts);
  }

  function file(path: string, signal?: AbortSignal): Promise<Whole> {
    return new Promise((done, fail) => {
      if (signal?.aborted) return fail(aborted());
      const parts: Uint8Array[] = [];
      let [status, type] = [0, ""];
      const stop = line.ask(
        { method: "GET", path, body: null },
        { head: (said, kind) => ([status, type] = [said, kind]), part: (part) => parts.push(part), end: () => done({ status, type, bytes: joined(parts) }) },
      );
      signal?.addEventListener("abort", () => (stop(), fail(aborted())), { once: true });
    });
  }

  const held = new SvelteMap<string, string>();
  const asked = new Set<string>();
  function keep(path: string, found: Whole): string {
    const address = found.status === 200 ? URL.createObjectURL(new Blob([found.bytes], { type: found.type })) : BROKEN;
    held.set(path, address);
    asked.add(path);
    for (const [oldest, old] of held) {
      if (held.size <= MOST_FILES) break;
      held.delete(oldest);
      asked.delete(oldest);
      URL.revokeObjectURL(old);
    }
    return address;
  }

  return {
    async json<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
      const said = text(await bytes(method, path, body, signal));
      // As over HTTP: tests hold the types against the server's schema.
      return (said ? JSON.parse(said) : null) as T;
    },
    frame: async (path, body, signal) => readFrame((await bytes(body === undefined ? "GET" : "POST", path, body, signal)).buffer),
    stream: (path, body, take, signal) => stream("POST", path, body, take, signal),
    address(path) {
      const found = held.get(path);
      if (found === undefined && !asked.has(path)) {
        asked.add(path);
        void file(path).then((whole) => keep(path, whole));
      }
      return found;
    },
    async open(path, signal) {
      const known = held.get(path);
      if (known !== undefined && known !== BROKEN) return { status: 200, address: known };
      const whole = await file(path, signal);
      return { status: whole.status, address: whole.status === 200 ? keep(path, whole) : "" };
    },
    events(take, up) {
      const stop = new AbortController();
      let last = "";
      const listen = async (): Promise<void> => {
        while (!stop.signal.aborted) {
          const read = eventReader();
          const path = `/api/events${last ? `?since=${encodeURIComponent(last)}` : ""}`;
          up(true);
          await stream(
            "GET",
            path,
            undefined,
            (chunk) => {
              for (const event of read(chunk)) {
                last = event.id || last;
                try {
                  take(event.name, JSON.parse(event.text));
                } catch {
                  // an event that is no JSON says nothing
                }
              }
            },
            stop.signal,
          ).catch(() => undefined);
          if (!stop.signal.aborted) await new Promise((done) => setTimeout(done, AGAIN_MS));
        }
      };
      void listen();
      return () => stop.abort();
    },
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const aborted = (): DOMException => new DOMException("no longer wanted", "AbortError");
