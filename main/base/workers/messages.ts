/** What crosses between the pool and one thread. A thread does one run at a time. */
export interface ToTaskThread {
  task: string;
  input: unknown;
}
export type FromTaskThread =
  | { kind: 'progress'; progress: unknown }
  | { kind: 'done'; output: unknown }
  | { kind: 'failed'; name: string; message: string; stack: string | undefined };
