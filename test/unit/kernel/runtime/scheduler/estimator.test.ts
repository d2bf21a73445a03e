import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCbor } from '../../../../../main/base/index.ts';
import { createEstimator } from '../../../../../main/kernel/runtime/scheduler/index.ts';

const MIB = 1024 ** 2;
const taught = (key: string, times: readonly number[]): ReturnType<typeof createEstimator> => {
  const estimator = createEstimator(null);
  for (const ms of times) estimator.learn(key, { ms, memoryBytes: ms * MIB });
  return estimator;
};

describe('the estimator', () => {
  it('knows nothing of what it has not seen', () => {
    expect(createEstimator(null).estimate('wasm:abc/1')).toBeNull();
  });

  it('tells the median, what nine of ten keep to, and their memory', () => {
    expect(taught('k', [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]).estimate('k')).toEqual({
      ms: 50,
      highMs: 90,
      memoryBytes: 90 * MIB,
      samples: 10,
    });
  });

  it('is not led astray by a few that took for ever', () => {
    const { ms } = taught('k', [100, 110, 105, 9_000_000, 95, 100, 8_000_000, 102]).estimate('k') as { ms: number };
    expect(ms).toBeGreaterThanOrEqual(95);
    expect(ms).toBeLessThanOrEqual(110);
  });

  it('forgets what jobs took long ago', () => {
    const estimator = taught('k', [...Array<number>(500).fill(1_000), ...Array<number>(15).fill(20)]);
    expect(estimator.estimate('k')).toMatchObject({ ms: 20, highMs: 20, samples: 515 });
  });

  it('falls back to the program, then to the kind', () => {
    const estimator = createEstimator(null);
    estimator.learn('wasm:p1/a', { ms: 10, memoryBytes: 0 });
    estimator.learn('wasm:p1/b', { ms: 30, memoryBytes: 0 });
    estimator.learn('wasm:p2/a', { ms: 500, memoryBytes: 0 });
    expect(estimator.estimate('wasm:p1/b')).toMatchObject({ ms: 30, samples: 1 });
    expect(estimator.estimate('wasm:p1/new')).toMatchObject({ ms: 10, highMs: 30, samples: 2 });
    expect(estimator.estimate('wasm:p3/x')).toMatchObject({ ms: 30, highMs: 500, samples: 3 });
    expect(estimator.estimate('container:p1/a')).toBeNull();
  });

  it('keeps so many keys and no more, those that were of use last', () => {
    const estimator = createEstimator(null, { keysMax: 3 });
    for (const key of ['a', 'b', 'c']) estimator.learn(key, { ms: 1, memoryBytes: 1 });
    estimator.estimate('a');
    estimator.learn('d', { ms: 1, memoryBytes: 1 });
    expect(['a', 'b', 'c', 'd'].map((key) => estimator.estimate(key) !== null)).toEqual([true, false, true, true]);
  });

  it('is the same after a restart', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ maxLength: 400 }), fc.double(), fc.double()), { maxLength: 200 }),
        (runs) => {
          const estimator = createEstimator(null, { keysMax: 50 });
          for (const [key, ms, memoryBytes] of runs) estimator.learn(`k:${key}`, { ms, memoryBytes });
          const again = createEstimator(estimator.encode(), { keysMax: 50 });
          expect(again.encode()).toEqual(estimator.encode());
          for (const [key] of runs) expect(again.estimate(`k:${key}`)).toEqual(estimator.estimate(`k:${key}`));
        },
      ),
    );
  });

  it('begins anew with what it cannot read', () => {
    const good = taught('key', [1, 2]).encode();
    const rows: unknown[] = [
      [2, [['key', [1], [1], 1]]],
      [1, [['key', [], [], 0]]],
      [1, [['key', [1, 2], [1], 2]]],
      [1, [['key', [-1], [1], 1]]],
      [1, [['key', [1.5], [1], 1]]],
      [1, [['key', Array<number>(16).fill(1), Array<number>(16).fill(1), 16]]],
      [1, [['key', [1], [1], 0]]],
      [
        1,
        [
          ['key', [1], [1], 1],
          ['key', [1], [1], 1],
        ],
      ],
      [1, [['k'.repeat(257), [1], [1], 1]]],
      [1],
      'text',
    ];
    for (const row of rows) expect(createEstimator(encodeCbor(row)).estimate('key')).toBeNull();
    expect(createEstimator(good).estimate('key')).not.toBeNull();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.nat(255), (noise, at, byte) => {
        createEstimator(noise).estimate('key');
        const bent = Uint8Array.from(good);
        bent[at % bent.length] = byte;
        const ms = createEstimator(bent).estimate('key')?.ms ?? 0;
        expect(Number.isSafeInteger(ms) && ms >= 0).toBe(true);
      }),
    );
  });
});
