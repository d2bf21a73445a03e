import type { Task } from '../../../base/workers/index.ts';
import { type TimeSegment, firstBrokenSegment } from './verify.ts';

/** Some segments for one thread. */
export interface CheckSegmentsInput {
  /** 32 bytes of start and a checkpoint for each, one after the other: one buffer crosses faster than a thousand. */
  starts: Uint8Array;
  checkpoints: Uint8Array;
  /** Index of the first. */
  first: number;
  checkpointSteps: number;
}

const START_BYTES = 32;

export const packSegments = (segments: readonly TimeSegment[], checkpointSteps: number): CheckSegmentsInput => ({
  starts: new Uint8Array(Buffer.concat(segments.map(({ start }) => start))),
  checkpoints: new Uint8Array(Buffer.concat(segments.map(({ checkpoint }) => checkpoint))),
  first: segments[0]?.index ?? 0,
  checkpointSteps,
});

const unpack = ({ starts, checkpoints, first }: CheckSegmentsInput): TimeSegment[] => {
  const count = starts.length / START_BYTES;
  const size = checkpoints.length / count;
  return Array.from({ length: count }, (_unused, place) => ({
    index: first + place,
    start: starts.subarray(place * START_BYTES, (place + 1) * START_BYTES),
    checkpoint: checkpoints.subarray(place * size, (place + 1) * size),
  }));
};

export const timeVerifyTasks: Record<string, Task> = {
  /** Takes {@link CheckSegmentsInput} of segments in a row, gives the index of the first broken one, or null. */
  'proof.time.check': (input) => {
    const packed = input as CheckSegmentsInput;
    return firstBrokenSegment(unpack(packed), packed.checkpointSteps);
  },
};
