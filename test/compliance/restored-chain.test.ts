import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Call, RequestInputOf, ResponseOf } from '../../preload/contract/index.ts';
import { smallProving } from '../support/small-proofs.ts';
import { type TestNode, openTestNode, temporaryFolder } from '../unit/api/real-node.ts';

const sealing = { kind: 'passphrase', passphrase: 'a passphrase of a test' } as const;
const caller = { face: 'window' } as const;
/** Proofs of some assets; most of it is what a loaded machine makes of a second. */
const PROVED_MS = 90_000;

const root = temporaryFolder();
const nodes: TestNode[] = [];
afterAll(async () => {
  for (const { end } of nodes) await end();
  rmSync(root, { recursive: true, force: true });
});

const start = async (name: string) => {
  const test = await openTestNode({ folder: join(root, name), proving: smallProving });
  nodes.push(test);
  const ask = async <C extends Call>(call: C, request: RequestInputOf<C>): Promise<ResponseOf<C>> => {
    const reply = await test.node.dispatcher.call(call, request, caller);
    if (!reply.ok) throw Object.assign(new Error(reply.error.message), { code: reply.error.code });
    return reply.value;
  };
  const blocksAtLeast = (count: number): Promise<void> =>
    expect
      .poll(async () => (await ask('chain:head', {})).blocks, { timeout: PROVED_MS, interval: 300 })
      .toBeGreaterThanOrEqual(count);
  const cpu = async (): Promise<string> => {
    const found = (await ask('proof:assets', {})).find(({ kind, present }) => kind === 'cpu' && present);
    if (found === undefined) throw new Error('this machine has no processor');
    return found.asset;
  };
  return { ...test, ask, blocksAtLeast, cpu };
};

let phrase: string;
let exported: ResponseOf<'chain:export'>;
const restored = async (name: string) => {
  const found = await start(name);
  await found.ask('identity:restore', { source: { kind: 'phrase', phrase }, sealing });
  // The prover was told of the keys; it waits, and says for what.
  await expect.poll(async () => (await found.ask('proof:state', {})).status).toBe('waiting');
  expect((await found.ask('proof:state', {})).reason).toMatch(/chain import.*chain begin/);
  expect(await found.ask('chain:head', {})).toMatchObject({ height: null, awaitsImport: true });
  return found;
};

describe('a restored identity', { timeout: 2 * PROVED_MS }, () => {
  it('has made a chain on a machine that is lost', async () => {
    const lost = await start('lost');
    const { draftId, words, ask } = await lost.ask('identity:begin', {});
    await lost.ask('identity:confirm', { draftId, words: ask.map((place) => words[place - 1] as string), sealing });
    phrase = words.join(' ');
    await lost.blocksAtLeast(3);
    exported = await lost.ask('chain:export', {});
    await lost.node.stop();
  });

  it('takes the chain of a lost machine over, and goes on with it', async () => {
    const found = await restored('found');
    await expect(found.ask('proof:make', { asset: await found.cpu() })).rejects.toMatchObject({ code: 'PROOF_FAILED' });
    const { folder } = await found.ask('chain:transfers', {});
    mkdirSync(folder, { recursive: true });
    copyFileSync(exported.path, join(folder, exported.name));
    const head = await found.ask('chain:import', { name: exported.name });
    expect(head).toMatchObject({ blocks: exported.blocks, awaitsImport: false, blocked: null });
    // New blocks follow the old ones by themselves.
    await found.blocksAtLeast(exported.blocks + 1);
    const [newest] = await found.ask('chain:list', { limit: 1 });
    expect(newest?.kinds).toContain('asset.proved');
    await found.ask('chain:verify', {});
    await expect
      .poll(() => found.ask('chain:verification', {}), { timeout: PROVED_MS })
      .toMatchObject({ status: 'done', holds: true, problems: [] });
    await found.node.stop();
  });

  it('begins a new chain once its owner has said that there is none', async () => {
    const bare = await restored('bare');
    expect(await bare.ask('chain:begin', {})).toMatchObject({ height: 0, awaitsImport: false, blocked: null });
    await bare.blocksAtLeast(2);
  });
});
