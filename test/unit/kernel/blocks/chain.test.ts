import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DerivedKeys } from '../../../../main/base/crypto/index.ts';
import { blockView } from '../../../../preload/contract/index.ts';
import { testAsset, testKeys } from '../../../support/chain.ts';
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
    expect(view.header.difficulty).toBe('1234');
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
