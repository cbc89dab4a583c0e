import { describe, expect, it } from "vitest";
import { NO_CLASS_COLOUR, OUTCOMES } from "./colours";
import { judgeOf, objectColour, outcomeOf, tagOf } from "./judged";

describe("the evaluation that is meant", () => {
  const known = ["ev1", "ev2", "ev3"];
  it("is the first that the link names and that exists", () => {
    expect(judgeOf("gone,ev2,ev1", known, "label")).toBe("ev2");
    expect(judgeOf("", known, "label")).toBeUndefined();
  });
  it("is the newest where outcomes are to be seen", () => {
    expect(judgeOf(undefined, known, "outcome")).toBe("ev3");
    expect(judgeOf(undefined, [], "outcome")).toBeUndefined();
  });
});

describe("an outcome", () => {
  const missed = { label: "car", score: null, outcome: "fn" };
  it("is a sign as well as a colour", () => {
    expect(outcomeOf("fn")?.sign).toBe("○");
    expect(tagOf(missed)).toBe("○ car");
    expect(tagOf({ label: "car", score: 0.934, outcome: "tp" })).toBe("✓ car .93");
    expect(tagOf({ label: null, score: 1, outcome: null })).toBe("1.0");
  });
  it("colours where it is asked for, and is grey where nothing is known", () => {
    expect(objectColour(undefined, missed, "outcome")).toBe(OUTCOMES[3].colour);
    expect(objectColour(undefined, { ...missed, outcome: null }, "outcome")).toBe(NO_CLASS_COLOUR);
    expect(objectColour(undefined, missed, "label")).toBe(NO_CLASS_COLOUR);
  });
});
