import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WorkerPool } from '../../../../../main/base/index.ts';
import { createSystemOutside, decodeCbor, encodeCbor } from '../../../../../main/base/index.ts';
import { merklePath, merkleRoot } from '../../../../../main/base/crypto/index.ts';
import {
  type Pace,
  type VerifyContext,
  WorkError,
  challengeHashOf,
  proveWork,
  verifyWork,
} from '../../../../../main/kernel/proof/index.ts';
import {
  COLUMNS,
  FIELD,
  INNER,
  LEFT_STREAM,
  MULTIPLICATIONS_PER_ROW,
  PRODUCT_ROW_BYTES,
  RIGHT_STREAM,
  decodeWorkProof,
} from '../../../../../main/kernel/proof/work/format.ts';
import { drawRows, seedOf } from '../../../../../main/kernel/proof/work/generate-streams.ts';
import { leavesOf, levelsAbove, pathOf } from '../../../../../main/kernel/proof/work/generate-tree.ts';
import type { CardMultiplier } from '../../../../../main/kernel/proof/work/index.ts';
import { createWorkPool, fullPace, workChallenge, workContext } from '../../../../support/proof-work.ts';
import { forge, productOf } from './forge.ts';

const { clock } = createSystemOutside();
const fresh = workChallenge(7, clock.nowMs());
/** Always the same, so that what is drawn is. */
const challenge = workChallenge(7);
const freshHash = challengeHashOf(fresh);
const challengeHash = challengeHashOf(challenge);
const context = (change: Partial<VerifyContext> = {}): VerifyContext => workContext(challenge, change);
const freshContext = (change: Partial<VerifyContext> = {}): VerifyContext => workContext(fresh, change);
const demand = (work: Partial<VerifyContext['requirements']['work']>): VerifyContext => {
  const base = context();
  return { ...base, requirements: { ...base.requirements, work: { ...base.requirements.work, ...work } } };
};
const codeOf = (proof: Uint8Array, against = context()): string | null => {
  const { passed, code, reason } = verifyWork(proof, against);
  expect(reason).toMatch(/\.$/);
  expect(passed).toBe(code === null);
  return code;
};
const never = new AbortController().signal;
const silent = (): void => undefined;

let workers: WorkerPool;
beforeAll(() => {
  workers = createWorkPool(2);
});
afterAll(() => workers.close());

describe('a proof of work', () => {
  it('is made in slices, and holds', async () => {
    const slices: number[] = [];
    const pace: Pace = {
      slice: async (work) => {
        const startMs = clock.monotonicMs();
        const result = await work();
        slices.push(clock.monotonicMs() - startMs);
        return result;
      },
    };
    const percents: number[] = [];
    const made = await proveWork(
      { workers, clock },
      fresh,
      freshHash,
      { rows: 6001 },
      pace,
      (percent) => percents.push(percent),
      never,
    );
    expect(slices.length).toBeGreaterThan(3);
    expect(percents).toEqual(percents.toSorted((a, b) => a - b));
    expect(percents.at(-1)).toBe(100);
    expect(made.multiplications).toBe(6001 * MULTIPLICATIONS_PER_ROW);
    expect(made.busyMs).toBeLessThanOrEqual(made.wallMs);
    const finding = verifyWork(made.proof, freshContext());
    expect(finding).toMatchObject({ kind: 'work', passed: true, code: null });
    expect(finding.shown).toMatchObject({ multiplications: made.multiplications, rowsOpened: 48, threads: 1 });
    expect(finding.shown['multiplicationsPerSecond']! / made.multiplicationsPerSecond).toBeCloseTo(1, 3);
    expect(finding.shown['multiplicationsPerSecondWitnessed']).toBeUndefined();
    const asked = verifyWork(made.proof, freshContext({ answeredAfterMs: made.wallMs * 2 }));
    expect(asked.shown['multiplicationsPerSecondWitnessed']! / made.multiplicationsPerSecondWall).toBeCloseTo(0.5, 3);
  });

  it('commits to the same product with one thread, with two, and with a card', async () => {
    const card: CardMultiplier = {
      multiply: async (seed, { from, count }) => ({
        known: true,
        value: { product: productOf(seed, from + count).slice(from * PRODUCT_ROW_BYTES), tookMs: 2 },
      }),
    };
    const init = { rows: 1500, openings: 8 };
    const [one, two, gpu] = await Promise.all(
      [init, { ...init, threads: 2 }, { ...init, gpu: card }].map((each) =>
        proveWork({ workers, clock }, fresh, freshHash, each, fullPace, silent, never),
      ),
    );
    for (const made of [one!, two!, gpu!]) expect(codeOf(made.proof, freshContext())).toBeNull();
    const [first, second, third] = [one!, two!, gpu!].map(({ proof }) => decodeWorkProof(proof));
    expect(second!.root).toEqual(first!.root);
    expect(third!.root).toEqual(first!.root);
    expect([first!.threads, second!.threads]).toEqual([1, 2]);
    expect([first!.device, third!.device]).toEqual(['cpu', 'gpu']);
    // The card's own time counts, and no more.
    expect(gpu!.busyMs).toBeCloseTo(2, 6);
    expect(first!.root).toEqual(forge(freshHash, init).statement.root);
  });

  it('takes a card at its word only where the processor comes to the same', async () => {
    const faulty: CardMultiplier = {
      multiply: async (seed, { from, count }) => {
        const product = productOf(seed, from + count).slice(from * PRODUCT_ROW_BYTES);
        for (let row = 0; row < count; row += 1)
          product[row * PRODUCT_ROW_BYTES] = (product[row * PRODUCT_ROW_BYTES]! + 1) % 256;
        return { known: true, value: { product, tookMs: 1 } };
      },
    };
    const absent: CardMultiplier = { multiply: async () => ({ known: false, reason: 'There is no card.' }) };
    const init = { rows: 64, openings: 8 };
    const making = (gpu: CardMultiplier): Promise<unknown> =>
      proveWork({ workers, clock }, fresh, freshHash, { ...init, gpu }, fullPace, silent, never);
    await expect(making(faulty)).rejects.toMatchObject({ name: 'WorkError', code: 'PRODUCT_UNSTABLE' });
    await expect(making(absent)).rejects.toMatchObject({
      code: 'GPU_UNAVAILABLE',
      data: { reason: 'There is no card.' },
    });
  });

  it('is not begun for a challenge that has expired, and stops when told to', async () => {
    const old = workChallenge(8, clock.nowMs() - 2 * 86_400_000);
    await expect(
      proveWork({ workers, clock }, old, challengeHashOf(old), { rows: 64 }, fullPace, silent, never),
    ).rejects.toThrow(WorkError);
    const stop = new AbortController();
    const making = proveWork(
      { workers, clock },
      fresh,
      freshHash,
      { rows: 200_000, threads: 2 },
      fullPace,
      (percent) => {
        if (percent > 0) stop.abort(new Error('told to'));
      },
      stop.signal,
    );
    await expect(making).rejects.toThrow('told to');
  });

  it('makes the tree of RFC 6962, as the definition has it', () => {
    for (const rows of [1, 2, 3, 5, 8, 13, 64, 77]) {
      const leaves = leavesOf(new Uint8Array(rows * PRODUCT_ROW_BYTES).map((_, index) => index & 255));
      const levels = [leaves, ...levelsAbove(leaves)];
      const list = Array.from({ length: rows }, (_, row) => Buffer.from(leaves.slice(row * 32, row * 32 + 32)));
      expect(Buffer.from(levels.at(-1)!)).toEqual(Buffer.from(merkleRoot(list)));
      for (let row = 0; row < rows; row += 1)
        expect(pathOf(levels, row).map((hash) => Buffer.from(hash))).toEqual(
          merklePath(list, row).map((hash) => Buffer.from(hash)),
        );
    }
  });
});

describe('what is refused', () => {
  const half = (product: Uint8Array, fill: (row: Uint8Array, at: number) => void): void => {
    const rows = product.length / PRODUCT_ROW_BYTES;
    for (let row = 0; row < rows; row += 2)
      fill(product.subarray(row * PRODUCT_ROW_BYTES, (row + 1) * PRODUCT_ROW_BYTES), row);
  };
  const size = { rows: 128, openings: 32 };

  it('half of the rows left out: zero, repeated, or anything', () => {
    expect(codeOf(forge(challengeHash, size).proof)).toBeNull();
    expect(codeOf(forge(challengeHash, { ...size, product: (all) => half(all, (row) => row.fill(0)) }).proof)).toBe(
      'PRODUCT_WRONG',
    );
    expect(
      codeOf(
        forge(challengeHash, {
          ...size,
          product: (all) =>
            half(all, (row, at) => row.set(all.slice((at + 1) * PRODUCT_ROW_BYTES, (at + 2) * PRODUCT_ROW_BYTES))),
        }).proof,
      ),
    ).toBe('PRODUCT_WRONG');
    expect(
      codeOf(
        forge(challengeHash, {
          ...size,
          product: (all) => half(all, (row) => row.set(row.map((byte, at) => (at % 2 === 0 ? byte + 1 : byte)))),
        }).proof,
      ),
    ).toMatch(/^(PRODUCT_WRONG|NOT_CANONICAL)$/);
  });

  it('one wrong element of a row that is opened', () => {
    // Sixteen rows and thirty-two openings: row 5 is drawn in seven runs out of eight.
    let refused = 0;
    for (let column = 0; column < 8; column += 1) {
      const at = 5 * PRODUCT_ROW_BYTES + column * 64;
      const { proof, statement } = forge(challengeHash, {
        rows: 16,
        openings: 32,
        product: (all) => {
          const view = new DataView(all.buffer);
          view.setUint16(at, (view.getUint16(at, true) + 1) % FIELD, true);
        },
      });
      const drawn = drawRows(statement).includes(5);
      expect(codeOf(proof)).toBe(drawn ? 'PRODUCT_WRONG' : null);
      if (drawn) refused += 1;
    }
    expect(refused).toBeGreaterThan(0);
  });

  it('a product of other matrices, and one of these with its rows in another order', () => {
    expect(codeOf(forge(challengeHash, { ...size, seed: seedOf(new Uint8Array(32)) }).proof)).toBe('PRODUCT_WRONG');
    const reversed = (all: Uint8Array): void => {
      const copy = all.slice();
      for (let row = 0; row < size.rows; row += 1)
        all.set(
          copy.subarray((size.rows - 1 - row) * PRODUCT_ROW_BYTES, (size.rows - row) * PRODUCT_ROW_BYTES),
          row * PRODUCT_ROW_BYTES,
        );
    };
    expect(codeOf(forge(challengeHash, { ...size, product: reversed }).proof)).toBe('PRODUCT_WRONG');
  });

  it('a proof for another challenge, whatever it says', () => {
    const other = workChallenge(9, challenge.issuedAtMs);
    const { proof } = forge(challengeHashOf(other), size);
    expect(codeOf(proof, workContext(other))).toBeNull();
    expect(codeOf(proof)).toBe('CHALLENGE_MISMATCH');
    // The same work with the other challenge written on it draws other rows.
    expect(codeOf(forge(challengeHashOf(other), { ...size, relabelled: challengeHash }).proof)).toBe('PATH_WRONG');
  });

  it('more rows than were committed', () => {
    for (const rows of [129, 256, 65_536])
      expect(codeOf(forge(challengeHash, { ...size, statement: { rows } }).proof)).toBe('PATH_WRONG');
  });

  it('numbers that the field does not have, even where they are right modulo its order', () => {
    let found = 0;
    const { proof } = forge(challengeHash, {
      rows: 512,
      openings: 256,
      product: (all) => {
        const view = new DataView(all.buffer);
        for (let at = 0; at < all.length; at += 2) {
          const entry = view.getUint16(at, true);
          if (entry >= 65_536 - FIELD) continue;
          view.setUint16(at, entry + FIELD, true);
          found += 1;
        }
      },
    });
    expect(found).toBeGreaterThan(10);
    expect(codeOf(proof)).toBe('NOT_CANONICAL');
  });

  it('less work, fewer rows or a lower rate than required', () => {
    const { proof } = forge(challengeHash, size);
    const multiplications = size.rows * MULTIPLICATIONS_PER_ROW;
    expect(codeOf(proof, demand({ multiplicationsMin: multiplications, rowsMin: 32 }))).toBeNull();
    expect(codeOf(proof, demand({ multiplicationsMin: multiplications + 1 }))).toBe('TOO_LITTLE_WORK');
    expect(codeOf(proof, demand({ rowsMin: 33 }))).toBe('TOO_FEW_ROWS');
    expect(codeOf(proof, demand({ multiplicationsPerSecondMin: multiplications * 1000 }))).toBeNull();
    expect(codeOf(proof, demand({ multiplicationsPerSecondMin: multiplications * 1000 + 1 }))).toBe('TOO_SLOW');
  });

  it('a rate that no hardware has', () => {
    const rows = 4000;
    const claim = (busyUs: number): Uint8Array =>
      forge(challengeHash, { rows, openings: 8, statement: { busyUs } }).proof;
    expect(rows * MULTIPLICATIONS_PER_ROW * 1e6).toBeLessThan(1e16);
    expect(codeOf(claim(1))).toBeNull();
    expect(codeOf(forge(challengeHash, { ...size, statement: { rows: 65_536, busyUs: 1 } }).proof)).toBe(
      'RATE_IMPLAUSIBLE',
    );
  });

  it('a time that is longer than there was', () => {
    const { proof } = forge(challengeHash, { ...size, statement: { wallUs: 90_000_000 } });
    expect(codeOf(proof, context({ answeredAfterMs: 90_000 }))).toBeNull();
    expect(codeOf(proof, context({ answeredAfterMs: 89_999 }))).toBe('TIME_IMPOSSIBLE');
    // Not asked by the verifier: one minute of difference between two clocks is allowed.
    expect(codeOf(proof, context({ nowMs: challenge.issuedAtMs + 30_000 }))).toBeNull();
    expect(codeOf(proof, context({ nowMs: challenge.issuedAtMs + 29_999 }))).toBe('TIME_IMPOSSIBLE');
  });

  it('another encoding, other fields and other types', () => {
    const { proof } = forge(challengeHash, { rows: 16, openings: 8 });
    const fields = decodeCbor(proof) as Record<string, unknown>;
    const changed = (change: Record<string, unknown>): string | null => codeOf(encodeCbor({ ...fields, ...change }));
    expect(changed({})).toBeNull();
    for (const change of [
      { v: 0 },
      { kind: 'time' },
      { device: 'tpu' },
      { threads: 0 },
      { threads: 1.5 },
      { rows: 0 },
      { rows: 1_048_577 },
      { rows: '16' },
      { openings: 7 },
      { openings: 9 },
      { busyUs: 0 },
      { busyUs: 2001 },
      { wallUs: -1 },
      { root: new Uint8Array(31) },
      { opened: [] },
      { opened: null },
      { more: 1 },
      {
        opened: (fields['opened'] as unknown[]).map((row) => ({ ...(row as object), path: [] })),
        rows: 1,
        extra: null,
      },
    ])
      expect(changed(change)).toMatch(/^PROOF_(MALFORMED|VERSION)$/);
    expect(changed({ v: 2 })).toBe('PROOF_VERSION');
    const { root: _root, ...without } = fields;
    expect(codeOf(encodeCbor(without))).toBe('PROOF_MALFORMED');
    for (const cut of [0, 1, 100, proof.length - 1]) expect(codeOf(proof.subarray(0, cut))).toBe('PROOF_MALFORMED');
    expect(codeOf(Buffer.concat([proof, Uint8Array.of(0)]))).toBe('PROOF_MALFORMED');
    expect(codeOf(new Uint8Array(512 * 1024 + 1))).toBe('PROOF_TOO_LARGE');
  });
});

describe('the numbers of the format', () => {
  it('are the same in the page that multiplies on a card', () => {
    const at = (path: string): string => readFileSync(resolve(import.meta.dirname, '../../../../..', path), 'utf8');
    const page = at('renderer/gpu/field-product.ts');
    const said = (text: string, name: string): number =>
      Number(new RegExp(`const ${name} = ([\\d_]+);`).exec(text)?.[1]?.replaceAll('_', ''));
    expect(
      ['FIELD', 'INNER', 'COLUMNS', 'LEFT_STREAM', 'RIGHT_STREAM'].map((name) => [name, said(page, name)]),
    ).toEqual(Object.entries({ FIELD, INNER, COLUMNS, LEFT_STREAM, RIGHT_STREAM }));
    expect(said(at('main/desktop/gpu-window.ts'), 'PRODUCT_ROW_BYTES')).toBe(PRODUCT_ROW_BYTES);
  });
});

describe('the verifier', () => {
  it('shares nothing with the generator but the format', () => {
    const room = resolve(import.meta.dirname, '../../../../../main/kernel/proof/work');
    const proofs = resolve(room, '..');
    const seen = new Set<string>();
    const doors: string[] = [];
    const follow = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const [, path] of readFileSync(file, 'utf8').matchAll(/from '(\.[^']+)'/g)) {
        const target = join(dirname(file), path!);
        if (!target.startsWith(proofs)) continue;
        if (target.endsWith('index.ts')) doors.push(`${file}: ${path}`);
        else follow(target);
      }
    };
    follow(join(room, 'verify.ts'));
    // Behind a front door of proofs everything is to be had.
    expect(doors).toEqual([]);
    const inside = [...seen].filter((file) => dirname(file) === room).map((file) => file.slice(room.length + 1));
    expect(inside.toSorted()).toEqual(['errors.ts', 'format.ts', 'verify.ts']);
    expect(readdirSync(room)).toContain('generate-kernel.ts');
  });
});
