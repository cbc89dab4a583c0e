/**
 * Columns from the server, read without copying.
 *
 * A frame is a u32 header length, a JSON header {columns: {name: [dtype, length, offset]}, …}, padding to 8, and the
 * columns, little endian, each on a multiple of 8 counted from the end of the padded header.
 */

export type Column = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

export interface Frame {
  readonly header: Readonly<Record<string, unknown>>;
  readonly columns: ReadonlyMap<string, Column>;
}

const MAKERS: Readonly<Record<string, (b: ArrayBuffer, at: number, n: number) => Column>> = {
  u1: (b, at, n) => new Uint8Array(b, at, n),
  u2: (b, at, n) => new Uint16Array(b, at, n),
  u4: (b, at, n) => new Uint32Array(b, at, n),
  i4: (b, at, n) => new Int32Array(b, at, n),
  f4: (b, at, n) => new Float32Array(b, at, n),
  f8: (b, at, n) => new Float64Array(b, at, n),
};

export class FrameError extends Error {}

/** Throws FrameError where the bytes are no frame, or a column does not fit in them. */
export function readFrame(buffer: ArrayBuffer): Frame {
  if (buffer.byteLength < 4) throw new FrameError(`a frame of ${buffer.byteLength} bytes has no header`);
  const length = new DataView(buffer).getUint32(0, true);
  if (4 + length > buffer.byteLength) throw new FrameError(`the header of ${length} bytes is cut off`);
  const header = asRecord(JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length))));
  const start = (4 + length + 7) & ~7;
  const columns = new Map<string, Column>();
  for (const [name, entry] of Object.entries(asRecord(header["columns"]))) {
    if (!Array.isArray(entry)) throw new FrameError(`column ${name} is described by ${JSON.stringify(entry)}`);
    const [dtype, count, offset] = entry;
    const make = typeof dtype === "string" ? MAKERS[dtype] : undefined;
    if (!make || typeof count !== "number" || typeof offset !== "number")
      throw new FrameError(`column ${name} is described by ${JSON.stringify(entry)}`);
    try {
      columns.set(name, make(buffer, start + offset, count));
    } catch (error) {
      throw new FrameError(`column ${name} does not fit in ${buffer.byteLength} bytes: ${String(error)}`);
    }
  }
  return { header, columns };
}

/** The bytes of a frame; for the fake server and tests. */
export function writeFrame(columns: Readonly<Record<string, Column>>, extra: Readonly<Record<string, unknown>> = {}): ArrayBuffer {
  const entries: Record<string, [string, number, number]> = {};
  let end = 0;
  for (const [name, column] of Object.entries(columns)) {
    entries[name] = [dtypeOf(column), column.length, end];
    end = (end + column.byteLength + 7) & ~7;
  }
  const header = new TextEncoder().encode(JSON.stringify({ ...extra, columns: entries }));
  const start = (4 + header.length + 7) & ~7;
  const bytes = new Uint8Array(start + end);
  new DataView(bytes.buffer).setUint32(0, header.length, true);
  bytes.set(header, 4);
  for (const [name, column] of Object.entries(columns)) {
    bytes.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), start + (entries[name]?.[2] ?? 0));
  }
  return bytes.buffer;
}

/** A string column: the text of each row. */
export function strings(frame: Frame, name: string): string[] {
  const bytes = frame.columns.get(`${name}.bytes`);
  const offsets = frame.columns.get(`${name}.offsets`);
  if (!(bytes instanceof Uint8Array) || !(offsets instanceof Uint32Array)) return [];
  const decoder = new TextDecoder();
  const found: string[] = [];
  for (let i = 0; i + 1 < offsets.length; i++) found.push(decoder.decode(bytes.subarray(offsets[i], offsets[i + 1])));
  return found;
}

export function writeStrings(name: string, values: readonly string[]): Record<string, Column> {
  const parts = values.map((value) => new TextEncoder().encode(value));
  const offsets = new Uint32Array(parts.length + 1);
  parts.forEach((part, i) => (offsets[i + 1] = (offsets[i] ?? 0) + part.length));
  const bytes = new Uint8Array(offsets[parts.length] ?? 0);
  parts.forEach((part, i) => bytes.set(part, offsets[i]));
  return { [`${name}.bytes`]: bytes, [`${name}.offsets`]: offsets };
}

function dtypeOf(column: Column): string {
  if (column instanceof Uint8Array) return "u1";
  if (column instanceof Uint16Array) return "u2";
  if (column instanceof Uint32Array) return "u4";
  if (column instanceof Int32Array) return "i4";
  return column instanceof Float32Array ? "f4" : "f8";
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new FrameError("the header is no object");
  return Object.fromEntries(Object.entries(value));
}
