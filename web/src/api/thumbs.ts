/** The stream of small pictures: f8 id, u4 byte length, u1 kind, 3 of padding, then the bytes; again and again. */

export type Thumb =
  | { readonly kind: "picture"; readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "broken"; readonly id: number; readonly reason: string };

const HEAD = 16;

/** Give it chunks as they come; it gives back the records that became whole. */
export function thumbReader(): (chunk: Uint8Array) => Thumb[] {
  let held = new Uint8Array(0);
  return (chunk) => {
    const joined = new Uint8Array(held.length + chunk.length);
    joined.set(held);
    joined.set(chunk, held.length);
    const view = new DataView(joined.buffer);
    const found: Thumb[] = [];
    let at = 0;
    while (joined.length - at >= HEAD) {
      const length = view.getUint32(at + 8, true);
      if (joined.length - at - HEAD < length) break;
      const id = view.getFloat64(at, true);
      const bytes = joined.slice(at + HEAD, at + HEAD + length);
      const broken = view.getUint8(at + 12) !== 0;
      found.push(broken ? { kind: "broken", id, reason: new TextDecoder().decode(bytes) } : { kind: "picture", id, bytes });
      at += HEAD + length;
    }
    held = joined.subarray(at);
    return found;
  };
}

/** One record; for the fake server and tests. */
export function writeThumb(id: number, bytes: Uint8Array, kind: 0 | 1 = 0): Uint8Array {
  const record = new Uint8Array(HEAD + bytes.length);
  const view = new DataView(record.buffer);
  view.setFloat64(0, id, true);
  view.setUint32(8, bytes.length, true);
  view.setUint8(12, kind);
  record.set(bytes, HEAD);
  return record;
}
