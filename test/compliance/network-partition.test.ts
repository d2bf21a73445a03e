import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RICH } from '../support/ledger/ledger-node.ts';
import { connectAll, type LedgerProcess, startLedgerProcess, until } from '../support/ledger/ledger-processes.ts';
import { createTestNetwork, netnsMissing, type TestNetwork } from '../support/netns.ts';

// Four validators in processes and network name spaces of their own, over QUIC, with real signatures and SQLite; cables are pulled.

const VALIDATORS = 4;
const status = (node: LedgerProcess) => node.call('status', null);

describe.skipIf(netnsMissing !== null)(`four validators (${netnsMissing ?? 'in name spaces'})`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'network-partition-'));
  let network: TestNetwork;
  let hosts: string[] = [];
  let nodes: LedgerProcess[] = [];
  const balances = (account: number): Promise<number[]> =>
    Promise.all(nodes.map((node) => node.call('balance', account)));
  const cutOff = (who: readonly number[]): void => {
    for (const one of who)
      for (const [other, address] of hosts.entries())
        if (!who.includes(other)) network.cut(hosts[one]!, address, 'all');
  };

  beforeAll(async () => {
    network = createTestNetwork();
    hosts = Array.from({ length: VALIDATORS }, (_, number) => network.host(`v${number}`, { families: [4] }).v4!);
    nodes = await Promise.all(
      hosts.map((address, number) =>
        startLedgerProcess({
          number,
          validators: VALIDATORS,
          folder,
          space: { namespace: network.namespaceOf(`v${number}`), listen: `/ip4/${address}/udp/4433/quic-v1` },
        }),
      ),
    );
    await connectAll(nodes);
    await until('all see each other', async () =>
      (await Promise.all(nodes.map(status))).every(({ peers }) => peers === VALIDATORS - 1),
    );
  }, 240_000);
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await network.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('money that is spent at two of them at once is spent once, and everywhere in the same way', async () => {
    const spend = (node: number, to: number) =>
      nodes[node]!.call('transfer', { account: 0, to, amount: 500, nonce: 0 }).then(
        () => 'final',
        () => 'refused',
      );
    const ends = await Promise.all([spend(0, 1), spend(1, 2)]);
    expect(ends.toSorted()).toEqual(['final', 'refused']);
    await until('all have it', async () => (await balances(0)).every((balance) => balance === RICH - 500 - 1_000));
    const [one, two] = [await balances(1), await balances(2)];
    expect(new Set(one).size + new Set(two).size).toBe(2);
    expect(one[0]! + two[0]!).toBe(2 * RICH + 500);
  }, 120_000);

  test('one that is cut off goes no further, the others do, and it catches up when the cable is back', async () => {
    cutOff([3]);
    const before = await status(nodes[3]!);
    for (let nonce = 1; nonce < 4; nonce++)
      expect(await nodes[0]!.call('transfer', { account: 0, to: 1, amount: 1, nonce })).toBeGreaterThan(0);
    const { height } = await status(nodes[0]!);
    expect(height).toBeGreaterThan(before.height);
    expect(await status(nodes[3]!)).toMatchObject({ height: before.height, hash: before.hash, halted: null });
    network.mend();
    await connectAll([nodes[3]!], nodes);
    await until('it caught up', async () => (await status(nodes[3]!)).height >= height);
    await until('all have one state', async () => new Set(await balances(0)).size === 1);
    expect((await status(nodes[3]!)).validators).toBe(VALIDATORS);
  }, 120_000);

  test('two halves agree on nothing, and on one block once they meet', async () => {
    const { height } = await status(nodes[0]!);
    cutOff([0, 1]);
    const waiting = nodes[2]!.call('transfer', { account: 2, to: 3, amount: 9, nonce: 0 });
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    for (const node of nodes) expect((await status(node)).height).toBe(height);
    network.mend();
    await connectAll(nodes);
    expect(await waiting).toBeGreaterThan(height);
    await until('all have it', async () => (await balances(3)).every((balance) => balance === RICH + 9));
    expect(
      (await Promise.all(nodes.map(status))).every(({ halted, evidence }) => halted === null && evidence === 0),
    ).toBe(true);
  }, 120_000);
});
