/** A module with a life. The node starts modules lowest layer first and stops them in reverse. */
export interface Startable {
  /** Called once. When it rejects, everything started before is stopped again. */
  start(): Promise<void>;
  /** May be called twice, and before `start`. Never rejects for an expected failure. */
  stop(): Promise<void>;
}
