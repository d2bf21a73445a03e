import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AssetId,
  type WorkerPool,
  createSystemOutside,
  createWorkerPool,
  encodeCbor,
  sha256,
} from '../../../../main/base/index.ts';
import { type DerivedKeys, kemDecapsulate, keyIdBytesOf, signRecord } from '../../../../main/base/crypto/index.ts';
import { AttachmentShelf, type ShelfInit } from '../../../../main/kernel/blocks/attachments.ts';
import { buildBlock, checkBlocks } from '../../../../main/kernel/blocks/check-blocks.ts';
import { ATTACHMENTS_BYTES_MAX } from '../../../../main/kernel/blocks/constants.ts';
import { findingOf } from '../../../../main/kernel/blocks/errors.ts';
import { bodyRoot, decodeBody } from '../../../../main/kernel/blocks/format/body.ts';
import { openHeader } from '../../../../main/kernel/blocks/format/header.ts';
import { decodeSealed, openSealed, unwrapContentKey } from '../../../../main/kernel/blocks/format/sealed.ts';
import { decodeStoredBlock } from '../../../../main/kernel/blocks/format/stored-block.ts';
import { encodeTransaction, openTransaction } from '../../../../main/kernel/blocks/format/transaction.ts';
import type { BlockBody, BlockHeader, SignedTransaction, StateUpdate } from '../../../../main/kernel/blocks/index.ts';
import { LedgerRules } from '../../../../main/kernel/blocks/ledger.ts';
import { StateTree, levelsAbove } from '../../../../main/kernel/blocks/state-tree.ts';
import type { CheckItem, OpenedBody } from '../../../../main/kernel/blocks/task-types.ts';
import { type VerifyResult, verifyBlocks } from '../../../../main/kernel/blocks/verify-blocks.ts';
import {
  SMALL_DIFFICULTY,
  TestKeys,
  blocksWorkerPath,
  noteModule,
  smallProof,
  smallVerifier,
  testAsset,
  testKeys,
} from '../../../support/chain.ts';
import type { CombinedProof } from '../../../../main/kernel/proof/index.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';

const known = JSON.parse(readFileSync(join(import.meta.dirname, '../../../vectors/block/blocks.json'), 'utf8')) as {
  kemSecretKey: string;
  blocks: { stored: string }[];
};
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const stored = known.blocks.map((block) => bytes(block.stored));
const outside = createSystemOutside();
/** Remembers what did not change: of thousands of copies of one block each differs from it in one place only. */
const remembering = <T>(work: (of: Uint8Array) => T): ((of: Uint8Array) => T) => {
  const results = new Map<string, T>();
  return (of) => {
    const name = Buffer.from(sha256(of)).toString('hex');
    if (!results.has(name)) results.set(name, work(of));
    return results.get(name)!;
  };
};
const headerOf = remembering(openHeader);
const sharedOf = remembering((text) => kemDecapsulate(bytes(known.kemSecretKey), text));
const decapsulate = async (text: Uint8Array): Promise<Uint8Array> => sharedOf(text);

/** Null where bytes are refused with a reason of ours; anything else thrown is a bug. */
const orNull = <T>(read: () => T): T | null => {
  try {
    return read();
  } catch (error) {
    if (findingOf(error) === null) throw error;
    return null;
  }
};

/** Whether a reader would take these bytes for a sound block by itself. */
const isAccepted = async (encoded: Uint8Array): Promise<boolean> => {
  try {
    const block = decodeStoredBlock(encoded);
    const { payload, header } = headerOf(block.header);
    const sealed = decodeSealed(block.sealed!);
    const contentKey = await unwrapContentKey(sealed, payload, decapsulate);
    const [found] = checkBlocks({ items: [{ ...block, contentKey }], signatures: true });
    return found!.header !== null && found!.bodyFinding === null && header.version === 1;
  } catch (error) {
    // Refused with a reason of ours, and by nothing else.
    if (findingOf(error) === null) throw error;
    return false;
  }
};

describe('every byte', () => {
  it('of a stored block, flipped, makes it refused', { timeout: 240_000 }, async () => {
    const block = stored[1]!;
    expect(await isAccepted(block)).toBe(true);
    let mutations = 0;
    for (let place = 0; place < block.length; place++) {
      const changed = Uint8Array.from(block);
      changed[place]! ^= 1 << (place % 8);
      if (await isAccepted(changed)) throw new Error(`byte ${place} does not count`);
      mutations += 1;
    }
    expect(mutations).toBe(block.length);
  });

  it('of a body and of a transaction, flipped, makes it refused', { timeout: 240_000 }, async () => {
    const block = decodeStoredBlock(stored[1]!);
    const { payload, header } = openHeader(block.header);
    const sealed = decodeSealed(block.sealed!);
    const key = await unwrapContentKey(sealed, payload, decapsulate);
    const { body } = openSealed(sealed, payload, key);
    const { merkleRoot } = header;
    let mutations = 0;
    for (let place = 0; place < body.length; place++) {
      const changed = Uint8Array.from(body);
      changed[place]! ^= 1 << (place % 8);
      const root = orNull(() => bodyRoot(decodeBody(changed)));
      const accepted = root !== null && Buffer.compare(root, merkleRoot) === 0;
      if (accepted) throw new Error(`byte ${place} of the body does not count`);
      mutations += 1;
    }
    const [transaction] = decodeBody(body).transactions;
    for (let place = 0; place < transaction!.length; place++) {
      const changed = Uint8Array.from(transaction!);
      changed[place]! ^= 1 << (place % 8);
      if (orNull(() => openTransaction(changed)) !== null)
        throw new Error(`byte ${place} of a transaction does not count`);
      mutations += 1;
    }
    // With those of the stored block more than 10 000.
    expect(mutations + stored[1]!.length).toBeGreaterThan(10_000);
  });

  it('cut off at any place makes it refused', async () => {
    for (let length = 0; length < stored[1]!.length; length += 37)
      expect(await isAccepted(stored[1]!.subarray(0, length))).toBe(false);
    expect(await isAccepted(Buffer.concat([stored[1]!, Buffer.from([0])]))).toBe(false);
  });
});

// A dishonest maker, who holds the keys of the network and can sign what it likes.

interface Made {
  item: CheckItem & { height: number };
  header: BlockHeader;
  hash: Uint8Array;
}
let derived: DerivedKeys;
let keys: TestKeys;
let workers: WorkerPool;
beforeAll(() => {
  derived = testKeys(3);
  keys = new TestKeys(derived);
  workers = createWorkerPool(
    { logger: createSilentLogger(), metrics: null, clock: outside.clock },
    { workerPath: blocksWorkerPath, size: 1 },
  );
});
afterAll(() => workers.close());

const seal = (header: Omit<BlockHeader, 'merkleRoot'>, body: BlockBody, signer = derived): Made => {
  const contentKey = outside.random.bytes(32);
  const built = buildBlock({
    header,
    body,
    readers: [derived.kem.public],
    random: { contentKey, nonce: outside.random.bytes(12), encapsulation: [outside.random.bytes(32)] },
  });
  if (!built.ok) throw new Error('too large');
  return {
    item: {
      height: header.height,
      header: signRecord(signer.node.public, signer.node.secret, 'block', built.payload),
      sealed: built.sealed,
      contentKey,
    },
    header: { ...header, merkleRoot: built.merkleRoot },
    hash: sha256(built.payload),
  };
};

const rules = new LedgerRules([noteModule]);
const noLevels = async (): Promise<never> => {
  throw new Error('small trees are hashed here');
};
const START_MS = Date.UTC(2026, 0, 5);
const asset = testAsset(1);

const sign = (
  network: Uint8Array,
  kind: string,
  of: AssetId | null,
  previous: Uint8Array | null,
  atMs: number,
  data: unknown,
): Uint8Array =>
  signRecord(
    derived.node.public,
    derived.node.secret,
    'transaction',
    encodeTransaction({ version: 1, network, kind, asset: of, previous, atMs, data }),
  );

/** What a dishonest maker changes at the block of height 2, before it is sealed and signed like any other. */
interface Twist {
  transactions?: (honest: Uint8Array[], network: Uint8Array, timeMs: number) => Uint8Array[];
  updates?: (honest: StateUpdate[]) => StateUpdate[];
  header?: (honest: Omit<BlockHeader, 'merkleRoot'>) => Omit<BlockHeader, 'merkleRoot'>;
  body?: (honest: BlockBody) => BlockBody;
  signer?: DerivedKeys;
  /** What the proof of each block names, and those that bring it. @default nothing */
  opening?: (height: number) => Uint8Array;
  carries?: (height: number) => boolean;
}

const makeChain = async (twist: Twist = {}): Promise<Made[]> => {
  const founder = keyIdBytesOf(derived.node.public);
  const state = new StateTree();
  const made: Made[] = [];
  const genesis = sign(new Uint8Array(32), 'network.genesis', null, null, START_MS, {
    founder,
    nonce: outside.random.bytes(32),
  });
  const network = sha256(genesis);
  let last: Uint8Array | null = null;
  for (let height = 0; height < 4; height++) {
    const timeMs = START_MS + height * 1000;
    const previous = made.at(-1);
    const twisted = height === 2 ? twist : {};
    let transactions =
      height === 0 ? [genesis] : [sign(network, 'note.written', asset, last, timeMs, { text: `at ${height}` })];
    const tip = previous && { network, height: height - 1, hash: previous.hash, timeMs: previous.header.timeMs };
    const proof =
      tip === undefined
        ? null
        : smallProof(
            { ...outside, clock: { ...outside.clock, nowMs: () => timeMs } },
            keys,
            tip,
            asset,
            twist.opening?.(height) ?? null,
          ).proof;
    const honest = rules.apply(transactions.map(openTransaction), state, {
      height,
      timeMs,
      network,
      previousTimeMs: height === 0 ? -1 : timeMs - 1000,
    });
    if (height > 0) last = sha256(transactions[0]!);
    const updates = twisted.updates?.(honest) ?? honest;
    transactions = twisted.transactions?.(transactions, network, timeMs) ?? transactions;
    state.apply(updates);
    const header: Omit<BlockHeader, 'merkleRoot'> = {
      version: 1,
      network,
      height,
      previous: previous?.hash ?? null,
      stateRoot: await state.root(noLevels),
      timeMs,
      difficulty: height === 0 ? 0n : SMALL_DIFFICULTY,
      proposer: founder,
    };
    const attachments =
      height > 0 && twist.opening !== undefined && twist.carries?.(height) !== false ? [twist.opening(height)] : [];
    const body: BlockBody = { transactions, updates, proof, attachments };
    made.push(seal(twisted.header?.(header) ?? header, twisted.body?.(body) ?? body, twisted.signer));
  }
  return made;
};

const verify = (
  made: readonly Made[],
  renumber = false,
  by = rules,
  shelf: ShelfInit = { held: [], bytesMax: ATTACHMENTS_BYTES_MAX, reload: null },
): Promise<VerifyResult> =>
  verifyBlocks(
    { workers, clock: outside.clock, verifyProof: smallVerifier, rules: by },
    { network: null, previous: null, state: new StateTree(), stateHeight: -1, attachments: shelf },
    (async function* () {
      for (const [i, { item }] of made.entries()) yield renumber ? { ...item, height: i } : item;
    })(),
  );
const codesOf = ({ problems }: VerifyResult): string[] => [...new Set(problems.map(({ code }) => code))].sort();

describe('a chain whose maker lies', () => {
  it('holds when it does not', async () => {
    expect(await verify(await makeChain())).toMatchObject({ problems: [], blocks: 4, transactions: 4, proofs: 3 });
  });

  it('is judged by what threads have found of each transaction beforehand', async () => {
    const facts: unknown[] = [];
    const ledger = new LedgerRules([
      {
        ...noteModule,
        factTask: ({ hash }) => ({ task: 'blocks.levels', input: Buffer.concat([hash, hash]) }),
        check: (signed, state, block, fact) => {
          facts.push(fact);
          return noteModule.check(signed, state, block);
        },
      },
    ]);
    const made = await makeChain();
    expect((await verify(made, false, ledger)).problems).toEqual([]);
    expect(facts).toHaveLength(3);
    const { body } = checkBlocks({ items: [made[1]!.item], signatures: false })[0] as { body: OpenedBody };
    const [{ hash }] = body.transactions as [SignedTransaction];
    expect(facts[0]).toEqual(levelsAbove(new Uint8Array(Buffer.concat([hash, hash]))));
  });

  it('shows blocks that were left out, repeated, put in another order or taken from another network', async () => {
    const [zero, one, two, three] = (await makeChain()) as [Made, Made, Made, Made];
    const other = await makeChain();
    for (const wrong of [
      [zero, one, three],
      [zero, two, one, three],
      [zero, one, one, two],
      [one, two, three],
      [zero, one, other[2]!, three],
      [other[0]!, one, two, three],
    ]) {
      const { problems } = await verify(wrong, true);
      expect(problems.length).toBeGreaterThan(0);
    }
    expect(codesOf(await verify([zero, one, other[2]!, three], true))).toEqual(
      expect.arrayContaining(['NETWORK_WRONG', 'LINK_WRONG']),
    );
  });

  it.each<[string, string, Twist]>([
    [
      'forges the state root',
      'STATE_ROOT_WRONG',
      { header: (header) => ({ ...header, stateRoot: new Uint8Array(32) }) },
    ],
    [
      'writes a state that no transaction leads to',
      'STATE_UPDATES_WRONG',
      { updates: (honest) => [...honest, { key: 'z', value: encodeCbor(1) }] },
    ],
    [
      'changes a value on the way',
      'STATE_UPDATES_WRONG',
      { updates: (honest) => honest.map((one, i) => (i === 1 ? { ...one, value: encodeCbor('else') } : one)) },
    ],
    ['leaves an update out', 'STATE_UPDATES_WRONG', { updates: (honest) => honest.slice(0, -1) }],
    [
      'smuggles a transaction in',
      'STATE_UPDATES_WRONG',
      {
        transactions: (honest, network, timeMs) => [
          ...honest,
          sign(network, 'note.written', testAsset(2), null, timeMs, { text: 'smuggled' }),
        ],
      },
    ],
    [
      'breaks the chain of an asset',
      'EVENT_BEFORE_WRONG',
      {
        transactions: (_honest, network, timeMs) => [
          sign(network, 'note.written', asset, new Uint8Array(32), timeMs, { text: 'at 2' }),
        ],
      },
    ],
    [
      'begins the chain of an asset again',
      'EVENT_BEFORE_WRONG',
      {
        transactions: (_honest, network, timeMs) => [
          sign(network, 'note.written', asset, null, timeMs, { text: 'at 2' }),
        ],
      },
    ],
    [
      'takes a transaction of another network',
      'NETWORK_WRONG',
      {
        transactions: (_honest, _network, timeMs) => [
          sign(new Uint8Array(32).fill(9), 'note.written', asset, null, timeMs, { text: 'x' }),
        ],
      },
    ],
    [
      'takes a transaction of an earlier time',
      'TIME_WRONG',
      {
        transactions: (_honest, network) => [
          sign(network, 'note.written', asset, null, START_MS + 1000, { text: 'x' }),
        ],
      },
    ],
    [
      'takes a kind that nobody knows',
      'KIND_UNKNOWN',
      { transactions: (_honest, network, timeMs) => [sign(network, 'note.burnt', asset, null, timeMs, {})] },
    ],
    [
      'takes what its module refuses',
      'TEXT_EMPTY',
      {
        transactions: (_honest, network, timeMs) => [
          sign(network, 'note.written', testAsset(5), null, timeMs, { text: '' }),
        ],
      },
    ],
    [
      'begins the network a second time',
      'NETWORK_BEGUN',
      {
        transactions: (_honest, _network, timeMs) => [
          sign(new Uint8Array(32), 'network.genesis', null, null, timeMs, {
            founder: new Uint8Array(32),
            nonce: new Uint8Array(32),
          }),
        ],
      },
    ],
    ['holds nothing', 'BLOCK_EMPTY', { transactions: () => [] }],
    ['leaves the proof out', 'PROOF_MISSING', { body: (honest) => ({ ...honest, proof: null }) }],
    [
      'changes the proof',
      'ANSWER_WRONG',
      { body: (honest) => ({ ...honest, proof: { ...honest.proof!, work: encodeCbor({}) } }) },
    ],
    [
      'takes the proof of another block',
      'CHALLENGE_MISMATCH',
      {
        body: (honest) => ({
          ...honest,
          proof: {
            ...honest.proof!,
            challenge: { ...honest.proof!.challenge, anchor: { height: 0, hash: new Uint8Array(32) } },
          },
        }),
      },
    ],
    ['boasts of its difficulty', 'DIFFICULTY_WRONG', { header: (header) => ({ ...header, difficulty: 10n ** 15n }) }],
    ['turns the clock back', 'TIME_WRONG', { header: (header) => ({ ...header, timeMs: START_MS }) }],
    ['lives in the future', 'FROM_THE_FUTURE', { header: (header) => ({ ...header, timeMs: 2 ** 45 }) }],
    ['names another height', 'HEIGHT_WRONG', { header: (header) => ({ ...header, height: 7 }) }],
    [
      'names another block as the one before',
      'LINK_WRONG',
      { header: (header) => ({ ...header, previous: new Uint8Array(32) }) },
    ],
    [
      'names a proposer that did not sign',
      'PROPOSER_WRONG',
      { header: (header) => ({ ...header, proposer: new Uint8Array(32) }) },
    ],
  ])('is found where it %s: %s', async (_what, code, twist) => {
    const made = await makeChain(twist);
    const items = made.map((one, i) => ({ ...one, item: { ...one.item, height: i } }));
    const result = await verify(items);
    expect(codesOf(result)).toContain(code);
    expect(result.problems.every(({ height }) => height !== null && height >= 2)).toBe(true);
  });

  it('is found where somebody else adds a block', async () => {
    const stranger = testKeys(4);
    const proposer = keyIdBytesOf(stranger.node.public);
    const made = await makeChain({ signer: stranger, header: (header) => ({ ...header, proposer }) });
    expect(codesOf(await verify(made))).toContain('PROPOSER_WRONG');
  });
});

const twiceOver = (honest: BlockBody): BlockBody => ({
  ...honest,
  attachments: [...honest.attachments, ...honest.attachments],
});

describe('attachments of a chain', () => {
  const one = new Uint8Array(10_000).fill(1);
  const other = new Uint8Array(10_000).fill(2);
  const inOrder = (...all: Uint8Array[]): Uint8Array[] =>
    all.sort((left, right) => Buffer.compare(sha256(left), sha256(right)));
  const first = (height: number): boolean => height === 1;

  it('come once, and every proof may name them', async () => {
    const made = await makeChain({ opening: () => one, carries: first });
    expect(await verify(made)).toMatchObject({ problems: [], proofs: 3 });
  });

  it.each<[string, string, Twist]>([
    [
      'is not named by the proof',
      'ATTACHMENT_UNNAMED',
      { opening: () => one, carries: first, body: (honest) => ({ ...honest, attachments: [other] }) },
    ],
    [
      'stands beside one that the proof names',
      'ATTACHMENT_UNNAMED',
      {
        opening: (height) => new Uint8Array(100).fill(height),
        body: (honest) => ({ ...honest, attachments: inOrder(other, new Uint8Array(100).fill(2)) }),
      },
    ],
    [
      'is there twice in one block',
      'BODY_MALFORMED',
      { opening: (height) => new Uint8Array(100).fill(height), body: twiceOver },
    ],
    ['was brought by a block before', 'ATTACHMENT_REPEATED', { opening: () => one }],
    [
      'comes with no proof at all',
      'PROOF_MISSING',
      { opening: () => one, carries: first, body: (honest) => ({ ...honest, proof: null, attachments: [other] }) },
    ],
  ])('are refused where one %s: %s', async (_what, code, twist) => {
    expect(codesOf(await verify(await makeChain(twist)))).toContain(code);
  });

  it('are let go beyond a bound where they can be had again, and refused where they cannot', async () => {
    const opening = (height: number): Uint8Array => new Uint8Array(10_000).fill(height === 3 ? 1 : height);
    const made = await makeChain({ opening, carries: (height) => height < 3 });
    const bring = new Map(
      [1, 2].map((height) => [Buffer.from(sha256(opening(height))).toString('hex'), opening(height)]),
    );
    const asked: string[] = [];
    const reload = async (name: string): Promise<Uint8Array | null> => {
      asked.push(name);
      return bring.get(name) ?? null;
    };
    expect((await verify(made, false, rules, { held: [], bytesMax: 15_000, reload })).problems).toEqual([]);
    expect(asked).toEqual([Buffer.from(sha256(opening(1))).toString('hex')]);
    expect((await verify(made, false, rules, { held: [], bytesMax: 20_000, reload: null })).problems).toEqual([]);
    await expect(verify(made, false, rules, { held: [], bytesMax: 19_999, reload: null })).rejects.toMatchObject({
      code: 'CHAIN_FILE_TOO_LARGE',
      data: { height: 2, limit: 19_999 },
    });
    // What comes back must still be what its name says.
    const damaged = { held: [], bytesMax: 15_000, reload: async () => new Uint8Array(3) };
    expect(codesOf(await verify(made, false, rules, damaged))).toContain('ANSWER_WRONG');
  });

  it('are never more than a proof may name', async () => {
    const made = await makeChain({ opening: () => one, carries: first });
    const { body } = checkBlocks({ items: [made[1]!.item], signatures: false })[0] as { body: OpenedBody };
    const parts = Array.from({ length: 5 }, (_, i) => new Uint8Array(4 * 1024 * 1024).fill(i));
    const names = parts.map((part) => sha256(part));
    const shelf = new AttachmentShelf({
      held: parts.map((part, i) => [Buffer.from(names[i]!).toString('hex'), part] as const),
      bytesMax: ATTACHMENTS_BYTES_MAX,
      reload: null,
    });
    const naming = (count: number): CombinedProof => ({ ...body.proof!, space: encodeCbor(names.slice(0, count)) });
    expect((await shelf.for(naming(4), 1))?.size).toBe(4);
    expect(await shelf.for(naming(5), 1)).toBeNull();
  });
});

describe('bodies that grow a thousandfold', () => {
  it('are opened a few at a time, and all of them are looked at', async () => {
    const opening = (height: number): Uint8Array => new Uint8Array(4 * 1024 * 1024).fill(height);
    const made = await makeChain({ opening });
    const items = made.map(({ item }) => item);
    expect(items.every(({ sealed }) => sealed!.length < 64 * 1024)).toBe(true);
    // After the second of them there are 8 MiB in memory.
    expect(checkBlocks({ items: [...items, ...items], signatures: false })).toHaveLength(3);
    expect(await verify(made)).toMatchObject({ problems: [], blocks: 4, proofs: 3 });
  });
});
