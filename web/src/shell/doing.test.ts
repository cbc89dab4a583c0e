import { beforeEach, describe, expect, it } from "vitest";
import { ApiError } from "../api/problem";
import { doing, redoLast, remember, undoLast, type Undoable } from "./doing.svelte";

let value = 0;
/** A write that sets a value; taking it back sets the one before, and that can be taken back. */
function set(to: number): Undoable {
  const before = value;
  value = to;
  return { name: `Set ${to}`, undo: () => Promise.resolve(set(before)) };
}

beforeEach(() => {
  value = 0;
  doing.undos = [];
  doing.redos = [];
  doing.said = null;
});

describe("undo and redo", () => {
  it("go back and forth", async () => {
    remember(set(1));
    remember(set(2));
    await undoLast();
    expect(value).toBe(1);
    await undoLast();
    expect([value, doing.undos.length, doing.redos.length]).toEqual([0, 0, 2]);
    await redoLast();
    await redoLast();
    expect([value, doing.undos.length, doing.redos.length]).toEqual([2, 2, 0]);
    await undoLast(2);
    expect(value).toBe(0);
  });

  it("wait for each other when keys repeat", async () => {
    for (const to of [1, 2, 3]) remember(set(to));
    await Promise.all([undoLast(), undoLast(), undoLast(), redoLast()]);
    expect(value).toBe(1);
  });

  it("a new write ends what could be done again", async () => {
    remember(set(1));
    await undoLast();
    remember(set(5));
    expect(doing.redos).toEqual([]);
  });

  it("keep two hundred", () => {
    for (let i = 0; i < 250; i++) remember({ name: String(i), undo: () => Promise.resolve(null) });
    expect([doing.undos.length, doing.undos[0]?.name]).toEqual([200, "50"]);
  });

  it("say what went wrong, and stay possible when only the line was down", async () => {
    remember({ name: "a", undo: () => Promise.reject(new TypeError("fetch failed")) });
    await undoLast();
    expect(doing.undos.length).toBe(1);
    expect(doing.said?.tone).toBe("wrong");
    doing.undos = [{ name: "a", undo: () => Promise.reject(new ApiError({ status: 400, title: "No", detail: "gone" })) }];
    await undoLast();
    expect(doing.undos).toEqual([]);
    expect(doing.said?.text).toContain("gone");
  });
});
