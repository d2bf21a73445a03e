import { z } from 'zod';
import { bytes, proofKind, reading, resourceKind, timestampMs } from './common.ts';
import { defineCalls, definePushes, nothing } from './define.ts';
import { capacityUnit } from './hardware.ts';

export const assetId = z
  .string()
  .regex(/^asset:[a-z]{2,16}:b[a-z2-7]{58}$/, 'not an asset id; `hypermesh hardware assets` lists them');
const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** Result of checking one proof. */
export const proofCheck = z.strictObject({
  kind: proofKind,
  passed: z.boolean(),
  /** Stable code of the first thing that is wrong, such as `CHALLENGE_MISMATCH`; null when it passed. */
  code: z.string().nullable(),
  /** One sentence: what was shown, or what is wrong. */
  reason: z.string(),
  /** Bytes of this proof. */
  sizeBytes: bytes,
});
export type ProofCheck = z.infer<typeof proofCheck>;

export const proofVerdict = z.strictObject({
  /** All that was required has passed. */
  passed: z.boolean(),
  /** SHA-256 over the canonical bytes of the four, hex. */
  combined: hash,
  /** Always four, in the order of `proofKinds`. */
  checks: z.array(proofCheck).length(4),
  asset: z.string(),
  /** Key id of the node that made it. */
  node: z.string(),
  purpose: z.string(),
  /** From the challenge to the last signature, by the prover's clock. */
  issuedAtMs: timestampMs,
  finishedAtMs: timestampMs,
  expiresAtMs: timestampMs,
  /** What a check without the node cannot know, a sentence each: such as that the challenge is not the reader's own. */
  notes: z.array(z.string()),
});
export type ProofVerdict = z.infer<typeof proofVerdict>;

/** What the proof shows that the asset can do. */
export const provenCapacity = z.strictObject({
  /** Such as `Matrix product, one thread`, or `Space on disk`. */
  label: z.string(),
  value: z.number().min(0),
  unit: z.enum(['multiplicationsPerSecond', 'bytes']),
});
export type ProvenCapacity = z.infer<typeof provenCapacity>;

/** One combined proof that this node made and checked. */
export const proofEntry = z.strictObject({
  /** SHA-256 of the combined proof, hex; names it. */
  id: hash,
  asset: z.string(),
  purpose: z.string(),
  madeAtMs: timestampMs,
  tookMs: z.number(),
  sizeBytes: bytes,
  verdict: proofVerdict,
  capacity: reading(provenCapacity),
  /** Why it was made. */
  cause: z.enum(['registered', 'levelChanged', 'inventoryChanged', 'schedule', 'asked']),
  /** Height of the block that holds it; null when it was made for a file. */
  height: z.int().nullable(),
});
export type ProofEntry = z.infer<typeof proofEntry>;

/** A mark of the Proofs page: one proof of one asset, as it stands now. */
export const proofMark = z.strictObject({
  kind: proofKind,
  status: z.enum(['passed', 'failed', 'stale', 'none']),
  /** Why it is so, one sentence. */
  reason: z.string(),
  checkedAtMs: timestampMs.nullable(),
});
export const assetProofs = z.strictObject({
  asset: z.string(),
  kind: resourceKind,
  resource: z.string(),
  label: z.string(),
  present: z.boolean(),
  capacity: reading(z.int()),
  unit: capacityUnit,
  marks: z.array(proofMark).length(4),
  proven: reading(provenCapacity),
  /** Newest last, at most 100. */
  history: z.array(z.strictObject({ atMs: timestampMs, passed: z.boolean(), capacity: provenCapacity.nullable() })),
  /** When the schedule makes the next one; null while none is planned. */
  nextAtMs: timestampMs.nullable(),
});
export type AssetProofs = z.infer<typeof assetProofs>;

/** The proof that is being made, and what waits. */
export const proverState = z.strictObject({
  status: z.enum(['idle', 'working', 'waiting', 'off']),
  /** One sentence: what it does, what it waits for (such as the owner's level), or why it is off (no identity, locked). */
  reason: z.string(),
  current: z
    .strictObject({
      asset: z.string(),
      /** Null while none of the four is being made: plotting, checking, writing the block. */
      step: z.enum(['plot', 'space', 'work', 'time', 'stake', 'check', 'block']),
      progressPercent: z.number().min(0).max(100),
      startedAtMs: timestampMs,
      cancellable: z.boolean(),
    })
    .nullable(),
  /** Assets whose proofs wait, in order. */
  queue: z.array(z.string()),
  plot: z.strictObject({
    /** Space that is to be plotted, and what is there. */
    wantedBytes: bytes,
    plottedBytes: bytes,
  }),
});
export type ProverState = z.infer<typeof proverState>;

export const proofPlan = z.strictObject({
  /** Off: nothing is proved unless asked for. */
  automatic: z.boolean(),
  everyHours: z.int().min(1).max(720),
  /** Space kept for proofs of space; part of what the storage level allows. */
  spaceBytes: z
    .int()
    .min(1024 * 1024)
    .max(1024 * 1024 * 1024 * 1024),
});
export type ProofPlan = z.infer<typeof proofPlan>;

/** Largest proof file that is read at all. */
export const PROOF_FILE_BYTES_MAX = 4 * 1024 * 1024;

export const proofCalls = defineCalls({
  'proof:assets': {
    method: 'GET',
    path: '/v1/proofs/assets',
    summary: 'Each asset with its four proofs',
    request: nothing,
    response: z.array(assetProofs),
    cli: { command: 'proof show', examples: ['hypermesh proof show'] },
  },
  'proof:state': {
    method: 'GET',
    path: '/v1/proofs/state',
    summary: 'What the prover does now, and what waits',
    request: nothing,
    response: proverState,
    cli: { command: 'proof state', examples: ['hypermesh proof state'] },
  },
  'proof:list': {
    method: 'GET',
    path: '/v1/proofs',
    summary: 'Proofs that were made, newest first',
    request: z.strictObject({
      asset: assetId.optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(50),
    }),
    response: z.array(proofEntry),
    cli: { command: 'proof list', examples: ['hypermesh proof list --limit 10'] },
  },
  'proof:make': {
    method: 'POST',
    path: '/v1/proofs',
    summary: 'Prove one asset now',
    request: z.strictObject({
      asset: assetId,
      purpose: z
        .string()
        .regex(/^[a-z][a-z0-9.-]{0,63}$/, 'a purpose is lower-case words, such as `audit`')
        .default('audit'),
      /** 32 bytes of hex that whoever asks has chosen; without one the node chooses. */
      challenge: hash.optional(),
    }),
    /** Returns when the proof is made and checked, which takes seconds to minutes at the owner's level. */
    response: proofEntry,
    errors: [
      'IDENTITY_NONE',
      'IDENTITY_LOCKED',
      'ASSET_UNKNOWN',
      'PROVER_BUSY',
      'PROOF_CANCELLED',
      'NO_SPACE_PLOTTED',
      'PROOF_FAILED',
    ],
  },
  'proof:cancel': {
    method: 'DELETE',
    path: '/v1/proofs/current',
    summary: 'Stop the proof that is being made',
    request: nothing,
    response: proverState,
    cli: { command: 'proof cancel', examples: ['hypermesh proof cancel'] },
  },
  'proof:file': {
    method: 'GET',
    path: '/v1/proofs/{id}/file',
    summary: 'A proof as a file that anyone can check',
    request: z.strictObject({ id: hash }),
    response: z.strictObject({ fileName: z.string(), file: z.base64() }),
    errors: ['PROOF_UNKNOWN'],
  },
  'proof:verify': {
    method: 'POST',
    path: '/v1/proofs/verify',
    summary: 'Check a proof file, of this node or another',
    request: z.strictObject({
      file: z.string().max(Math.ceil(PROOF_FILE_BYTES_MAX / 3) * 4),
      /** What the file must answer; without it the check says that the challenge is the prover's own. */
      challenge: hash.optional(),
    }),
    response: proofVerdict,
    errors: ['PROOF_UNREADABLE'],
  },
  'proof:getPlan': {
    method: 'GET',
    path: '/v1/proofs/plan',
    summary: 'How often proofs are made and how much space they use',
    request: nothing,
    response: proofPlan,
    cli: { command: 'proof plan', examples: ['hypermesh proof plan'] },
  },
  'proof:setPlan': {
    method: 'PATCH',
    path: '/v1/proofs/plan',
    summary: 'Change how often proofs are made and how much space they use',
    request: proofPlan.partial(),
    response: proofPlan,
  },
});
export const proofPushes = definePushes({
  prover: { summary: 'When the prover starts, moves on, waits or ends', payload: proverState },
  proofs: { summary: 'When a proof was made or grew stale', payload: z.array(assetProofs) },
});
