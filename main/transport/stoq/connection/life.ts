/** How far the endpoint is in its life, as its parts see it. */
export interface Life {
  /** Between start and stop. */
  readonly isRunning: boolean;
  /** It says goodbye, or has: nothing new begins. */
  readonly isStopped: boolean;
  /** Aborted once all goodbyes are said. */
  readonly signal: AbortSignal;
}
