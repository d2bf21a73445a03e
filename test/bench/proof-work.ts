import { createSystemOutside } from '../../main/base/index.ts';
import { challengeHashOf, proveWork, ROWS_DEFAULT, SLICE_MS_MAX, verifyWork } from '../../main/kernel/proof/index.ts';
import { COLUMNS, FIELD, INNER, MULTIPLICATIONS_PER_ROW } from '../../main/kernel/proof/work/format.ts';
import { createPlainMultiplier } from '../../main/kernel/proof/work/generate-kernel.ts';
import { leftRows, rightMatrix } from '../../main/kernel/proof/work/generate-streams.ts';
import { createWorkPool, workChallenge, workContext } from '../support/proof-work.ts';
import { percentile, type Figure } from './figure.ts';

/** Proofs made one after the other, each beside its floor. */
const ROUNDS = 5;
/** Checks of each proof: the first are slower, while the code is new. */
const CHECKS = 9;
/** Rows that the floors multiply: a good tenth of a second. */
const FLOOR_ROWS = 128;

const wordsOf = (bytes: Uint8Array): Float64Array => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from({ length: bytes.length / 2 }, (_, index) => view.getUint16(index * 2, true) % FIELD);
};

/** What anyone would write: row by row, column by column, in doubles. @returns multiplications per second */
const plainLoop = (left: Float64Array, right: Float64Array): number => {
  const product = new Uint16Array((left.length / INNER) * COLUMNS);
  const startMs = performance.now();
  for (let row = 0; row * INNER < left.length; row += 1) {
    for (let column = 0; column < COLUMNS; column += 1) {
      let sum = 0;
      for (let k = 0; k < INNER; k += 1)
        sum += (left[row * INNER + k] as number) * (right[k * COLUMNS + column] as number);
      product[row * COLUMNS + column] = sum % FIELD;
    }
  }
  return (((left.length / INNER) * MULTIPLICATIONS_PER_ROW) / (performance.now() - startMs)) * 1000;
};

/** Making and checking a proof of the default size, on one thread and on all that a pool has here. */
export const benchProofOfWork = async (): Promise<Figure[]> => {
  const { clock } = createSystemOutside();
  const workers = createWorkPool(2);
  const seed = new Uint8Array(32).fill(9);
  const rightBytes = rightMatrix(seed);
  const leftBytes = leftRows(seed, 0, FLOOR_ROWS);
  const [left, right] = [wordsOf(leftBytes), wordsOf(rightBytes)];
  const blocked = createPlainMultiplier(rightBytes);
  const makes: number[] = [];
  const busy: number[] = [];
  const rates: number[] = [];
  const pairs: number[] = [];
  const floors: number[] = [];
  const blockedRates: number[] = [];
  const checks: number[] = [];
  const slices: number[] = [];
  let sizeBytes = 0;
  const make = async (nonce: number, threads: number) => {
    const challenge = workChallenge(nonce, clock.nowMs());
    const made = await proveWork(
      { workers, clock },
      challenge,
      challengeHashOf(challenge),
      { threads },
      {
        slice: async (work) => {
          const startMs = clock.monotonicMs();
          const result = await work();
          if (threads === 1) slices.push(clock.monotonicMs() - startMs);
          return result;
        },
      },
      () => undefined,
      new AbortController().signal,
    );
    return { challenge, made };
  };
  try {
    // Starts the threads.
    await make(0, 2);
    for (let round = 1; round <= ROUNDS; round += 1) {
      const startMs = performance.now();
      const { challenge, made } = await make(round, 1);
      makes.push(performance.now() - startMs);
      busy.push(made.busyMs);
      rates.push(made.multiplicationsPerSecond);
      sizeBytes = made.proof.length;
      for (let check = 0; check < CHECKS; check += 1) {
        const checkMs = performance.now();
        const finding = verifyWork(made.proof, workContext(challenge));
        checks.push(performance.now() - checkMs);
        if (!finding.passed) throw new Error(finding.reason);
      }
      floors.push(plainLoop(left, right));
      const blockedMs = performance.now();
      blocked(leftBytes);
      blockedRates.push((FLOOR_ROWS * MULTIPLICATIONS_PER_ROW * 1000) / (performance.now() - blockedMs));
      pairs.push((await make(round + 100, 2)).made.multiplicationsPerSecond);
    }
  } finally {
    await workers.close();
  }
  const [makeMs, checkMs] = [percentile(makes, 0.5), percentile(checks, 0.5)];
  const millions = (samples: readonly number[]): number => percentile(samples, 0.5) / 1e6;
  const [rate, floor] = [millions(rates), millions(floors)];
  const longestMs = percentile(slices, 0.95);
  return [
    {
      name: `work, ${ROWS_DEFAULT} rows on one thread, made, p50`,
      unit: 'ms',
      value: makeMs,
      peer: { name: 'of it busy', value: percentile(busy, 0.5) },
      target: '1000 to 2000 on a processor of 2020, for information',
    },
    {
      name: 'work, checked, p50',
      unit: 'ms',
      value: checkMs,
      peer: { name: 'made', value: makeMs },
      ratio: checkMs / makeMs,
      target: 'below 20',
      reached: checkMs < 20,
    },
    {
      name: 'work, making against checking',
      unit: 'ratio',
      value: makeMs / checkMs,
      target: 'at least 50',
      reached: makeMs / checkMs >= 50,
    },
    {
      name: 'work, encoded',
      unit: 'MiB',
      value: sizeBytes / 2 ** 20,
      target: 'below 0.1',
      reached: sizeBytes < 104_858,
    },
    {
      name: 'work, multiplications per second and thread, millions, p50',
      unit: 'count',
      value: rate,
      peer: { name: 'plain loop in doubles', value: floor },
      ratio: rate / floor,
      target: 'at least 10 times the plain loop',
      reached: rate / floor >= 10,
    },
    {
      name: 'work, the same against blocked doubles',
      unit: 'count',
      value: rate,
      peer: { name: 'blocked doubles', value: millions(blockedRates) },
      ratio: rate / millions(blockedRates),
      target: 'for information',
    },
    {
      name: 'work, multiplications per second on two threads, millions, p50',
      unit: 'count',
      value: millions(pairs),
      peer: { name: 'one thread', value: rate },
      ratio: millions(pairs) / rate,
      target: 'for information',
    },
    {
      name: 'work, slice, p95',
      unit: 'ms',
      value: longestMs,
      target: `below ${SLICE_MS_MAX}`,
      reached: longestMs < SLICE_MS_MAX,
    },
  ];
};
