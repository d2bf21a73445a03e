import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Call, RequestInputOf, ResponseOf } from '../../preload/contract/index.ts';
import { verifyProofFile } from '../../main/kernel/proof/index.ts';
import { type TestNode, openTestNode, temporaryFolder } from '../unit/api/real-node.ts';
import { smallProving, smallRequirements } from '../support/small-proofs.ts';

const PASSPHRASE = 'a passphrase of a test';
const caller = { face: 'window' } as const;
/** Proofs of all assets together; most of it is what a loaded machine makes of a second. */
const ALL_PROVED_MS = 90_000;

const root = temporaryFolder();
const folder = join(root, 'data');
let test: TestNode;
const start = async (): Promise<void> => {
  test = await openTestNode({ folder, proving: smallProving });
};
const ask = async <C extends Call>(name: C, request: RequestInputOf<C>): Promise<ResponseOf<C>> => {
  const reply = await test.node.dispatcher.call(name, request, caller);
  if (!reply.ok) throw Object.assign(new Error(reply.error.message), { code: reply.error.code });
  return reply.value;
};
const there = async (): Promise<ResponseOf<'proof:assets'>> =>
  (await ask('proof:assets', {})).filter(({ present }) => present);
const statusOf = async (): Promise<string> => (await ask('proof:state', {})).status;
const assetOf = async (kind: string): Promise<string> => {
  const found = (await there()).find((asset) => asset.kind === kind);
  if (found === undefined) throw new Error(`this machine has no ${kind}`);
  return found.asset;
};
const verification = async (): Promise<Extract<ResponseOf<'chain:verification'>, { status: 'done' }>> => {
  await ask('chain:verify', {});
  let state = await ask('chain:verification', {});
  await expect.poll(async () => (state = await ask('chain:verification', {})).status, { timeout: 60_000 }).toBe('done');
  if (state.status !== 'done') throw new Error('the verification did not end');
  return state;
};

beforeAll(start);
afterAll(async () => {
  await test.end();
  rmSync(root, { recursive: true, force: true });
});

describe('a node that proves its assets', () => {
  it('proves nothing without an identity, and says so', async () => {
    expect(await ask('proof:state', {})).toMatchObject({ status: 'off', current: null, queue: [] });
    for (const { marks } of await there()) {
      expect(marks.map(({ status }) => status)).toEqual(['none', 'none', 'none', 'none']);
      expect(marks[0]?.reason).toMatch(/identity/);
    }
    const asset = await assetOf('cpu');
    await expect(ask('proof:make', { asset })).rejects.toMatchObject({ code: 'IDENTITY_NONE' });
    expect(await ask('chain:head', {})).toMatchObject({ height: null, blocks: 0 });
  });

  it('registers and proves every asset once it has one, a block for each', async () => {
    const { draftId, words, ask: asked } = await ask('identity:begin', {});
    await ask('identity:confirm', {
      draftId,
      words: asked.map((place) => words[place - 1] as string),
      sealing: { kind: 'passphrase', passphrase: PASSPHRASE },
    });
    await expect
      .poll(async () => (await there()).flatMap(({ marks }) => marks.map(({ status }) => status)), {
        timeout: ALL_PROVED_MS,
        interval: 500,
      })
      .toSatisfy((statuses: string[]) => statuses.every((status) => status === 'passed'));
    await expect.poll(statusOf).toBe('idle');
    const assets = await there();
    expect(assets.length).toBeGreaterThanOrEqual(5);
    expect(await ask('chain:head', {})).toMatchObject({ height: assets.length, blocks: assets.length + 1 });
    for (const { asset, kind, proven, history, nextAtMs } of assets) {
      expect((await ask('chain:asset', { asset })).map((event) => event.kind)).toEqual([
        'asset.registered',
        'asset.proved',
      ]);
      expect(history).toHaveLength(1);
      expect(nextAtMs).toBeGreaterThan(Date.now());
      const shown = { cpu: 'multiplicationsPerSecond', storage: 'bytes' } as const;
      const unit = kind in shown ? shown[kind as keyof typeof shown] : null;
      expect(proven).toMatchObject(unit === null ? { known: false } : { known: true, value: { unit } });
    }
    // The plot is registered in the first of them, and nothing is there twice.
    const kinds = (await ask('chain:list', { limit: 100 })).map((block) => block.kinds.toSorted());
    expect(kinds.filter((each) => each.includes('plot.registered'))).toHaveLength(1);
    expect(await verification()).toMatchObject({
      holds: true,
      blocks: assets.length + 1,
      proofs: assets.length,
      problems: [],
    });
  });

  it('makes a proof that was asked for, which a stranger can check and no block holds', async () => {
    const asset = await assetOf('memory');
    const challenge = 'ab'.repeat(32);
    const before = await ask('chain:head', {});
    const made = await ask('proof:make', { asset, purpose: 'lease', challenge });
    expect(made).toMatchObject({ asset, purpose: 'lease', cause: 'asked', height: null, verdict: { passed: true } });
    expect(await ask('chain:head', {})).toEqual(before);
    const { file, fileName } = await ask('proof:file', { id: made.id });
    expect(fileName).toMatch(/^proof-memory-/);
    const bytes = new Uint8Array(Buffer.from(file, 'base64'));
    const check = { nowMs: Date.now(), checkSeed: new Uint8Array(32), requirements: smallRequirements };
    const nonce = new Uint8Array(Buffer.from(challenge, 'hex'));
    expect(verifyProofFile(bytes, { ...check, nonce })).toMatchObject({ passed: true, asset, purpose: 'lease' });
    expect(verifyProofFile(bytes, { ...check, nonce: new Uint8Array(32) }).passed).toBe(false);
    expect(verifyProofFile(bytes, { ...check, nonce, expected: { asset: await assetOf('cpu') } }).passed).toBe(false);
    // Held to what strangers ask of a whole proof, a small one falls through.
    expect(verifyProofFile(bytes, { nowMs: Date.now(), checkSeed: new Uint8Array(32), nonce }).passed).toBe(false);
    expect((await ask('proof:list', { asset, limit: 10 })).map(({ id }) => id)).toContain(made.id);
  });

  it('waits while nothing of the processor is lent, says why, and goes on when it is', async () => {
    await ask('share:pause', { untilMs: null });
    const asset = await assetOf('cpu');
    const making = ask('proof:make', { asset });
    await expect.poll(statusOf).toBe('waiting');
    const { reason, current } = await ask('proof:state', {});
    expect(reason).toMatch(/Paused by you until you resume/);
    expect(current).toMatchObject({ asset, cancellable: true });
    await ask('share:resume', {});
    expect((await making).verdict.passed).toBe(true);
    await expect
      .poll(async () => (await ask('share:allocations', {})).filter((one) => one.resource === 'cpu'))
      .toEqual([]);
  });

  it('stops a proof within a second when its owner says so', async () => {
    await ask('share:pause', { untilMs: null });
    const making = ask('proof:make', { asset: await assetOf('network') }).catch((error: unknown) => error);
    await expect.poll(statusOf).toBe('waiting');
    const startedMs = performance.now();
    await ask('proof:cancel', {});
    expect(await making).toMatchObject({ code: 'PROOF_CANCELLED' });
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    await ask('share:resume', {});
    await expect.poll(statusOf).toBe('idle');
  });

  it('gives space back when its level falls, and takes it again when it rises', async () => {
    const storage = (await ask('share:get', {})).resources.find(({ resource }) => resource === 'storage');
    await ask('share:set', { resource: 'storage', percentMax: 0 });
    await expect.poll(async () => (await ask('proof:state', {})).plot.plottedBytes, { timeout: 20_000 }).toBe(0);
    const asset = await assetOf('cpu');
    await expect(ask('proof:make', { asset })).rejects.toMatchObject({ code: 'NO_SPACE_PLOTTED' });
    await ask('share:set', { resource: 'storage', percentMax: storage?.percentMax ?? 10 });
    await expect
      .poll(async () => (await ask('proof:state', {})).plot.plottedBytes, { timeout: 60_000 })
      .toBe(1024 * 1024);
    // The ledger is told with the next block: the old plot is gone, the new one is there.
    const { height } = await ask('proof:make', { asset, purpose: 'block' });
    const block = await ask('chain:block', { height: height ?? 0 });
    expect(block.transactionsList?.map(({ kind }) => kind)).toEqual([
      'plot.removed',
      'plot.registered',
      'asset.proved',
    ]);
  });

  it('goes on after a restart, once its keys are unlocked, and proves nothing twice', async () => {
    const head = await ask('chain:head', {});
    await test.node.stop();
    await start();
    expect(await ask('proof:state', {})).toMatchObject({ status: 'off' });
    // Marks of before stay: they are true, whoever holds the keys now.
    expect((await there()).every(({ marks }) => marks.every(({ status }) => status === 'passed'))).toBe(true);
    await expect(ask('proof:make', { asset: await assetOf('cpu') })).rejects.toMatchObject({ code: 'IDENTITY_LOCKED' });
    await ask('identity:unlock', { passphrase: PASSPHRASE });
    await expect.poll(statusOf, { timeout: 20_000 }).toBe('idle');
    const { blocked: _blocked, ...after } = await ask('chain:head', {});
    expect(head).toMatchObject(after);
    await ask('proof:make', { asset: await assetOf('cpu') });
    expect((await verification()).holds).toBe(true);
  });

  it('stops in the middle of a proof when its keys are locked', async () => {
    await ask('share:pause', { untilMs: null });
    const making = ask('proof:make', { asset: await assetOf('cpu') }).catch((error: unknown) => error);
    await expect.poll(statusOf).toBe('waiting');
    await ask('identity:lock', {});
    expect(await making).toMatchObject({ code: 'IDENTITY_LOCKED' });
    expect(await statusOf()).toBe('off');
    await ask('share:resume', {});
  });
});
