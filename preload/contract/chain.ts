import { z } from 'zod';
import { bytes, timestampMs } from './common.ts';
import { defineCalls, definePushes, nothing } from './define.ts';
import { assetId, proofVerdict } from './proof.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const height = z.coerce.number().int().min(0);

export const blockSummary = z.strictObject({
  height: z.int(),
  hash,
  previous: hash.nullable(),
  timeMs: timestampMs,
  proposer: z.string(),
  /** Null when the body was pruned or cannot be opened. */
  transactions: z.int().nullable(),
  /** Kinds of its transactions, without repeats; empty when the body is not readable. */
  kinds: z.array(z.string()),
  /** Asset that it is about, where it is about one. */
  asset: z.string().nullable(),
  sealedBytes: bytes,
  body: z.enum(['readable', 'sealed', 'pruned']),
});
export type BlockSummary = z.infer<typeof blockSummary>;

export const transactionView = z.strictObject({
  hash,
  index: z.int(),
  kind: z.string(),
  asset: z.string().nullable(),
  /** The event of the same asset before this one. */
  previous: hash.nullable(),
  signer: z.string(),
  atMs: timestampMs,
  sizeBytes: bytes,
  /** The fields, bytes as hex, for reading. */
  data: z.record(z.string(), z.unknown()),
  /** Hash of its leaf under the Merkle root. */
  leaf: hash,
  /** Siblings from the leaf to the root, RFC 6962; hex. */
  inclusion: z.array(hash),
});

/** A block taken apart. */
export const blockView = blockSummary.extend({
  header: z.strictObject({
    version: z.int(),
    network: hash,
    height: z.int(),
    previous: hash.nullable(),
    merkleRoot: hash,
    stateRoot: hash,
    timeMs: timestampMs,
    difficulty: z.string().regex(/^\d+$/),
    proposer: z.string(),
  }),
  headerBytes: bytes,
  /** What a stranger who holds the sealed block sees, beside the header. */
  sealed: z.strictObject({ readers: z.int(), bytes, paddingBytes: bytes.nullable() }).nullable(),
  /** Sizes on the way: canonical, compressed. Null when the body is not readable. */
  canonicalBytes: bytes.nullable(),
  compressedBytes: bytes.nullable(),
  transactionsList: z.array(transactionView).nullable(),
  /**
   * Leaves under the Merkle root: transactions first, then state updates, proof and attachments. With it, and with
   * place, leaf and `inclusion` of a transaction, the root is computed again. Null when the body is not readable.
   */
  leaves: z.int().nullable(),
  stateUpdates: z.array(z.strictObject({ key: z.string(), removed: z.boolean(), sizeBytes: bytes })).nullable(),
  proof: proofVerdict.nullable(),
});
export type BlockView = z.infer<typeof blockView>;

/** One event of one asset's own chain. */
export const assetEvent = z.strictObject({
  asset: z.string(),
  /** From 0. */
  sequence: z.int(),
  kind: z.string(),
  hash,
  previous: hash.nullable(),
  height: z.int(),
  atMs: timestampMs,
});
export type AssetEvent = z.infer<typeof assetEvent>;

export const chainHead = z.strictObject({
  /** Null before the first block. */
  network: hash.nullable(),
  height: z.int().nullable(),
  hash: hash.nullable(),
  timeMs: timestampMs.nullable(),
  blocks: z.int(),
  /** Blocks whose bodies were pruned; they are the oldest. */
  pruned: z.int(),
  storedBytes: bytes,
  assets: z.int(),
  /** Why no block can be added now (locked, no identity); null when one can. */
  blocked: z.string().nullable(),
  /** The identity was restored, or its database is a new one, and there is no chain here: one is imported, or `chain:begin` begins a new one. */
  awaitsImport: z.boolean(),
});
export type ChainHead = z.infer<typeof chainHead>;

export const chainProblem = z.strictObject({ height: z.int().nullable(), code: z.string(), reason: z.string() });
export const chainVerification = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('never') }),
  z.strictObject({
    status: z.literal('running'),
    startedAtMs: timestampMs,
    checked: z.int(),
    total: z.int(),
    blocksPerSecond: z.number(),
  }),
  z.strictObject({
    status: z.literal('done'),
    startedAtMs: timestampMs,
    tookMs: z.number(),
    holds: z.boolean(),
    blocks: z.int(),
    /** Blocks of which only the header could be checked, and why. */
    headersOnly: z.int(),
    transactions: z.int(),
    proofs: z.int(),
    problems: z.array(chainProblem),
    notes: z.array(z.string()),
  }),
  z.strictObject({ status: z.literal('cancelled'), startedAtMs: timestampMs, checked: z.int(), total: z.int() }),
]);
export type ChainVerification = z.infer<typeof chainVerification>;

export const transferFile = z.strictObject({ name: z.string(), sizeBytes: bytes, modifiedAtMs: timestampMs });

export const chainCalls = defineCalls({
  'chain:head': {
    method: 'GET',
    path: '/v1/chain',
    summary: 'The newest block and how many there are',
    request: nothing,
    response: chainHead,
    cli: { command: 'chain head', examples: ['hypermesh chain head'] },
  },
  'chain:begin': {
    method: 'POST',
    path: '/v1/chain',
    summary: 'Begin a new chain after a restore, where there is none to import',
    request: nothing,
    response: chainHead,
    errors: ['IDENTITY_NONE', 'IDENTITY_LOCKED', 'NOT_OUR_CHAIN'],
    cli: { command: 'chain begin', examples: ['hypermesh chain begin'] },
  },
  'chain:list': {
    method: 'GET',
    path: '/v1/chain/blocks',
    summary: 'Blocks, newest first',
    request: z.strictObject({
      /** Only blocks below this height. */
      before: height.optional(),
      limit: z.coerce.number().int().min(1).max(500).default(50),
    }),
    response: z.array(blockSummary),
    cli: { command: 'chain list', examples: ['hypermesh chain list --limit 10'] },
  },
  'chain:block': {
    method: 'GET',
    path: '/v1/chain/blocks/{height}',
    summary: 'One block taken apart',
    request: z.strictObject({ height }),
    response: blockView,
    errors: ['BLOCK_UNKNOWN'],
    cli: { command: 'chain show', positionals: ['height'], examples: ['hypermesh chain show 3'] },
  },
  'chain:asset': {
    method: 'GET',
    path: '/v1/chain/assets/{asset}',
    summary: 'The chain of one asset, oldest first',
    request: z.strictObject({ asset: assetId }),
    response: z.array(assetEvent),
    errors: ['ASSET_UNKNOWN'],
    cli: { command: 'chain asset', positionals: ['asset'], examples: ['hypermesh chain asset asset:cpu:b…'] },
  },
  'chain:verification': {
    method: 'GET',
    path: '/v1/chain/verification',
    summary: 'The last verification of the whole chain, or the one that runs',
    request: nothing,
    response: chainVerification,
  },
  'chain:verify': {
    method: 'POST',
    path: '/v1/chain/verification',
    summary: 'Check the whole chain: every hash, signature, proof and state',
    request: nothing,
    response: chainVerification,
    errors: ['VERIFICATION_RUNNING', 'CHAIN_EMPTY'],
  },
  'chain:cancelVerify': {
    method: 'DELETE',
    path: '/v1/chain/verification',
    summary: 'Stop the verification that runs',
    request: nothing,
    response: chainVerification,
  },
  'chain:prune': {
    method: 'POST',
    path: '/v1/chain/prune',
    summary: 'Drop bodies of old blocks and keep their headers',
    /** `keep`: newest blocks whose bodies stay. */
    request: z.strictObject({ keep: z.int().min(1).max(1_000_000_000) }),
    response: chainHead,
    errors: ['IDENTITY_NONE', 'IDENTITY_LOCKED', 'CHAIN_EMPTY'],
    cli: { command: 'chain prune', examples: ['hypermesh chain prune --keep 100'] },
  },
  'chain:export': {
    method: 'POST',
    path: '/v1/chain/export',
    summary: 'Write the chain, or a part of it, to a file in the transfer folder',
    request: z.strictObject({
      from: z.int().min(0).default(0),
      /** Last height; the head when left out. */
      to: z.int().min(0).optional(),
      /** With the key of each block: whoever has the file can read and check all of it. Without: headers only can be checked. */
      readable: z.boolean().default(true),
    }),
    response: z.strictObject({ path: z.string(), name: z.string(), sizeBytes: bytes, blocks: z.int() }),
    errors: ['IDENTITY_LOCKED', 'CHAIN_EMPTY', 'RANGE_INVALID', 'EXPORT_NOT_WRITTEN'],
  },
  'chain:transfers': {
    method: 'GET',
    path: '/v1/chain/transfers',
    summary: 'Files in the transfer folder',
    request: nothing,
    response: z.strictObject({ folder: z.string(), files: z.array(transferFile) }),
  },
  'chain:import': {
    method: 'POST',
    path: '/v1/chain/import',
    summary: 'Check a chain file from the transfer folder and take over the blocks that are missing here',
    request: z.strictObject({ name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/) }),
    response: chainHead,
    errors: [
      'CHAIN_FILE_UNREADABLE',
      'CHAIN_FILE_NEWER',
      'CHAIN_OF_ANOTHER_NETWORK',
      'CHAIN_DIVERGES',
      'CHAIN_INVALID',
      'IDENTITY_NONE',
      'IDENTITY_LOCKED',
    ],
  },
});
export const chainPushes = definePushes({
  block: { summary: 'When a block was stored', payload: blockSummary },
  chain: { summary: 'When the head changed, or what can be added to it', payload: chainHead },
  verification: { summary: 'When verification starts, moves on or ends', payload: chainVerification },
});
