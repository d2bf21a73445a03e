import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DerivedKeys } from '../../../../main/base/crypto/index.ts';
import { type FileVerification, verifyChainFile } from '../../../../main/kernel/blocks/index.ts';
import { ChainFileWriter, type FileHead, openChainFile } from '../../../../main/kernel/blocks/format/block-file.ts';
import type { CheckItem } from '../../../../main/kernel/blocks/task-types.ts';
import { noteModule, smallVerifier, testAsset, testKeys } from '../../../support/chain.ts';
import { type ChainBench, note, openChainBench } from './chain-bench.ts';

let derived: DerivedKeys;
let bench: ChainBench;
let files: string;
beforeAll(async () => {
  derived = testKeys(1);
  bench = await openChainBench(derived);
  files = mkdtempSync(join(tmpdir(), 'hypermesh-files-'));
  await bench.grow(9);
  await bench.append([note(testAsset(1), 'with an opening')], testAsset(1), new Uint8Array(20_000).fill(5));
});
afterAll(async () => {
  await bench.close();
  rmSync(files, { recursive: true, force: true });
});

const path = (name: string): string => join(files, name);
/** As a stranger does it: a file and nothing else. */
const check = (name: string): Promise<FileVerification> =>
  verifyChainFile(
    { clock: bench.outside.clock, workers: bench.workers, modules: [noteModule], verifyProof: smallVerifier },
    path(name),
  );
/** The same identity in an empty data folder. */
const restored = (fill?: DerivedKeys): Promise<ChainBench> =>
  openChainBench(fill ?? derived, { workers: bench.workers });

describe('an exported chain', () => {
  it('is whole for a stranger without any keys', async () => {
    const { sizeBytes, blocks } = await bench.chain.export({ from: 0, readable: true }, path('whole'));
    expect([blocks, sizeBytes]).toEqual([11, readFileSync(path('whole')).length]);
    const found = await check('whole');
    expect(found).toMatchObject({
      holds: true,
      problems: [],
      blocks: 11,
      headersOnly: 0,
      transactions: 11,
      proofs: 10,
    });
    expect(found.notes[0]).toContain(`founded by ${bench.keys.node()!.signer.keyId}`);
  });

  it('shows headers only when it is sealed', async () => {
    await bench.chain.export({ from: 0, readable: false }, path('sealed'));
    const found = await check('sealed');
    expect(found).toMatchObject({ holds: true, blocks: 11, headersOnly: 11, transactions: 0, proofs: 0 });
    // Anyone can sign headers of this network: the key is all that tells whose they are.
    expect(found.notes[0]).toContain(`signed by ${bench.keys.node()!.signer.keyId}`);
  });

  it('can be a part, with the state that it begins with', async () => {
    await bench.chain.export({ from: 4, to: 8, readable: true }, path('part'));
    expect(await check('part')).toMatchObject({ holds: true, blocks: 6, headersOnly: 1, transactions: 5, proofs: 5 });
  });

  it('never replaces a file, and takes no range that is not there', async () => {
    writeFileSync(path('mine'), 'mine');
    await expect(bench.chain.export({ from: 0, readable: true }, path('mine'))).rejects.toMatchObject({
      code: 'EXPORT_NOT_WRITTEN',
    });
    expect(readFileSync(path('mine'), 'utf8')).toBe('mine');
    for (const range of [{ from: 5, to: 4 }, { from: 0, to: 99 }, { from: 99 }])
      await expect(bench.chain.export({ ...range, readable: true }, path('none'))).rejects.toMatchObject({
        code: 'RANGE_INVALID',
      });
  });

  it('is refused with the height when it was cut short or changed', async () => {
    const whole = readFileSync(path('whole'));
    for (let i = 1; i < 24; i++) {
      writeFileSync(path('cut'), whole.subarray(0, Math.floor((whole.length * i) / 24)));
      await expect(check('cut')).rejects.toMatchObject({ code: 'CHAIN_FILE_UNREADABLE' });
    }
    writeFileSync(path('cut'), whole.subarray(0, whole.length - 500));
    await expect(check('cut')).rejects.toMatchObject({ data: { height: 10 } });
    writeFileSync(path('more'), Buffer.concat([whole, Buffer.from([0])]));
    await expect(check('more')).rejects.toMatchObject({ code: 'CHAIN_FILE_UNREADABLE' });
    for (let i = 0; i < 60; i++) {
      const changed = Buffer.from(whole);
      const place = Math.floor((whole.length * (i + 0.5)) / 60);
      changed[place]! ^= 1 << (i % 8);
      writeFileSync(path('changed'), changed);
      await expect(check('changed')).rejects.toMatchObject({ code: 'CHAIN_FILE_UNREADABLE' });
    }
  });
});

/** A file with a head and blocks of our choice, and every digest as it must be. */
const write = async (name: string, head: Partial<FileHead>, blocks: readonly CheckItem[]): Promise<void> => {
  const file = await open(path(name), 'w');
  const { network } = bench.chain.tip()!;
  const writer = await ChainFileWriter.begin(file, {
    network,
    from: 0,
    to: blocks.length - 1,
    readable: true,
    base: null,
    ...head,
  });
  for (const block of blocks) await writer.block(block);
  await writer.end();
  await file.close();
};
/** All blocks of an exported file, each with its key. */
const blocksOf = async (name: string): Promise<CheckItem[]> => {
  const file = await openChainFile(path(name));
  try {
    const found: CheckItem[] = [];
    for await (const { header, sealed, contentKey } of file.blocks()) found.push({ header, sealed, contentKey });
    return found;
  } finally {
    await file.close();
  }
};
const bare = ({ header }: CheckItem): CheckItem => ({ header, sealed: null, contentKey: null });
const keyless = (block: CheckItem): CheckItem => ({ ...block, contentKey: null });

describe('a file that says which bodies it holds', () => {
  type Make = (all: CheckItem[]) => [Partial<FileHead>, CheckItem[]];
  let three: CheckItem[];
  beforeAll(async () => {
    await bench.chain.export({ from: 0, to: 2, readable: true }, path('three'));
    three = await blocksOf('three');
  });

  it.each<[string, Make]>([
    ['has all bodies from the beginning', (all) => [{}, all]],
    ['has none of them', (all) => [{}, all.map(bare)]],
    ['has none, from the middle', (all) => [{ from: 1, to: 2 }, all.slice(1).map(bare)]],
    ['is sealed', (all) => [{ readable: false }, all.map(keyless)]],
    ['is sealed and pruned', (all) => [{ readable: false }, [bare(all[0]!), ...all.slice(1).map(keyless)]]],
  ])('holds where it %s', async (_what, make) => {
    await write('says', ...make(three));
    expect(await check('says')).toMatchObject({ holds: true, problems: [] });
  });

  it.each<[string, number, Make]>([
    ['begins with a body and no state before it', 1, (all) => [{ from: 1, to: 2 }, all.slice(1)]],
    ['leaves the first body out', 1, (all) => [{}, [bare(all[0]!), all[1]!, all[2]!]]],
    ['leaves one body out', 1, (all) => [{}, [all[0]!, bare(all[1]!), all[2]!]]],
    ['leaves one key out', 1, (all) => [{}, [all[0]!, keyless(all[1]!), all[2]!]]],
    ['leaves every key out', 0, (all) => [{}, all.map(keyless)]],
    ['has a key and no body', 0, (all) => [{}, all.map((block) => ({ ...block, sealed: null }))]],
    ['is sealed and has keys', 0, (all) => [{ readable: false }, all]],
    ['is sealed and has one key', 2, (all) => [{ readable: false }, [...all.slice(0, 2).map(keyless), all[2]!]]],
  ])('is refused where it %s, at height %i', async (_what, height, make) => {
    await write('says', ...make(three));
    await expect(check('says')).rejects.toMatchObject({ code: 'CHAIN_FILE_UNREADABLE', data: { height } });
  });

  it('is refused where bodies stand up to its base, are missing after it, or it is sealed with one', async () => {
    await bench.chain.export({ from: 2, to: 4, readable: true }, path('based'));
    await bench.chain.export({ from: 0, to: 4, readable: true }, path('five'));
    const whole = await blocksOf('five');
    const { head, state, attachments, close } = await openChainFile(path('based'));
    await close();
    const based = async (readable: boolean, blocks: readonly CheckItem[]): Promise<void> => {
      const file = await open(path('says'), 'w');
      const writer = await ChainFileWriter.begin(file, { ...head, readable });
      await writer.state(state);
      for (const data of attachments) await writer.attachment(data);
      for (const block of blocks) await writer.block(block);
      await writer.end();
      await file.close();
    };
    const [one, two, third, four] = whole.slice(1, 5) as [CheckItem, CheckItem, CheckItem, CheckItem];
    await based(true, [bare(one), two, third, four]);
    expect(await check('says')).toMatchObject({ holds: true, problems: [], headersOnly: 1 });
    const unreadable = { code: 'CHAIN_FILE_UNREADABLE' };
    for (const blocks of [
      [one, two, third, four],
      [keyless(one), two, third, four],
      [bare(one), two, bare(third), four],
      [bare(one), two, third, keyless(four)],
    ]) {
      await based(true, blocks);
      await expect(check('says')).rejects.toMatchObject(unreadable);
    }
    await based(false, [bare(one), keyless(two), keyless(third), keyless(four)]);
    await expect(check('says')).rejects.toMatchObject(unreadable);
  });

  it('is not imported otherwise either', async () => {
    const other = await restored();
    try {
      await write('says', {}, [bare(three[0]!), ...three.slice(1)]);
      await expect(other.chain.import(path('says'))).rejects.toMatchObject({ code: 'CHAIN_FILE_UNREADABLE' });
      expect(other.chain.head()).toMatchObject({ blocks: 0 });
    } finally {
      await other.close();
    }
  });
});

describe('importing', () => {
  it.each(['whole', 'sealed'])('brings a %s chain back into an empty folder of the same identity', async (name) => {
    const other = await restored();
    try {
      expect(await other.chain.import(path(name))).toMatchObject({ ...bench.chain.head() });
      expect(await other.verified()).toMatchObject({ holds: true, problems: [], blocks: 11, headersOnly: 0 });
      expect(await other.chain.asset(testAsset(1))).toEqual(await bench.chain.asset(testAsset(1)));
      expect(await other.chain.block(10)).toEqual(await bench.chain.block(10));
      // It goes on from there, also after a restart.
      await other.restart();
      await other.append([note(testAsset(1), 'goes on')]);
      expect(await other.verified()).toMatchObject({ holds: true, blocks: 12 });
      // A second time nothing is new.
      expect((await other.chain.import(path(name))).height).toBe(11);
    } finally {
      await other.close();
    }
  });

  it('lets a chain that has only begun give way, and no other', async () => {
    const other = await restored();
    try {
      await other.chain.begin();
      expect((await other.chain.import(path('whole'))).hash).toBe(bench.chain.head().hash);
      expect(await other.verified()).toMatchObject({ holds: true, blocks: 11 });
    } finally {
      await other.close();
    }
    const third = await restored();
    try {
      await third.grow(1);
      const before = third.chain.head();
      await expect(third.chain.import(path('whole'))).rejects.toMatchObject({ code: 'CHAIN_OF_ANOTHER_NETWORK' });
      expect(third.chain.head()).toEqual(before);
    } finally {
      await third.close();
    }
  });

  it('takes over what is missing, in parts', async () => {
    const other = await restored();
    try {
      await bench.chain.export({ from: 0, to: 5, readable: true }, path('first'));
      await bench.chain.export({ from: 3, readable: true }, path('second'));
      await bench.chain.export({ from: 8, readable: false }, path('late'));
      await other.chain.import(path('first'));
      await expect(other.chain.import(path('late'))).rejects.toMatchObject({ code: 'CHAIN_DIVERGES' });
      expect(await other.chain.import(path('second'))).toEqual(bench.chain.head());
      expect(await other.verified()).toMatchObject({ holds: true, blocks: 11 });
    } finally {
      await other.close();
    }
  });

  it('refuses another identity, none, damaged files, and leaves everything as it was', async () => {
    const stranger = await restored(testKeys(2));
    try {
      await expect(stranger.chain.import(path('whole'))).rejects.toMatchObject({ code: 'CHAIN_INVALID' });
      await expect(stranger.chain.import(path('mine'))).rejects.toMatchObject({ code: 'CHAIN_FILE_UNREADABLE' });
      await expect(stranger.chain.import(path('nowhere'))).rejects.toMatchObject({ code: 'CHAIN_FILE_UNREADABLE' });
      stranger.keys.locked = true;
      await expect(stranger.chain.import(path('whole'))).rejects.toMatchObject({ code: 'IDENTITY_LOCKED' });
      expect(stranger.chain.head()).toMatchObject({ blocks: 0, storedBytes: 0 });
    } finally {
      await stranger.close();
    }
    const own = await restored();
    try {
      await expect(own.chain.import(path('cut'))).rejects.toMatchObject({ code: 'CHAIN_FILE_UNREADABLE' });
      await own.restart();
      expect(own.chain.head()).toMatchObject({ blocks: 0, storedBytes: 0, assets: 0 });
    } finally {
      await own.close();
    }
  });

  it('refuses a chain that parts from ours', async () => {
    const [one, other] = [await restored(), await restored()];
    try {
      await one.chain.import(path('first'));
      await other.chain.import(path('first'));
      await one.append([note(testAsset(1), 'one way')]);
      await other.append([note(testAsset(1), 'another way')]);
      await one.append([note(testAsset(1), 'and on')]);
      await one.chain.export({ from: 0, readable: true }, path('parted'));
      await expect(other.chain.import(path('parted'))).rejects.toMatchObject({
        code: 'CHAIN_DIVERGES',
        data: { height: 6 },
      });
      expect(await other.verified()).toMatchObject({ holds: true, blocks: 7 });
    } finally {
      await one.close();
      await other.close();
    }
  });
});

describe('pruning', () => {
  it('drops bodies and keeps headers, and everything goes on from the state that is kept', async () => {
    const other = await restored();
    try {
      await other.chain.import(path('whole'));
      const before = other.chain.head();
      const after = await other.chain.prune(3);
      expect(after).toMatchObject({ blocks: 11, pruned: 8, hash: before.hash });
      expect(after.storedBytes).toBeLessThan(before.storedBytes);
      expect(await other.chain.block(2)).toMatchObject({
        body: 'pruned',
        transactions: null,
        sealed: null,
        transactionsList: null,
      });
      expect(await other.chain.asset(testAsset(1))).toEqual(await bench.chain.asset(testAsset(1)));
      expect(await other.verified()).toMatchObject({ holds: true, problems: [], headersOnly: 8, proofs: 3 });
      await other.restart();
      await other.append([note(testAsset(1), 'after')]);
      expect(await other.chain.prune(2)).toMatchObject({ pruned: 10, blocks: 12 });
      // With less to keep than is there nothing happens.
      expect(await other.chain.prune(5)).toMatchObject({ pruned: 10 });
      await other.append([note(testAsset(1), 'with the old opening')], testAsset(1), new Uint8Array(20_000).fill(5));
      expect(await other.verified()).toMatchObject({ holds: true, problems: [] });
      await other.chain.export({ from: 0, readable: true }, path('pruned'));
      expect(await check('pruned')).toMatchObject({
        holds: true,
        problems: [],
        blocks: 13,
        headersOnly: 10,
        proofs: 3,
      });
      const third = await restored();
      try {
        expect(await third.chain.import(path('pruned'))).toMatchObject({
          blocks: 13,
          pruned: 10,
          hash: other.chain.head().hash,
        });
        expect(await third.verified()).toMatchObject({ holds: true, problems: [] });
        await third.append([note(testAsset(2), 'on')]);
      } finally {
        await third.close();
      }
    } finally {
      await other.close();
    }
  });
});
