/** What went wrong, as the server says it (RFC 9457), or as the network does. */

export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly where?: string;
  readonly hint?: string;
  /** Which text of the request it is about: where, words, filters[2] … */
  readonly part?: string;
  /** 0-based place in the query text, and how many characters. */
  readonly column?: number | null;
  readonly length?: number | null;
}

export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
  }
}

/** A problem from the body of a failed answer; anything else becomes its text. */
export function problemFrom(status: number, text: string): Problem {
  let found: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) found = Object.fromEntries(Object.entries(parsed));
  } catch {
    found = {};
  }
  const str = (key: string) => (typeof found[key] === "string" ? { [key]: found[key] } : {});
  const num = (key: string) => (typeof found[key] === "number" ? { [key]: found[key] } : {});
  return {
    status,
    title: typeof found["title"] === "string" ? found["title"] : `The server answered ${status}`,
    detail: typeof found["detail"] === "string" ? found["detail"] : text.slice(0, 300),
    ...str("where"),
    ...str("hint"),
    ...str("part"),
    ...num("column"),
    ...num("length"),
  };
}

export function asProblem(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  if (isLost(error))
    return { status: 0, title: "No answer from the server", detail: "It may have stopped, or the connection is gone.", hint: "What failed is asked for again when it is back; it is started with: loopline app" };
  return { status: 0, title: "Something went wrong here", detail: error instanceof Error ? error.message : String(error) };
}

/** No answer came at all: the network, or a server that is gone. */
export function isLost(error: unknown): boolean {
  return error instanceof TypeError;
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** A fault of the app itself, in words: a TypeError there is no lost connection. */
export function asFault(error: unknown): Problem {
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { status: 0, title: "A fault of the app", detail, hint: "the other pages go on; what was done is kept" };
}
