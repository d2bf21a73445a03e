import { hash } from 'node:crypto';
import type { Task } from '../../../base/workers/index.ts';
import { createSystemOutside } from '../../../base/system-outside.ts';
import { sha256Chain } from '../sha256/index.ts';
import { CHECKPOINT_BYTES } from './format.ts';

/** Some segments in a row, done by one thread. */
export interface AdvanceInput {
  /** Hash over the start and all checkpoints so far. */
  transcript: Uint8Array;
  segments: number;
  checkpointSteps: number;
  /** Absorbed by the first of these segments; null for all but the last segment of a chain. */
  closing: Uint8Array | null;
}
export interface AdvanceOutput {
  checkpoints: Uint8Array;
  transcript: Uint8Array;
  busyMs: number;
}

export const timeGenerateTasks: Record<string, Task> = {
  /** Takes {@link AdvanceInput}, gives {@link AdvanceOutput}. */
  'proof.time.advance': (input): AdvanceOutput => {
    // A thread is a world of its own: no Outside is handed into it.
    const { clock } = createSystemOutside();
    const startMs = clock.monotonicMs();
    const { transcript, segments, checkpointSteps, closing } = input as AdvanceInput;
    const checkpoints = new Uint8Array(segments * CHECKPOINT_BYTES);
    let running = transcript;
    for (let segment = 0; segment < segments; segment += 1) {
      const start =
        closing !== null && segment === 0 ? hash('sha256', Buffer.concat([running, closing]), 'buffer') : running;
      const checkpoint = sha256Chain(start, checkpointSteps).subarray(0, CHECKPOINT_BYTES);
      checkpoints.set(checkpoint, segment * CHECKPOINT_BYTES);
      running = hash('sha256', Buffer.concat([running, checkpoint]), 'buffer');
    }
    return { checkpoints, transcript: new Uint8Array(running), busyMs: clock.monotonicMs() - startMs };
  },
};
