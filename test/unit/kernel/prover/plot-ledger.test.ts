import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemOutside, encodeCbor, sha256, type WorkerPool } from '../../../../main/base/index.ts';
import { keyIdText } from '../../../../main/base/crypto/index.ts';
import type { LedgerState, SignedTransaction } from '../../../../main/kernel/blocks/index.ts';
import { createPlots, verifyOpening } from '../../../../main/kernel/proof/space/index.ts';
import {
  createPlotKeeper,
  createPlotLedger,
  decodePlotState,
  plotStateOf,
} from '../../../../main/kernel/prover/index.ts';
import { createProofWorkers, freePace } from '../../../support/proof.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';

const owner = new Uint8Array(32).fill(1);
const stranger = new Uint8Array(32).fill(2);
const never = new AbortController().signal;
/** As the plots of this test are. */
const required = { windowLabelsMin: 2 ** 10, openingsMin: 8 };
const ledger = createPlotLedger({ checkOpening: verifyOpening }, { required });
const stateOf = (entries: [string, Uint8Array][] = []): LedgerState => {
  const map = new Map(entries);
  return { get: (key) => map.get(key), entries: () => map };
};
const transactionOf = (kind: string, data: unknown, signer = owner, asset: null | 'x' = null): SignedTransaction => {
  const transaction = { version: 1, network: owner, kind, asset, previous: null, atMs: 1, data };
  const encoded = encodeCbor(transaction);
  return {
    hash: sha256(encoded),
    encoded,
    transaction: transaction as unknown as SignedTransaction['transaction'],
    signer: keyIdText(signer),
    signerBytes: signer,
  };
};
const codeOf = (transaction: SignedTransaction, state = stateOf()): string => {
  const verdict = ledger.check(transaction, state);
  return verdict.accepted ? 'accepted' : verdict.code;
};

let workers: WorkerPool;
let folder: string;
let root: Uint8Array;
let opening: Uint8Array;
/** What the keeper said on the way. */
const sizes: number[] = [];
const windowBytes = 2 ** 10 * 32;
beforeAll(async () => {
  workers = createProofWorkers(1);
  folder = await mkdtemp(join(tmpdir(), 'hypermesh-plots-'));
  const logger = createSilentLogger();
  const plots = createPlots(
    { outside: createSystemOutside(), logger, workers, metrics: null },
    { folder, windowLabels: 2 ** 10, layers: 8, openings: 8, answers: 8, reserveBytes: 0 },
  );
  await plots.open();
  const keeper = createPlotKeeper({ logger, plots }, { windowLabels: 2 ** 10 });
  sizes.push(keeper.fitting(windowBytes - 1), keeper.fitting(3.5 * windowBytes));
  await keeper.grow(2 * windowBytes, owner, freePace, () => undefined, never);
  await keeper.grow(windowBytes, stranger, freePace, () => undefined, never);
  sizes.push(keeper.plottedBytes());
  await keeper.keepOnly(owner);
  sizes.push(keeper.plottedBytes(), keeper.usableBytes(owner), keeper.usableBytes(stranger));
  const [plot] = await keeper.plots(owner);
  if (plot === undefined) throw new Error('nothing was plotted');
  ({ root, opening } = plot);
  // Without a pace nothing is plotted: what is too much is deleted as a whole.
  await keeper.shrink(windowBytes);
  sizes.push(keeper.plottedBytes());
  await plots.close();
}, 60_000);
afterAll(async () => {
  await workers.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the keeper of plots', () => {
  it('plots whole windows, keeps to one owner, and deletes without a pace', () => {
    expect(sizes.map((bytes) => bytes / windowBytes)).toEqual([0, 3, 3, 2, 2, 0, 0]);
  });
});

describe('plots on the ledger', () => {
  it('are registered with an opening that holds, and removed by their owner', () => {
    const registration = transactionOf('plot.registered', { opening });
    expect(codeOf(registration)).toBe('accepted');
    const [update] = ledger.apply(registration, stateOf(), { height: 3, timeMs: 1 });
    expect(update?.key).toBe(plotStateOf(root));
    const value = update?.value as Uint8Array;
    expect(decodePlotState(value)).toMatchObject({ bytes: 2 ** 16, windows: 2, layers: 8, registeredAt: 3 });
    const state = stateOf([[plotStateOf(root), value]]);
    expect(codeOf(registration, state)).toBe('PLOT_REGISTERED');
    expect(codeOf(transactionOf('plot.removed', { root }, stranger), state)).toBe('OWNER_MISMATCH');
    const removal = transactionOf('plot.removed', { root });
    expect(codeOf(removal, state)).toBe('accepted');
    expect(ledger.apply(removal, state, { height: 4, timeMs: 2 })).toEqual([{ key: plotStateOf(root), value: null }]);
    expect(codeOf(removal)).toBe('PLOT_UNKNOWN');
  });
  it('are refused for a stranger, for an asset, and with anything but their field', () => {
    expect(codeOf(transactionOf('plot.registered', { opening }, stranger))).toBe('OWNER_MISMATCH');
    expect(codeOf(transactionOf('plot.registered', { opening }, owner, 'x'))).toBe('TRANSACTION_MALFORMED');
    for (const data of [null, {}, [], { opening: 'x' }, { opening, more: 1 }])
      expect(codeOf(transactionOf('plot.registered', data))).toBe('TRANSACTION_MALFORMED');
    for (const data of [null, {}, { root: new Uint8Array(31) }, { root, more: 1 }])
      expect(codeOf(transactionOf('plot.removed', data))).toBe('TRANSACTION_MALFORMED');
  });
  it('are held to what a thread has found of them, which is what they find themselves', async () => {
    for (const each of [opening, opening.subarray(1)]) {
      const transaction = transactionOf('plot.registered', { opening: each });
      const asked = ledger.factTask!(transaction)!;
      const fact = await workers.run(asked.task, asked.input);
      expect(ledger.check(transaction, stateOf(), undefined, fact)).toEqual(ledger.check(transaction, stateOf()));
    }
    // The main thread does nothing of it again: a module that was handed a fact checks no opening.
    const handed = createPlotLedger({ checkOpening: () => expect.fail('checked here') }, { required });
    const transaction = transactionOf('plot.registered', { opening });
    const { task, input } = handed.factTask!(transaction)!;
    const fact = await workers.run(task, input);
    expect(handed.check(transaction, stateOf(), undefined, fact)).toEqual({ accepted: true });
    const place = { height: 3, timeMs: 1 };
    expect(handed.apply(transaction, stateOf(), place, fact)).toEqual(ledger.apply(transaction, stateOf(), place));
    for (const data of [null, { opening: 1 }, { root }]) {
      expect(handed.factTask!(transactionOf('plot.registered', data))).toBeNull();
      expect(handed.factTask!(transactionOf('plot.removed', data))).toBeNull();
    }
  });
  it('are refused with fewer columns or smaller windows than are required', () => {
    // One column of windows of 128 labels: a hundredth of such a plot is computed in a moment, and so would all of it count.
    const wanted = [
      { ...required, openingsMin: 9 },
      { ...required, windowLabelsMin: 2 ** 11 },
    ];
    for (const ledgerOf of [
      ...wanted.map((more) => createPlotLedger({ checkOpening: verifyOpening }, { required: more })),
      createPlotLedger({ checkOpening: verifyOpening }),
    ])
      expect(ledgerOf.check(transactionOf('plot.registered', { opening }), stateOf())).toMatchObject({
        accepted: false,
        code: 'OPENING_INVALID',
      });
  });
  it('are refused with any byte of the opening changed', () => {
    for (let place = 0; place < opening.length; place += Math.ceil(opening.length / 200)) {
      const changed = Uint8Array.from(opening);
      changed[place] = (changed[place] as number) ^ 1;
      expect(codeOf(transactionOf('plot.registered', { opening: changed })), `byte ${place}`).toBe('OPENING_INVALID');
    }
  });
});
