import { describe, expect, it } from "vitest";
import { FrameError, readFrame, strings, writeFrame, writeStrings } from "./frame";
import { thumbReader, writeThumb } from "./thumbs";

describe("a frame", () => {
  it("gives back the columns that were written, without copying", () => {
    const buffer = writeFrame({ id: new Float64Array([1, 2 ** 52]), box: new Uint16Array([1, 2, 65535]), flag: new Uint8Array([7]) }, { count: 2 });
    const frame = readFrame(buffer);
    expect(frame.header["count"]).toBe(2);
    expect([...(frame.columns.get("id") ?? [])]).toEqual([1, 2 ** 52]);
    expect([...(frame.columns.get("box") ?? [])]).toEqual([1, 2, 65535]);
    expect(frame.columns.get("flag")?.buffer).toBe(buffer);
  });

  it("carries text of any script", () => {
    const said = ["a/b.jpg", "", "Zürich 東京.png"];
    expect(strings(readFrame(writeFrame(writeStrings("path", said))), "path")).toEqual(said);
  });

  it("that is cut off is an error, not a wrong picture", () => {
    const whole = writeFrame({ id: new Float64Array(10) });
    expect(() => readFrame(whole.slice(0, 2))).toThrow(FrameError);
    expect(() => readFrame(whole.slice(0, 20))).toThrow(FrameError);
    expect(() => readFrame(whole.slice(0, whole.byteLength - 8))).toThrow("column id does not fit");
  });

  it("with a column of an unknown type is an error that names it", () => {
    const header = new TextEncoder().encode(JSON.stringify({ columns: { odd: ["q9", 1, 0] } }));
    const bytes = new Uint8Array(64);
    new DataView(bytes.buffer).setUint32(0, header.length, true);
    bytes.set(header, 4);
    expect(() => readFrame(bytes.buffer)).toThrow("odd");
  });
});

describe("the stream of small pictures", () => {
  const stream = [writeThumb(5, new Uint8Array([1, 2, 3])), writeThumb(2 ** 40, new TextEncoder().encode("is empty"), 1), writeThumb(6, new Uint8Array(0))];
  const joined = Uint8Array.from(stream.flatMap((part) => [...part]));

  it.each([1, 7, 16, 1000])("is the same in chunks of %i bytes", (size) => {
    const read = thumbReader();
    const found = [];
    for (let at = 0; at < joined.length; at += size) found.push(...read(joined.slice(at, at + size)));
    expect(found).toEqual([
      { kind: "picture", id: 5, bytes: new Uint8Array([1, 2, 3]) },
      { kind: "broken", id: 2 ** 40, reason: "is empty" },
      { kind: "picture", id: 6, bytes: new Uint8Array(0) },
    ]);
  });
});
