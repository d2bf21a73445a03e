import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectAll, type LedgerProcess, startLedgerProcess, until } from '../support/ledger/ledger-processes.ts';
import { RICH } from '../support/ledger/ledger-node.ts';

// Four validators in processes of their own, over QUIC on loopback, with real signatures and SQLite; one of them lies.

const VALIDATORS = 4;
const folder = mkdtempSync(join(tmpdir(), 'network-ledger-'));
let nodes: LedgerProcess[] = [];
const start = (number: number): Promise<LedgerProcess> =>
  startLedgerProcess({ number, validators: VALIDATORS, folder, lyingTo: number === 3 ? 0 : null });
const status = (node: LedgerProcess) => node.call('status', null);
const honest = (): LedgerProcess[] => nodes.slice(0, 3);

beforeAll(async () => {
  nodes = await Promise.all(Array.from({ length: VALIDATORS }, (_, number) => start(number)));
  await connectAll(nodes);
  await until('all see each other', async () =>
    (await Promise.all(nodes.map(status))).every(({ peers }) => peers === VALIDATORS - 1),
  );
}, 120_000);
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  rmSync(folder, { recursive: true, force: true });
});

describe('four validators in processes of their own', () => {
  test('a transfer becomes final at all of them, and who voted twice loses its place', async () => {
    expect(await nodes[0]!.call('transfer', { account: 0, to: 1, amount: 500, nonce: 0 })).toBeGreaterThanOrEqual(1);
    await until('the liar is found out', async () => {
      await nodes[1]!.call('transfer', { account: 2, to: 1, amount: 1, nonce: await next(2) });
      return (await Promise.all(honest().map(status))).every(({ validators }) => validators === 3);
    });
    for (const node of honest()) {
      expect(await node.call('balance', 0)).toBe(RICH - 500 - 1_000);
      expect(await status(node)).toMatchObject({ validators: 3, isValidator: true, halted: null });
    }
  }, 120_000);

  test('one is killed and comes back with what it had; until then nothing is final, as two of three are too few', async () => {
    await until('all are as far', async () => {
      const heights = (await Promise.all(honest().map(status))).map(({ height }) => height);
      return new Set(heights).size === 1;
    });
    const { height } = await status(nodes[0]!);
    nodes[1]!.signal('SIGKILL');
    await nodes[1]!.stop();
    // Two of three do not make more than two thirds: nothing is final until it is back.
    const waiting = nodes[0]!.call('transfer', { account: 0, to: 3, amount: 7, nonce: 1 });
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect((await status(nodes[0]!)).height).toBe(height);
    nodes[1] = await start(1);
    expect((await status(nodes[1])).height).toBe(height);
    await connectAll([nodes[1]], honest());
    expect(await waiting).toBeGreaterThan(height);
    await until('all three have it', async () =>
      (await Promise.all(honest().map((node) => node.call('balance', 3)))).every((balance) => balance === RICH + 7),
    );
  }, 120_000);

  test('a late one follows by blocks and sees what the others see', async () => {
    const late = await startLedgerProcess({ number: 9, validators: VALIDATORS, folder });
    nodes.push(late);
    await connectAll([late], honest());
    const { height, hash } = await status(nodes[0]!);
    await until('it caught up', async () => (await status(late)).height >= height);
    expect(await status(late)).toMatchObject({ hash, isValidator: false });
    expect(await late.call('balance', 3)).toBe(RICH + 7);
  }, 120_000);
});

const nonces = new Map<number, number>();
const next = (account: number): Promise<number> => {
  const nonce = nonces.get(account) ?? 0;
  nonces.set(account, nonce + 1);
  return Promise.resolve(nonce);
};
