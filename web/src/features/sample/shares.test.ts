import { describe, expect, it } from "vitest";
import { readFrame, writeFrame } from "../../api/frame";
import { sharesOf } from "./shares";

const runs = (parts: readonly { id: number; cls: number; counts: readonly number[] }[]) =>
  readFrame(
    writeFrame({
      id: new Float64Array(parts.map((part) => part.id)),
      class: new Uint16Array(parts.map((part) => part.cls)),
      height: new Uint32Array(parts.map(() => 4)),
      width: new Uint32Array(parts.map(() => 5)),
      offsets: new Uint32Array(parts.reduce<number[]>((all, part) => [...all, (all.at(-1) ?? 0) + part.counts.length], [0])),
      counts: new Uint32Array(parts.flatMap((part) => part.counts)),
    }),
  );

describe("the classes of a map", () => {
  it("are told with their share of the picture, the largest first", () => {
    expect(sharesOf(runs([{ id: 7, cls: 2, counts: [3, 2, 15] }, { id: 7, cls: 0, counts: [0, 3, 2, 7, 8] }]))).toEqual([{ cls: 0, share: 0.5 }, { cls: 2, share: 0.1 }]);
  });

  it("are told over several maps together, and not at all where there is none", () => {
    expect(sharesOf(runs([{ id: 7, cls: 1, counts: [0, 20] }, { id: 8, cls: 1, counts: [10, 10] }]))).toEqual([{ cls: 1, share: 0.75 }]);
    expect(sharesOf(runs([]))).toEqual([]);
  });
});
