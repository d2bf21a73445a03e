import { createHash } from 'node:crypto';
import type { AssetId } from '../../../../../main/base/index.ts';
import { createCaesarApp } from '../../../../../main/apps/caesar/ledger/create-caesar-app.ts';
import { groupEconomy } from '../../../../../main/apps/caesar/ledger/economies.ts';
import type { TransactionFact } from '../../../../../main/apps/caesar/ledger/fact.ts';
import type {
  CaesarKind,
  EconomyGenesis,
  EconomyParams,
  TransactionFields,
} from '../../../../../main/apps/caesar/ledger/interface.ts';
import { hexOf } from '../../../../../main/apps/caesar/ledger/keys.ts';
import { readAccount } from '../../../../../main/apps/caesar/ledger/read-state.ts';
import { draftTransaction, recordBytesOf } from '../../../../../main/apps/caesar/ledger/transactions.ts';
import { caesarTasks } from '../../../../../main/apps/caesar/tasks.ts';
import { keyIdText, type KeyIdBytes } from '../../../../../main/base/crypto/index.ts';
import { decodeCbor } from '../../../../../main/base/index.ts';
import type { SignedTransaction, StateUpdate, Transaction } from '../../../../../main/kernel/blocks/index.ts';
import {
  type Application,
  type ApplyOutput,
  atOnce,
  type Evidence,
  type Genesis,
} from '../../../../../main/kernel/consensus/index.ts';
import { createLedgerTree, type LedgerTree } from '../../../../../main/kernel/consensus/state/index.ts';
import { createInlineWorkers } from '../../../../support/stoq/inline-workers.ts';

export const sha = (...parts: (string | Uint8Array | number)[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(typeof part === 'number' ? String(part) : part);
  return new Uint8Array(hash.digest());
};
/** Ids without keys: the application never sees a signature. */
export const accountId = (name: string | number): KeyIdBytes => sha('account', name);
export const nodeId = (name: string | number): KeyIdBytes => sha('node', name);
export const leaseId = (name: string | number): Uint8Array => sha('lease', name).slice(0, 16);
export const keysOf = (name: string | number) => ({
  ed25519: sha('ed25519', name),
  falcon1024: new Uint8Array(1793).fill(sha('falcon', name)[0]!),
});
export const ASSET = `asset:cpu:b${'a'.repeat(58)}` as AssetId;
export const START_MS = Date.UTC(2026, 0, 5, 9);
export const NETWORK = sha('network');
export const MINUTE_MS = 60_000;

export const CONSENSUS: Genesis['params'] = {
  blockBytesMax: 4 * 1024 * 1024,
  transactionsMax: 1024,
  heartbeatMs: 60_000,
  proposeMs: 1000,
  voteMs: 1000,
  growMs: 500,
  commitMs: 0,
  clockAheadMs: 10_000,
  evidenceBlocksMax: 100_000,
};
/** Everything in minutes, so that a test sees it all in some tens of blocks. */
export const QUICK: Partial<EconomyParams> = {
  feePerByte: 0n,
  burnPermille: 20,
  disputeMs: 5 * MINUTE_MS,
  unbondMs: 20 * MINUTE_MS,
  epochMs: 10 * MINUTE_MS,
  emissionPerEpoch: 1_000_000n,
  halvingEpochs: 4,
  keepEpochs: 3,
  validatorStakeMin: 1_000n,
  stakePerPower: 1_000n,
  rewardFree: 50_000n,
  rewardStakePermille: 100,
  dustMicro: 100n,
};

export interface WorldInit {
  founders?: readonly { account: KeyIdBytes; node: KeyIdBytes | null; admin: boolean }[];
  params?: Partial<EconomyParams>;
  power?: number;
  change?: (economy: EconomyGenesis) => EconomyGenesis;
}
export const FOUNDERS = [0, 1, 2, 3].map((place) => ({
  account: accountId(place),
  node: nodeId(place),
  admin: place === 0,
}));

export interface BlockInit {
  /** Since the last block. @default 1000 */
  afterMs?: number;
  pick?: boolean;
  evidence?: readonly Evidence[];
  signers?: readonly { validator: KeyIdBytes; signed: boolean }[];
  facts?: ReadonlyMap<string, TransactionFact>;
  bytesMax?: number;
  proposer?: KeyIdBytes;
}
/** One replica's state, driven block by block without any agreement. */
export interface World {
  readonly app: Application;
  readonly genesis: Genesis;
  readonly tree: LedgerTree;
  height: number;
  timeMs: number;
  /** What nobody has a key for. Fee and nonce are right where they are not given. */
  sign<K extends CaesarKind>(
    signer: KeyIdBytes,
    kind: K,
    fields: TransactionFields[K],
    given?: { nonce?: number; fee?: bigint; atMs?: number; network?: Uint8Array },
  ): SignedTransaction;
  /** Tries a block; nothing of the state changes. */
  attempt(transactions: readonly SignedTransaction[], init?: BlockInit): ApplyOutput;
  /** A block; throws when it is refused. */
  block(transactions?: readonly SignedTransaction[], init?: BlockInit): Extract<ApplyOutput, { ok: true }>;
  /** Blocks with nothing in them until so much time is over. */
  wait(ms: number): void;
  /** The code that a transaction alone in a block is refused with; null when it stands. */
  refusal(transaction: SignedTransaction, init?: BlockInit): string | null;
}

export const asSigned = (payload: Uint8Array, signerBytes: KeyIdBytes): SignedTransaction => {
  const value = decodeCbor(payload) as Transaction & { v: number };
  const { v: _, version: __, ...rest } = value;
  const encoded = new Uint8Array(recordBytesOf(payload));
  encoded.set(sha(payload, signerBytes));
  return {
    hash: sha(payload, signerBytes),
    encoded,
    transaction: { version: 1, ...rest },
    signer: keyIdText(signerBytes),
    signerBytes,
  };
};

export const worldGenesis = ({
  founders = FOUNDERS,
  params = {},
  power = 10,
  change = (same) => same,
}: WorldInit = {}): Genesis => ({
  version: 1,
  name: 'test',
  nonce: sha('nonce'),
  createdAtMs: START_MS,
  validators: founders
    .flatMap(({ node }) => (node === null ? [] : [{ id: node, keys: keysOf(hexOf(node)), power }]))
    .sort((one, other) => Buffer.compare(one.id, other.id)),
  params: CONSENSUS,
  app: change(groupEconomy(founders, { ...QUICK, ...params })),
});

export const createWorld = (init: WorldInit = {}): World => {
  const app = createCaesarApp({ workers: createInlineWorkers({ rooms: { caesar: async () => caesarTasks } }) });
  const genesis = worldGenesis(init);
  const tree = createLedgerTree(app.genesis(genesis).map(({ key, value }) => [key, value!] as const));
  const proposerOf = (): KeyIdBytes => app.validators(tree)[0]!.id;
  const inputOf = (transactions: readonly SignedTransaction[], given: BlockInit) => ({
    network: NETWORK,
    height: world.height + 1,
    timeMs: world.timeMs + (given.afterMs ?? 1000),
    previousTimeMs: world.timeMs,
    proposer: given.proposer ?? proposerOf(),
    transactions,
    evidence: given.evidence ?? [],
    signers: given.signers ?? app.validators(tree).map(({ id }) => ({ validator: id, signed: true })),
    pick: given.pick ?? false,
    bytesMax: given.bytesMax ?? CONSENSUS.blockBytesMax,
    facts: given.facts ?? new Map<string, TransactionFact>(),
  });
  const world: World = {
    app,
    genesis,
    tree,
    height: 0,
    timeMs: START_MS,
    sign: (signer, kind, fields, given = {}) =>
      asSigned(
        draftTransaction(kind, fields, {
          network: given.network ?? NETWORK,
          nonce: given.nonce ?? readAccount(tree, signer).nonce,
          fee: given.fee ?? 0n,
          atMs: given.atMs ?? world.timeMs,
        }),
        signer,
      ),
    attempt: (transactions, given = {}) => atOnce(app.apply(inputOf(transactions, given), tree)),
    block: (transactions = [], given = {}) => {
      const output = atOnce(app.apply(inputOf(transactions, given), tree));
      if (!output.ok) throw new Error(`The block was refused: ${output.code}: ${output.reason}`);
      tree.apply(output.updates);
      world.height += 1;
      world.timeMs += given.afterMs ?? 1000;
      return output;
    },
    wait: (ms) => {
      for (let left = ms; left > 0; left -= MINUTE_MS) world.block([], { afterMs: Math.min(left, MINUTE_MS) });
    },
    refusal: (transaction, given = {}) => {
      const output = world.attempt([transaction], given);
      return output.ok ? null : output.code;
    },
  };
  return world;
};

/** As if a thread had found the certificate of a node and its account to hold. */
export const certificateFact = (
  node: string | number,
  account: KeyIdBytes,
  issuedAtMs = START_MS,
): TransactionFact => ({
  ok: true,
  what: 'certificate',
  node: nodeId(node),
  keys: keysOf(node),
  account,
  issuedAtMs,
});
/** As if both had signed such a receipt. */
export const settlementFact = (
  change: Partial<Extract<TransactionFact, { what: 'settlement' }>> = {},
): TransactionFact => ({
  ok: true,
  what: 'settlement',
  lender: nodeId(1),
  borrower: nodeId('borrower'),
  receipt: sha('receipt', change.sequence ?? 1),
  sequence: 1,
  final: false,
  owed: 1000n,
  unitSeconds: 3_600_000n,
  uptimePermille: 1000,
  proof: null,
  ...change,
});
export const factsOf = (
  ...pairs: readonly (readonly [SignedTransaction, TransactionFact])[]
): ReadonlyMap<string, TransactionFact> => new Map(pairs.map(([{ hash }, fact]) => [hexOf(hash), fact]));
export const settleFields = (
  lease: Uint8Array,
  change: Partial<TransactionFields['lease.settle']> = {},
): TransactionFields['lease.settle'] => ({
  lease,
  asset: ASSET,
  grant: Uint8Array.of(1),
  receipt: Uint8Array.of(2),
  countersign: Uint8Array.of(3),
  proof: null,
  ...change,
});
export const CERTIFICATE = Uint8Array.of(1, 2, 3);
export type { StateUpdate };
