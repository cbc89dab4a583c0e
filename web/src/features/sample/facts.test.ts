import { expect, it } from "vitest";
import { factsOf } from "./facts";

it("tells id and pixels first, what is there next, the path last", () => {
  const columns = { id: 7, path: "a/b.jpg", width: 4, height: 3, size_bytes: 24000, weather: null, created_at: "2026-11-23T10:20:30Z", root: "/x" };
  expect(factsOf({ id: 7, snapshot: 1, columns, tags: [], fields: {} })).toEqual([
    ["id", "7"],
    ["pixels", "4 × 3"],
    ["size_bytes", "24 kB"],
    ["created_at", "2026-11-23 10:20"],
    ["path", "a/b.jpg"],
  ]);
});
