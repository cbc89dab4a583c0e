import { describe, expect, it } from "vitest";
import type { DatasetInfo } from "../../api/types";
import { changeSays } from "./changed";

const state = (samples: number, fields: Record<string, number>) =>
  ({ samples, fields: Object.entries(fields).map(([name, objects]) => ({ name, objects })) }) as unknown as DatasetInfo;

describe("what changed behind the reader", () => {
  it("is told in numbers", () => {
    expect(changeSays(state(10, { truth: 5, old: 2 }), state(224, { truth: 4, guess: 1200 }))).toBe("+214 samples, −1 object of truth, +1,200 objects of guess, old is gone");
  });
  it("is values or tags where the numbers are the same", () => expect(changeSays(state(10, { truth: 5 }), state(10, { truth: 5 }))).toBe("values or tags"));
});
