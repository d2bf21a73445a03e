import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Bytes between two collections of what is young. The engine counts buffers against a limit of 20 to 40 MB, whatever the heap's
 * size, and does not look at the young ones alone when it is reached, but marks the whole heap: 25 to 50 times per GB that was
 * forwarded, which took half of all processor time, and more the more a node holds. Looking at young ones takes one to two ms.
 */
const BYTES_BETWEEN = 8 * 2 ** 20;

/** State of the engine, and not of a node: there is one heap per thread. */
let bytesSince = 0;
let collectYoung: (() => void) | null = null;

/** Node offers no call for it but the flag. */
const findCollector = (): (() => void) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as ((options: { type: 'minor' }) => void) | undefined;
  return () => collect?.({ type: 'minor' });
};

/**
 * Told by whoever takes buffers from a socket that are soon done with: every few MB the young ones that nobody refers to any more
 * are given back.
 *
 * @param bytes - of one buffer that was just taken
 */
export const countBuffer = (bytes: number): void => {
  bytesSince += bytes;
  if (bytesSince < BYTES_BETWEEN) return;
  bytesSince = 0;
  collectYoung ??= findCollector();
  collectYoung();
};
