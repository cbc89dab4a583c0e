import { describe, expect, it } from "vitest";
import { edgeNumber, edgeSays, edgeText, typedRange } from "./edges";

describe("ends of a range", () => {
  it("go to a histogram and back", () => {
    for (const text of ["2026-01-31T12:30:00", "1999-12-31T00:00:00"]) expect(edgeText(edgeNumber(text, "time"), "time")).toBe(text);
    expect(edgeNumber("2026-01-31", "time")).toBe(Date.parse("2026-01-31T00:00:00Z") / 1000);
    expect(edgeNumber("0.5", "float")).toBe(0.5);
    expect(edgeNumber("", "float")).toBeNull();
    for (const text of ["soon", "2026-03", "3"]) expect(edgeNumber(text, "time")).toBeNull();
  });
  it("are said by the day, or by the minute within few days", () => {
    const noon = Date.parse("2026-01-31T12:30:00Z") / 1000;
    expect(edgeSays(noon, "time")).toBe("2026-01-31");
    expect(edgeSays(noon, "time", 3600)).toBe("2026-01-31 12:30");
    expect(edgeSays(0.12345, "float")).toBe("0.123");
  });
  it("say what is wrong with them", () => {
    expect(typedRange(" 0.2 ", "", "float")).toEqual({ low: "0.2", high: null });
    expect(typedRange("", "", "int")).toEqual({ low: null, high: null });
    expect(typedRange("2", "1", "int")).toContain("greater");
    expect(typedRange("many", "", "int")).toContain("number");
    expect(typedRange("2026-13-45", "", "time")).toContain("day");
  });
});
