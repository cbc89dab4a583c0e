/**
 * Requests over the messages of a notebook's widget. Used by the glue in the notebook's page and by the app in its
 * frame. See notebook/bridge.py for the messages.
 */
export interface Told {
  readonly id: number;
  readonly status?: number;
  readonly type?: string;
  readonly more: boolean;
}

/** What both sides of a frame hand each other: messages to the kernel and from it. */
export interface Wire {
  send(message: Readonly<Record<string, unknown>>): void;
  /** Hears every answer; gives back what ends that. */
  listen(take: (told: Told, parts: readonly DataView[]) => void): () => void;
}

export interface Heard {
  head(status: number, type: string): void;
  part(bytes: Uint8Array): void;
  end(): void;
}

export interface Channel {
  /** Gives back what ends the request. */
  ask(message: { readonly method: string; readonly path: string; readonly body: string | null }, heard: Heard): () => void;
  /** Script and style of the app. */
  code(): Promise<readonly [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>]>;
  /** Ends all requests. */
  close(): void;
}

export function channel(wire: Wire): Channel {
  // Several pages may share a model, and each hears the answers to all: numbers that start far apart do not meet.
  let number = Math.floor(Math.random() * 2 ** 50);
  const open = new Map<number, (told: Told, parts: readonly DataView[]) => void>();
  wire.listen((told, parts) => open.get(told.id)?.(told, parts));
  return {
    ask(message, heard) {
      const id = (number += 1);
      open.set(id, (told, parts) => {
        if (told.status !== undefined) heard.head(told.status, told.type ?? "");
        for (const part of parts) if (part.byteLength) heard.part(bytesOf(part));
        if (told.more) return;
        open.delete(id);
        heard.end();
      });
      wire.send({ id, ...message });
      return () => {
        if (open.delete(id)) wire.send({ cancel: id });
      };
    },
    code() {
      const id = (number += 1);
      return new Promise((done, fail) => {
        open.set(id, (told, parts) => {
          open.delete(id);
          const [script, style] = parts;
          if (told.status === 200 && script && style) done([bytesOf(script), bytesOf(style)]);
          else fail(new Error(script ? new TextDecoder().decode(bytesOf(script)) : "the app did not come"));
        });
        wire.send({ code: id });
      });
    },
    close() {
      for (const id of open.keys()) wire.send({ cancel: id });
      open.clear();
    },
  };
}

/** A copy: the notebook may use the message's memory again. */
function bytesOf(part: DataView): Uint8Array<ArrayBuffer> {
  const found = new Uint8Array(part.byteLength);
  found.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  return found;
}
