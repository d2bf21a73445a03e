import { afterEach, describe, expect, test } from 'vitest';
import { sha256 } from '../../../../../main/base/index.ts';
import {
  type Commit,
  createLightClient,
  decodeAnswer,
  decodeBlock,
  decodeCommit,
  decodeQuestion,
  encodeAnswer,
  encodeBlock,
  encodeCommit,
} from '../../../../../main/kernel/consensus/index.ts';
import { ConsensusError } from '../../../../../main/kernel/consensus/errors.ts';
import {
  createReplicaWorld,
  type ReplicaWorld,
  RICH,
  type WorldInit,
} from '../../../../support/ledger/replica-world.ts';
import type { LedgerMessage } from '../../../../support/ledger/ledger-network.ts';
import { createSignatureCheck, keysOf } from '../../../../sim/keys.ts';
import { auditAccounts } from '../../../../sim/accounts-app.ts';

let world: ReplicaWorld | null = null;
const create = async (init: WorldInit): Promise<ReplicaWorld> => {
  world = await createReplicaWorld(init);
  return world;
};
afterEach(async () => {
  await world?.stop();
  world = null;
});
const hex = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString('hex');

/** Answers with other commits. */
const withCommits =
  (change: (commit: Commit) => Commit) =>
  (question: Uint8Array, answer: Uint8Array): Uint8Array =>
    encodeAnswer(
      'blocks',
      decodeAnswer(decodeQuestion(question) as Asked<'blocks'>, answer).map((one) => ({
        ...one,
        commit: encodeCommit(change(decodeCommit(one.commit))),
      })),
    );
/** So many blocks, each with a transfer. */
const grow = async (of: ReplicaWorld, count: number): Promise<void> => {
  const { replica } = of.nodes[0]!;
  const from = replica.status().height;
  for (let i = 0; i < count; i++) {
    await replica.submit(of.transfer('alice', `payee${i % 50}`, 1, { nonce: from + i }));
    await of.reach(from + i + 1);
  }
};
/** Changes the answers that somebody gives to questions of one type. */
const lying = (
  liars: readonly string[],
  type: string,
  change: (question: Uint8Array, answer: Uint8Array) => Uint8Array,
): ((message: LedgerMessage) => Uint8Array) => {
  const asked = new Map<string, Uint8Array>();
  return ({ from, to, kind, bytes }) => {
    if (kind === 'question') asked.set(`${from} ${to}`, bytes);
    const question = asked.get(`${to} ${from}`);
    if (kind !== 'answer' || !liars.includes(from) || question === undefined) return bytes;
    return decodeQuestion(question).type === type ? change(question, bytes) : bytes;
  };
};
type Asked<T extends string> = Extract<ReturnType<typeof decodeQuestion>, { type: T }>;

const EVERY_10 = Object.fromEntries([0, 1, 2, 3].map((i) => [`v${i}`, { snapshotEvery: 10 }]));

describe('a late joiner', () => {
  test('has the signatures of a whole answer checked while it carries out its first blocks', async () => {
    const honest = createSignatureCheck();
    const asked: number[] = [];
    const of = await create({
      validators: 1,
      check: {
        ...honest,
        transactions: (encoded) => {
          asked.push(encoded.length);
          return honest.transactions(encoded);
        },
      },
    });
    await grow(of, 30);
    expect(Math.max(...asked)).toBe(1);
    asked.length = 0;
    await of.add('late');
    await of.reach(30);
    expect(asked.indexOf(30)).toBe(asked.findIndex((count) => count > 0));
    expect(asked.filter((count) => count === 1).length).toBeGreaterThanOrEqual(30);
  });

  test('follows all the same where the threads have no room for checks ahead of time', async () => {
    const honest = createSignatureCheck();
    let refused = 0;
    const of = await create({
      validators: 1,
      check: {
        ...honest,
        transactions: async (encoded) => {
          if (encoded.length < 10) return await honest.transactions(encoded);
          refused += 1;
          throw new ConsensusError({ code: 'BUSY', limit: 9 }, 'No room.');
        },
      },
    });
    await grow(of, 30);
    const late = await of.add('late');
    await of.reach(30);
    expect(refused).toBe(1);
    expect(late.replica.status().sync).toEqual({ state: 'current' });
  });

  test('follows by blocks, votes for nothing, and sees the same', async () => {
    const of = await create({ validators: 1 });
    await grow(of, 70);
    const late = await of.add('late');
    await of.reach(70);
    expect(late.replica.status()).toMatchObject({ isValidator: false, sync: { state: 'current' } });
    expect(hex(late.replica.status().hash)).toBe(hex(of.nodes[0]!.replica.status().hash));
    expect(auditAccounts(late.replica.state())).toBeNull();
    await grow(of, 2);
    expect(late.replica.status().height).toBe(72);
    const block = await late.replica.block(66);
    expect(block?.block.header.height).toBe(66);
    expect(block?.transactions).toHaveLength(1);
  });

  test('a source that changes a transaction, leaves signatures out or repeats them is found out, and another is asked', async () => {
    const of = await create({ validators: 4 });
    await grow(of, 5);
    const changes: ((question: Uint8Array, answer: Uint8Array) => Uint8Array)[] = [
      // A block whose body is another.
      (question, answer) =>
        encodeAnswer(
          'blocks',
          decodeAnswer(decodeQuestion(question) as Asked<'blocks'>, answer).map((one) => ({
            ...one,
            block: encodeBlock({ ...decodeBlock(one.block!), transactions: [] }),
          })),
        ),
      withCommits((commit) => ({
        ...commit,
        signatures: commit.signatures.map((signature, place) => (place === 0 ? signature : null)),
      })),
      withCommits((commit) => ({
        ...commit,
        signatures: commit.signatures.map(() => commit.signatures.find((signature) => signature !== null) ?? null),
      })),
      // Nothing that could be read.
      () => Uint8Array.of(0xff, 1, 2),
    ];
    for (const [i, change] of changes.entries()) {
      of.network.tamper(lying(['v0', 'v1', 'v2'], 'blocks', change));
      const before = of.network.offences.length;
      const late = await of.add(`late${i}`);
      await of.clock.until(() => late.replica.status().height === 5, 'it catches up from the honest one');
      expect(hex(late.replica.status().hash)).toBe(hex(of.nodes[0]!.replica.status().hash));
      for (const { by, peer } of of.network.offences.slice(before)) {
        expect(by).toBe(`late${i}`);
        expect(['v0', 'v1', 'v2']).toContain(peer);
      }
      await late.stop();
    }
    expect(of.network.offences.length).toBeGreaterThan(0);
  });

  test('far behind takes a snapshot, chunks from several of whom most lie, and goes on by blocks', async () => {
    const of = await create({ validators: 4, strangers: 3_000, options: EVERY_10 });
    await grow(of, 13);
    let lies = 0;
    of.network.tamper(
      lying(['v0', 'v1', 'v2'], 'chunk', (question, answer) => {
        const chunk = decodeAnswer(decodeQuestion(question) as Asked<'chunk'>, answer);
        if (chunk === null) return answer;
        lies += 1;
        const changed = Uint8Array.from(chunk);
        changed[changed.length - 5]! ^= 1;
        return encodeAnswer('chunk', changed);
      }),
    );
    const adopted: number[] = [];
    const late = await of.add('late', { snapshotBehind: 5 });
    late.replica.on('adopted', ({ height }) => adopted.push(height));
    await of.reach(13);
    expect(adopted).toEqual([10]);
    expect(lies).toBeGreaterThan(0);
    const blamed = of.network.offences.filter(({ by }) => by === 'late').map(({ peer }) => peer);
    expect(blamed.length).toBeGreaterThan(0);
    expect(blamed).not.toContain('v3');
    expect(hex(late.replica.status().hash)).toBe(hex(of.nodes[0]!.replica.status().hash));
    expect(auditAccounts(late.replica.state())).toBeNull();
    expect(of.balance(late, 'bob')).toBe(RICH);
    expect(await late.replica.block(5)).toBeNull();
    expect((await late.replica.block(11))?.block.header.height).toBe(11);
    // It goes on after a start from what it took over.
    await late.stop();
    await late.start();
    await grow(of, 1);
    expect(late.replica.status().height).toBe(14);
  });

  test('a snapshot that is broken off goes on where it was, although the others have gone on since', async () => {
    // Nobody has the first blocks any more, so there is no other way.
    const options = Object.fromEntries([0, 1, 2, 3].map((i) => [`v${i}`, { snapshotEvery: 10, keepBlocks: 5 }]));
    const of = await create({ validators: 4, strangers: 8_000, options });
    await grow(of, 11);
    const came: string[] = [];
    let isBroken = true;
    const asked = new Map<string, string>();
    of.network.tamper(({ from, to, kind, bytes }) => {
      if (kind === 'question' && from === 'late') asked.set(to, decodeQuestion(bytes).type);
      if (kind !== 'answer' || to !== 'late' || asked.get(from) !== 'chunk' || bytes.length < 50_000) return bytes;
      if (isBroken && came.length >= 3) return null;
      came.push(hex(sha256(bytes)));
      return bytes;
    });
    const adopted: number[] = [];
    const late = await of.add('late', { snapshotBehind: 5 });
    let until = 0;
    late.replica.on('adopted', ({ height }) => {
      if (adopted.push(height) === 1) until = came.length;
    });
    await of.clock.until(() => came.length >= 3, 'some of it came');
    const { replica } = of.nodes[0]!;
    for (let nonce = 11; nonce < 35; nonce++) {
      await replica.submit(of.transfer('alice', 'payee', 1, { nonce }));
      await of.reach(nonce + 1, of.nodes.slice(0, 4));
    }
    // Long enough for everybody to have been given up.
    await of.clock.run(15_000);
    isBroken = false;
    await of.reach(35);
    expect(adopted[0]).toBe(10);
    expect(until).toBeGreaterThan(3);
    // What had come was not fetched again.
    expect(came.slice(3, until).filter((chunk) => came.slice(0, 3).includes(chunk))).toEqual([]);
  });

  test('a snapshot of somebody’s own making is refused, and blocks are taken instead', async () => {
    const of = await create({ validators: 4, options: EVERY_10 });
    await grow(of, 11);
    of.network.tamper(
      lying(['v0', 'v1', 'v2', 'v3'], 'manifest', (question, answer) => {
        const found = decodeAnswer(decodeQuestion(question) as Asked<'manifest'>, answer);
        return found === null
          ? answer
          : encodeAnswer('manifest', { ...found, header: { ...found.header, stateRoot: new Uint8Array(32) } });
      }),
    );
    const adopted: number[] = [];
    const late = await of.add('late', { snapshotBehind: 5 });
    late.replica.on('adopted', ({ height }) => adopted.push(height));
    await of.reach(11);
    expect(adopted).toEqual([]);
    expect(of.network.offences.filter(({ what }) => what === 'forged').length).toBeGreaterThan(0);
  });

  test('what it proves convinces somebody with nothing but the genesis', async () => {
    const of = await create({ validators: 4 });
    await grow(of, 12);
    const { replica } = of.nodes[2]!;
    const key = `a/${keysOf('alice').hex}`;
    const reader = createLightClient({ genesis: of.genesis, check: createSignatureCheck() }, { trustMs: null });
    const reading = await reader.read(await replica.prove(key), of.clock.nowMs());
    expect(reading.header.height).toBe(12);
    expect(reading.value).toEqual(replica.state().get(key));
    const absent = await reader.read(await replica.prove('a/nobody'), of.clock.nowMs());
    expect(absent.value).toBeNull();
  });
});
