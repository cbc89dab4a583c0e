/** Whether the server can be reached, as the stream of events tells it. */
class Connection {
  up = $state(true);
  /** How often it was lost and came back: what failed meanwhile is asked for again when this changes. */
  returns = $state(0);
}
export const connection = new Connection();

let waiting: (() => void)[] = [];

/** Run this once, when the server can be reached again. */
export function whenBack(run: () => void): void {
  waiting.push(run);
}

export function connected(up: boolean): void {
  const back = up && !connection.up;
  connection.up = up;
  if (!back) return;
  connection.returns += 1;
  const runs = waiting;
  waiting = [];
  for (const run of runs) run();
}
