/** Whether the server can be reached, as the stream of events tells it. */
class Connection {
  up = $state(true);
  /** How often it was lost and came back: what failed meanwhile is asked for again when this changes. */
  returns = $state(0);
}
export const connection = new Connection();

export function connected(up: boolean): void {
  if (up && !connection.up) connection.returns += 1;
  connection.up = up;
}
