import { Emitter, encodeCbor } from '../../../main/base/index.ts';
import { type KeyIdBytes, type Signer, keyIdBytesOf, keyIdText } from '../../../main/base/crypto/index.ts';
import { type SignedTransaction, readTransaction } from '../../../main/kernel/blocks/index.ts';
import {
  ConsensusError,
  type FinalBlock,
  type FollowedLedger,
  type LedgersEvents,
  type Replica,
  type ReplicaStatus,
} from '../../../main/kernel/consensus/index.ts';
import { readAccount } from '../../../main/apps/caesar/index.ts';
import {
  type BlockInit,
  NETWORK,
  type World,
  type WorldInit,
  createWorld,
  sha,
} from '../../unit/apps/caesar/ledger/world.ts';

/** Signs in the form of a record with signatures that nobody looks at: the ledger of these tests never checks one. */
export const fakeSigner = (name: string): Signer => {
  const falcon1024 = new Uint8Array(1793).fill(sha(name)[0] ?? 0);
  falcon1024.set(sha('falcon', name));
  const keys = { ed25519: sha('ed25519', name), falcon1024 };
  const keyIdBytes = keyIdBytesOf(keys);
  return {
    keys,
    keyIdBytes,
    keyId: keyIdText(keyIdBytes),
    sign: async (domain, payload) =>
      encodeCbor({
        v: 1,
        domain,
        payload,
        signer: keys,
        signatures: { ed25519: new Uint8Array(64), falcon1024: new Uint8Array(1280) },
      }),
  };
};

/** The real rules of the economy, driven block by block; looks to the wallet like a ledger that its node follows. */
export interface LedgerWorld {
  readonly world: World;
  readonly followed: FollowedLedger;
  readonly replica: Replica;
  readonly blocks: FinalBlock[];
  readonly pool: SignedTransaction[];
  /** Of everything in the pool that fits, in the order of the nonces. */
  block(init?: BlockInit & { besides?: readonly SignedTransaction[] }): FinalBlock;
  /** Takes the transaction away from the pool: it cannot become final any more. */
  drop(hash: Uint8Array): void;
  /** Blocks up to this height are gone, as after a snapshot. */
  prune(upTo: number): void;
  /** Blocks are made and nobody is told, as while the node is off. */
  quiet: boolean;
  submitted: number;
  /** What `submit` does before anything else. */
  onSubmit: (encoded: Uint8Array) => void;
  balance(account: KeyIdBytes): bigint;
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export const createLedgerWorld = (
  events: Emitter<LedgersEvents>,
  init: WorldInit & { home?: boolean; network?: Uint8Array; name?: string } = {},
): LedgerWorld => {
  const world = createWorld(init);
  const network = init.network ?? NETWORK;
  const own = new Emitter<{ waiting: { hash: Uint8Array; state: 'waiting' | 'dropped'; reason: string } }>();
  const blocks: FinalBlock[] = [];
  const pool: SignedTransaction[] = [];
  const waiters = new Map<string, { resolve: (height: number) => void; reject: (error: Error) => void }>();
  let prunedUpTo = 0;

  const status = (): ReplicaStatus =>
    ({
      network,
      height: world.height,
      hash: null,
      timeMs: world.timeMs,
      round: 0,
      step: 'waiting',
      isValidator: true,
      silent: null,
      sync: { state: 'current' },
      waitingTransactions: pool.length,
      waitingBytes: 0,
      peers: 0,
      halted: null,
    }) satisfies ReplicaStatus;
  const replica = {
    genesis: world.genesis,
    network,
    status,
    state: () => world.tree.frozen(),
    params: () => world.genesis.params,
    validators: () => world.app.validators(world.tree),
    vouch: async () => undefined,
    reports: () => [],
    submit: async (encoded: Uint8Array) => {
      it.onSubmit(encoded);
      it.submitted += 1;
      const signed = readTransaction(encoded);
      const known = pool.find(({ hash }) => hex(hash) === hex(signed.hash));
      if (known !== undefined) return known;
      const verdict = world.app.check(signed, world.tree, { network, height: world.height + 1, timeMs: world.timeMs });
      if (!verdict.accepted && verdict.code !== 'NONCE_AHEAD')
        throw new ConsensusError(
          { code: 'TRANSACTION_REFUSED', refusal: verdict.code, reason: verdict.reason },
          verdict.reason,
        );
      pool.push(signed);
      return signed;
    },
    settled: (hash: Uint8Array, signal?: AbortSignal) =>
      new Promise<number>((resolve, reject) => {
        waiters.set(hex(hash), { resolve, reject });
        signal?.addEventListener('abort', () => reject(signal.reason as Error));
      }),
    waiting: () => pool,
    block: async (height: number) => {
      const found = height > prunedUpTo ? blocks[height - 1] : undefined;
      // As a replica reads it back from its disk: what a block changed does not stand in it.
      return found === undefined ? null : { ...found, updates: [], encoded: new Uint8Array(0), validators: [] };
    },
    prove: async () => new Uint8Array(0),
    on: own.on.bind(own) as unknown as Replica['on'],
    start: async () => undefined,
    stop: async () => undefined,
  } as Replica;
  const followed: FollowedLedger = {
    id: hex(network),
    name: init.name ?? 'attic',
    home: init.home ?? false,
    replica,
    genesisBytes: new Uint8Array(0),
  };

  const it: LedgerWorld = {
    world,
    followed,
    replica,
    blocks,
    pool,
    quiet: false,
    submitted: 0,
    onSubmit: () => undefined,
    balance: (account) => {
      const { balance, yieldMicro } = readAccount(world.tree, account);
      return balance - yieldMicro;
    },
    block: ({ besides = [], ...given } = {}) => {
      const order = [...pool].sort(
        (one, other) =>
          (one.transaction.data as { nonce: number }).nonce - (other.transaction.data as { nonce: number }).nonce,
      );
      const proposer = given.proposer ?? world.app.validators(world.tree)[0]?.id ?? new Uint8Array(32);
      const output = world.block([...besides, ...order], { pick: true, ...given, proposer });
      const taken = new Set(output.taken.map(({ hash }) => hex(hash)));
      pool.splice(0, pool.length, ...pool.filter(({ hash }) => !taken.has(hex(hash))));
      const height = world.height;
      const header = {
        version: 1,
        network,
        height,
        previous: network,
        timeMs: world.timeMs,
        proposer,
        transactions: network,
        evidence: network,
        lastCommit: network,
        stateRoot: network,
        validators: network,
        nextValidators: network,
      } as const;
      const block: FinalBlock = {
        block: { header, hash: sha('block', height), transactions: [], evidence: [], lastCommit: null },
        commit: { height, round: 0, block: network, signatures: [] },
        transactions: output.taken,
        evidence: given.evidence ?? [],
        updates: output.updates,
      };
      blocks.push(block);
      if (!it.quiet) events.emit('final', { ledger: followed, block });
      for (const name of taken) waiters.get(name)?.resolve(height);
      return block;
    },
    drop: (hash) => {
      const place = pool.findIndex((one) => hex(one.hash) === hex(hash));
      if (place >= 0) pool.splice(place, 1);
      waiters.get(hex(hash))?.reject(new ConsensusError({ code: 'DROPPED', reason: 'too old' }, 'It was too old.'));
    },
    prune: (upTo) => {
      prunedUpTo = upTo;
    },
  };
  return it;
};
