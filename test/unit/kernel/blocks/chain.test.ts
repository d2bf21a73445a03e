import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DerivedKeys, merkleHolds } from '../../../../main/base/crypto/index.ts';
import { blockView } from '../../../../preload/contract/index.ts';
import { smallProof, testAsset, testKeys } from '../../../support/chain.ts';
import { canMount, mountTinyDisk } from '../../../support/tiny-disk.ts';
import { type ChainBench, note, openChainBench } from './chain-bench.ts';

let derived: DerivedKeys;
let bench: ChainBench;
beforeAll(async () => {
  derived = testKeys(1);
  bench = await openChainBench(derived);
});
afterAll(() => bench.close());

describe('a chain', () => {
  it('begins once, with a block that names its founder', async () => {
    expect(bench.chain.head()).toMatchObject({ network: null, height: null, blocks: 0, blocked: null });
    const tip = await bench.chain.begin();
    expect(await bench.chain.begin()).toEqual(tip);
    const view = blockView.parse(await bench.chain.block(0));
    expect(view).toMatchObject({
      height: 0,
      previous: null,
      kinds: ['network.genesis'],
      body: 'readable',
      proof: null,
    });
    expect(view.transactionsList![0]!.hash).toBe(view.header.network);
    expect(view.header.network).toBe(Buffer.from(tip.network).toString('hex'));
  });

  it('begins by itself only for an identity that was created here', async () => {
    const other = await openChainBench(derived);
    try {
      other.keys.isCreatedHere = false;
      await expect(other.chain.begin()).rejects.toMatchObject({ code: 'CHAIN_AWAITED' });
      expect(other.chain.head()).toMatchObject({ height: null, awaitsImport: true });
      expect(other.chain.head().blocked).toMatch(/chain import.*chain begin/);
      await other.restart();
      await expect(other.chain.begin()).rejects.toMatchObject({ code: 'CHAIN_AWAITED' });
      const heads: boolean[] = [];
      other.chain.on('headChanged', ({ awaitsImport }) => heads.push(awaitsImport));
      await other.chain.begin({ isNew: true });
      expect(heads).toEqual([false]);
      await other.restart();
      expect(other.chain.head()).toMatchObject({ height: 0, awaitsImport: false, blocked: null });
      expect((await other.append([note(testAsset(1), 'goes on')])).height).toBe(1);
    } finally {
      await other.close();
    }
  });

  it('adds blocks that can be read again, and links the events of each asset', async () => {
    const asset = testAsset(1);
    const opening = new Uint8Array(50_000).fill(7);
    const first = await bench.append(
      [note(asset, 'one'), note(testAsset(2), 'two'), note(asset, 'three')],
      asset,
      opening,
    );
    await bench.append([note(asset, 'four')], asset, opening);
    const view = blockView.parse(await bench.chain.block(1));
    expect(view).toMatchObject({
      hash: first.hash,
      transactions: 3,
      kinds: ['note.written'],
      asset: null,
      body: 'readable',
    });
    expect(view.proof!.passed).toBe(true);
    // What the view tells is enough to compute the root again, whichever leaves there are beside the transactions.
    const updates = view.stateUpdates!.length;
    expect(view.leaves).toBe(3 + updates + 1 + 1);
    const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
    for (const { index, leaf, inclusion } of view.transactionsList!)
      expect(merkleHolds(bytes(leaf), index, view.leaves!, inclusion.map(bytes), bytes(view.header.merkleRoot))).toBe(
        true,
      );
    const events = await bench.chain.asset(asset);
    expect(events.map(({ sequence, height }) => [sequence, height])).toEqual([
      [0, 1],
      [1, 1],
      [2, 2],
    ]);
    expect(events.map(({ previous }) => previous)).toEqual([null, events[0]!.hash, events[1]!.hash]);
    // The opening is on the chain once, however many proofs refer to it.
    expect(view.sealed!.bytes - (await bench.chain.block(2)).sealed!.bytes).toBeGreaterThan(0);
    expect(await bench.verified()).toMatchObject({
      holds: true,
      problems: [],
      blocks: 3,
      headersOnly: 0,
      transactions: 5,
      proofs: 2,
    });
  });
});

describe('what is refused', () => {
  it('leaves the chain as it was', async () => {
    const before = bench.chain.head();
    const asset = testAsset(1);
    const stale = smallProof(bench.outside, bench.keys, bench.chain.tip()!, asset);
    await bench.append([note(asset, 'meanwhile')]);
    await expect(bench.chain.append([note(asset, 'late')], stale.proof, stale.attachments)).rejects.toMatchObject({
      code: 'TIP_MOVED',
    });
    await expect(bench.append([note(asset, '')])).rejects.toMatchObject({
      code: 'TRANSACTION_REFUSED',
      data: { refusal: 'TEXT_EMPTY' },
    });
    await expect(bench.append([{ kind: 'nobody.knows', asset, data: {} }])).rejects.toMatchObject({
      data: { refusal: 'KIND_UNKNOWN' },
    });
    const forged = smallProof(bench.outside, bench.keys, bench.chain.tip()!, asset);
    forged.proof.work = new Uint8Array([0xa0]);
    await expect(bench.chain.append([note(asset, 'x')], forged.proof, forged.attachments)).rejects.toMatchObject({
      code: 'PROOF_REFUSED',
    });
    expect(bench.chain.head().blocks).toBe(before.blocks + 1);
    await expect(bench.chain.block(99)).rejects.toMatchObject({ code: 'BLOCK_UNKNOWN' });
    await expect(bench.chain.asset(testAsset(99))).rejects.toMatchObject({ code: 'ASSET_UNKNOWN' });
    expect(await bench.verified()).toMatchObject({ holds: true });
  });

  it('is everything but headers while the keys are locked', async () => {
    const heard: (string | null)[] = [];
    const stop = bench.chain.on('headChanged', ({ blocked }) => heard.push(blocked));
    const locked = smallProof(bench.outside, bench.keys, bench.chain.tip()!, testAsset(1));
    bench.keys.locked = true;
    try {
      expect(await bench.chain.block(1)).toMatchObject({
        body: 'sealed',
        transactions: null,
        kinds: [],
        transactionsList: null,
        canonicalBytes: null,
      });
      expect((await bench.chain.list(undefined, 10)).every(({ body }) => body === 'sealed')).toBe(true);
      await expect(bench.chain.append([note(null, 'x')], locked.proof, locked.attachments)).rejects.toMatchObject({
        code: 'IDENTITY_LOCKED',
      });
      await expect(bench.chain.begin()).rejects.toMatchObject({ code: 'IDENTITY_LOCKED' });
      const found = await bench.verified();
      expect(found).toMatchObject({ holds: true, headersOnly: found.blocks, transactions: 0 });
      expect(found.notes.join()).toContain('locked');
    } finally {
      bench.keys.locked = false;
      stop();
    }
    expect(heard).toEqual(['The keys are locked; unlock them.', null]);
  });
});

it('makes several blocks in a row whatever order they come in, and refuses more than it can hold', async () => {
  const tip = bench.chain.tip()!;
  const proofs = Array.from({ length: 40 }, () => smallProof(bench.outside, bench.keys, tip, testAsset(1)));
  const results = await Promise.allSettled(
    proofs.map(({ proof, attachments }) => bench.chain.append([note(null, 'one of many')], proof, attachments)),
  );
  const codes = results.map((result) =>
    result.status === 'fulfilled' ? 'stored' : (result.reason as { code: string }).code,
  );
  // One follows the tip; all others were begun at a block that is the newest no more, or did not get in at all.
  expect(codes.filter((code) => code === 'stored')).toHaveLength(1);
  expect(codes.filter((code) => code === 'TOO_MANY_APPENDS')).toHaveLength(8);
  expect(codes.filter((code) => code === 'TIP_MOVED')).toHaveLength(31);
});

it('goes on 1 ms after the newest block when the clock is a little behind, and waits when it is far behind', async () => {
  let nowMs = Date.now();
  const outside = { ...bench.outside, clock: { ...bench.outside.clock, nowMs: () => nowMs } };
  const other = await openChainBench(derived, { outside, workers: bench.workers });
  try {
    await other.chain.begin();
    const beginMs = nowMs;
    nowMs -= 1500;
    expect((await other.append([note(null, 'behind')])).timeMs).toBe(beginMs + 1);
    nowMs -= 60_000;
    await expect(other.append([note(null, 'far behind')])).rejects.toMatchObject({ code: 'CLOCK_BEFORE_HEAD' });
    nowMs = beginMs + 5000;
    expect((await other.append([note(null, 'right again')])).timeMs).toBe(nowMs);
    // Whoever looks from far before takes none of it.
    nowMs = beginMs - 10 * 60_000;
    expect((await other.verified()).problems.map(({ code }) => code)).toEqual([
      'FROM_THE_FUTURE',
      'FROM_THE_FUTURE',
      'FROM_THE_FUTURE',
    ]);
  } finally {
    await other.close();
  }
});

it('finds what was changed in the database', async () => {
  const other = await openChainBench(derived, { workers: bench.workers });
  try {
    await other.grow(4);
    await other.store.run('test.damage', "UPDATE ledger_state SET value = x'01' WHERE key LIKE 'note/%'");
    await other.restart();
    expect(other.chain.head().blocked).toContain('not the one that the newest block names');
    await expect(other.append([note(null, 'x')])).rejects.toMatchObject({ code: 'STATE_DAMAGED' });
    await other.store.run(
      'test.damage',
      'UPDATE blocks SET sealed = (SELECT sealed FROM blocks WHERE height = 2) WHERE height = 3',
    );
    const found = await other.verified();
    expect(found.holds).toBe(false);
    expect(found.problems.map(({ height }) => height)).toContain(3);
  } finally {
    await other.close();
  }
});

it('lets one of two writers on one database go on, and tells the other', async () => {
  const one = await openChainBench(derived, { workers: bench.workers });
  const two = await openChainBench(derived, { workers: bench.workers, folder: one.folder });
  try {
    await one.grow(1);
    await expect(two.chain.begin()).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(two.chain.head().blocks).toBe(0);
    await two.restart();
    await two.append([note(null, 'two')]);
    await expect(one.append([note(null, 'one')])).rejects.toMatchObject({ code: 'CONFLICT' });
    await one.restart();
    expect(await one.verified()).toMatchObject({ holds: true, blocks: 3 });
  } finally {
    await two.close();
    await one.close();
  }
});

it.runIf(canMount)(
  'loses nothing when the disk is full in the middle, and goes on when there is room again',
  async () => {
    const disk = mountTinyDisk(2 * 1024 * 1024)!;
    const other = await openChainBench(derived, { workers: bench.workers, folder: disk.path });
    try {
      await other.grow(1);
      const filler = join(disk.path, 'filler');
      writeFileSync(filler, new Uint8Array(1_200_000));
      let full: unknown = null;
      for (let i = 0; i < 60 && full === null; i++)
        await other
          .append([note(null, `fill ${i}`)], testAsset(1), bench.outside.random.bytes(20_000))
          .catch((error: unknown) => {
            full = error;
          });
      expect(full).toMatchObject({ name: 'StoreError', code: 'DISK_FULL' });
      const { blocks } = other.chain.head();
      expect(await other.verified()).toMatchObject({ holds: true, blocks });
      rmSync(filler);
      await other.append([note(testAsset(1), 'room again')]);
      await other.restart();
      expect(await other.verified()).toMatchObject({ holds: true, blocks: blocks + 1 });
    } finally {
      await other.close();
      disk.remove();
    }
  },
);
