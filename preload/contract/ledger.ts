import { z } from 'zod';
import { proofKind, resourceKind, timestampMs } from './common.ts';
import { defineCalls, definePushes, nothing } from './define.ts';
import { capacityUnit } from './hardware.ts';

/** Sha2-256 of a network's genesis, hex: names its ledger. */
export const ledgerId = z.string().regex(/^[0-9a-f]{64}$/, 'not the name of a ledger; it has 64 hexadecimal digits');
/** What a person types for a ledger: its name, its id or the beginning of that, or `home`. */
const ledgerName = z.string().trim().min(1).max(64).describe('the name of a network, or the beginning of its id');
const hash = z.string().regex(/^[0-9a-f]{64}$/);
/** Micro-CAES as decimal text: exact. */
export const microCaes = z.string().regex(/^\d{1,20}$/, 'not a whole number of micro-CAES');
/** `caes1` and 58 more, with a checksum: docs/formats/account.md. */
export const accountAddress = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^caes1[02-9ac-hj-np-z]{58}$/, 'not an address; it begins with caes1 and has 63 characters')
  .describe('an address, caes1…');
export type AccountAddress = z.infer<typeof accountAddress>;

export const ledgerSync = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('alone') }),
  z.strictObject({ state: z.literal('current') }),
  z.strictObject({ state: z.literal('blocks'), height: z.int(), target: z.int(), fromPeer: z.string() }),
  z.strictObject({
    state: z.literal('snapshot'),
    receivedChunks: z.int(),
    chunks: z.int(),
    target: z.int(),
    fromPeer: z.string(),
  }),
]);
/** One network whose ledger this node follows. */
export const ledgerSummary = z.strictObject({
  id: ledgerId,
  name: z.string(),
  /** The one-validator network that every identity begins with. */
  home: z.boolean(),
  /** What leases are settled on, and what the wallet shows. */
  current: z.boolean(),
  height: z.int(),
  timeMs: timestampMs.nullable(),
  /** This node is one of its validators now. */
  isValidator: z.boolean(),
  validators: z.int(),
  peers: z.int(),
  sync: ledgerSync,
  /** Why it goes no further and what to do; null while all is well. */
  halted: z.string().nullable(),
});
export type LedgerSummary = z.infer<typeof ledgerSummary>;
export const validatorView = z.strictObject({
  /** `key:…` of its node. */
  id: z.string(),
  peerId: z.string(),
  name: z.string(),
  self: z.boolean(),
  account: accountAddress.nullable(),
  power: z.int(),
  powerPermille: z.int(),
  stakeMicro: microCaes,
  /** Of the last blocks, at most 100: how many it signed. */
  signed: z.int(),
  blocks: z.int(),
  missedProposals: z.int(),
  leftOut: z.int(),
  lastHeardMs: timestampMs.nullable(),
  /** `silent`, `slow` and `censoring` cannot be proved: shown, and cost standing. `out`: put out by evidence or downtime. */
  state: z.enum(['signing', 'slow', 'silent', 'censoring', 'out']),
  /** Why, one sentence. */
  sentence: z.string(),
});
export type ValidatorView = z.infer<typeof validatorView>;
export const evidenceView = z.strictObject({
  validator: z.string(),
  name: z.string(),
  height: z.int(),
  /** Height of the block that it stands in; null while it waits for one. */
  inBlock: z.int().nullable(),
  atMs: timestampMs,
  slashedMicro: microCaes.nullable(),
  sentence: z.string(),
});
export const memberView = z.strictObject({ account: accountAddress, name: z.string(), mayValidate: z.boolean() });
/** One parameter of a network, as its keepers see it. */
export const parameterView = z.strictObject({
  /** Such as `consensus.heartbeatMs` or `economy.burnPermille`. */
  name: z.string(),
  value: z.string(),
  unit: z.string(),
  min: z.string(),
  max: z.string(),
  /** Set when the network began; nobody can change it. */
  fixed: z.boolean(),
  /** What it does, one sentence. */
  sentence: z.string(),
});
export const ledgerView = ledgerSummary.extend({
  hash: hash.nullable(),
  round: z.int(),
  step: z.enum(['waiting', 'propose', 'prevote', 'precommit', 'commit']),
  waitingTransactions: z.int(),
  waitingBytes: z.int(),
  validatorsList: z.array(validatorView),
  evidence: z.array(evidenceView),
  /** Who may list what they lend, earn without a stake and, where let, validate; anybody may hold and send. Empty where all may all of it. */
  members: z.array(memberView),
  admins: z.array(accountAddress),
  /** One of this wallet's accounts is an admin. */
  isAdmin: z.boolean(),
  parameters: z.array(parameterView),
  supply: z.strictObject({
    totalMicro: microCaes,
    genesisMicro: microCaes,
    mintedMicro: microCaes,
    burntMicro: microCaes,
    stakedMicro: microCaes,
  }),
  /** How much is minted in this epoch and the next ones, and by which rule; one sentence each. */
  schedule: z.array(z.string()),
  epoch: z.strictObject({ number: z.int(), endsAtMs: timestampMs }),
  prices: z.array(
    z.strictObject({
      kind: resourceKind,
      unit: capacityUnit,
      /** What the price is for, in the unit, for an hour: a core, a GiB. */
      reference: z.int(),
      priceMicro: microCaes,
      minMicro: microCaes,
      maxMicro: microCaes,
      utilisationPermille: z.int(),
    }),
  ),
});
export type LedgerView = z.infer<typeof ledgerView>;
export const ledgerTransaction = z.strictObject({
  hash,
  kind: z.string(),
  from: accountAddress,
  fromName: z.string(),
  feeMicro: microCaes,
  amountMicro: microCaes.nullable(),
  to: accountAddress.nullable(),
  toName: z.string(),
  /** What it says, one sentence. */
  sentence: z.string(),
  sizeBytes: z.int(),
  atMs: timestampMs,
});
export type LedgerTransaction = z.infer<typeof ledgerTransaction>;
export const ledgerBlockSummary = z.strictObject({
  height: z.int(),
  hash,
  timeMs: timestampMs,
  proposer: z.string(),
  proposerName: z.string(),
  transactions: z.int(),
  evidence: z.int(),
  sizeBytes: z.int(),
  /** Signatures under it, of how many validators. */
  signatures: z.int(),
  validators: z.int(),
  round: z.int(),
});
export type LedgerBlockSummary = z.infer<typeof ledgerBlockSummary>;
export const ledgerBlockView = ledgerBlockSummary.extend({
  previous: hash,
  stateRoot: hash,
  signers: z.array(z.strictObject({ name: z.string(), id: z.string(), signed: z.boolean(), power: z.int() })),
  transactionsList: z.array(ledgerTransaction),
});
export type LedgerBlockView = z.infer<typeof ledgerBlockView>;

/** What a receipt file shows to whoever checks it, docs/formats/receipt-file.md. */
export const receiptVerdict = z.strictObject({
  passed: z.boolean(),
  findings: z.array(
    z.strictObject({
      check: z.enum(['genesis', 'offer', 'request', 'grant', 'receipt', 'proof', 'payment', 'block', 'signatures']),
      passed: z.boolean(),
      /** Null where it passed. */
      code: z.string().nullable(),
      sentence: z.string(),
    }),
  ),
  /** What it says where it passed; null otherwise. */
  receipt: z
    .strictObject({
      network: z.string(),
      networkId: ledgerId,
      lease: z.string(),
      kind: resourceKind,
      unit: capacityUnit,
      amount: z.int(),
      unitSeconds: z.number(),
      startsAtMs: timestampMs,
      endsAtMs: timestampMs,
      lender: z.string(),
      lenderAccount: accountAddress,
      borrower: z.string(),
      borrowerAccount: accountAddress,
      paidMicro: microCaes,
      burntMicro: microCaes,
      proofs: z.array(z.strictObject({ kind: proofKind, passed: z.boolean() })),
      /** Block that it was paid in. */
      height: z.int(),
      /** Block whose signatures vouch for it, that one or a later one, and its hash. */
      vouchedHeight: z.int(),
      block: hash,
      transaction: hash,
      settledAtMs: timestampMs,
      signers: z.array(z.string()),
    })
    .nullable(),
});
export type ReceiptVerdict = z.infer<typeof receiptVerdict>;

export const newNetwork = z.strictObject({
  name: z
    .string()
    .trim()
    .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'not a name of a network; use small letters, digits and hyphens'),
  /** Peer ids, names or certificates of nodes that validate from the start, besides this one. */
  validators: z
    .array(z.string().min(1).max(16_384))
    .max(99)
    .default([])
    .describe('names of peers, or their certificates in base64'),
  /** Accounts that have something from the start: address and CAES, such as `caes1…=1000`. */
  accounts: z.array(z.string().max(128)).max(1000).default([]).describe('an address and CAES, such as caes1…=1000'),
  /** CAES that this wallet's account begins with. */
  ownCaes: z.coerce.number().int().min(0).max(1_000_000_000).default(1_000_000),
  /** `anyone` may list what they lend, earn without a stake and validate; otherwise those whom an admin lets in. */
  members: z.enum(['anyone', 'admitted']).default('admitted'),
  heartbeatSeconds: z.coerce.number().int().min(1).max(86_400).default(60),
  epochMinutes: z.coerce.number().int().min(1).max(525_600).default(60),
});
export type NewNetwork = z.infer<typeof newNetwork>;

const genesisFile = z.base64().min(1).max(4_000_000);
const ledgerErrors = ['LEDGER_UNKNOWN', 'LEDGER_AMBIGUOUS'] as const;

export const ledgerCalls = defineCalls({
  'ledgers:list': {
    method: 'GET',
    path: '/v1/ledgers',
    summary: 'Networks whose ledger this node follows',
    request: nothing,
    response: z.strictObject({ ledgers: z.array(ledgerSummary) }),
    cli: { command: 'network list', examples: ['hypermesh network list'] },
  },
  'ledgers:get': {
    method: 'GET',
    path: '/v1/ledgers/{ledger}',
    summary: 'One network: its validators, members, parameters, prices and how far it is',
    request: z.strictObject({ ledger: ledgerName.default('current') }),
    response: ledgerView,
    errors: ledgerErrors,
    cli: {
      command: 'network show',
      positionals: ['ledger'],
      examples: ['hypermesh network show', 'hypermesh network show home'],
    },
  },
  'ledgers:create': {
    method: 'POST',
    path: '/v1/ledgers',
    summary: 'Founds a network: makes its genesis, joins it, and makes it the current one',
    request: newNetwork,
    response: z.strictObject({ ledger: ledgerSummary, fileName: z.string(), genesis: genesisFile }),
    errors: [
      'IDENTITY_NONE',
      'IDENTITY_LOCKED',
      'PEER_UNKNOWN',
      'PEER_AMBIGUOUS',
      'GENESIS_INVALID',
      'LEDGERS_FULL',
      'NAME_TAKEN',
    ],
  },
  'ledgers:genesis': {
    method: 'GET',
    path: '/v1/ledgers/{ledger}/genesis',
    summary: 'The file that others join a network with',
    request: z.strictObject({ ledger: ledgerName.default('current') }),
    response: z.strictObject({ fileName: z.string(), genesis: genesisFile }),
    errors: ledgerErrors,
  },
  'ledgers:join': {
    method: 'POST',
    path: '/v1/ledgers/join',
    summary: 'Follows the network of a genesis file, and makes it the current one',
    request: z.strictObject({
      genesis: genesisFile,
      /** What settles and what the wallet shows from now on. */
      use: z.boolean().default(true),
    }),
    response: ledgerSummary,
    errors: ['GENESIS_INVALID', 'GENESIS_NEWER', 'LEDGERS_FULL'],
  },
  'ledgers:use': {
    method: 'POST',
    path: '/v1/ledgers/{ledger}/use',
    summary: 'Makes a network the one that leases are settled on and the wallet shows',
    request: z.strictObject({ ledger: ledgerName }),
    response: ledgerSummary,
    errors: ledgerErrors,
    cli: {
      command: 'network use',
      positionals: ['ledger'],
      examples: ['hypermesh network use attic', 'hypermesh network use home'],
    },
  },
  'ledgers:vouch': {
    method: 'POST',
    path: '/v1/ledgers/{ledger}/vouch',
    summary:
      'Lets this node sign blocks although its disk does not know what its identity signed before. For an identity that signed nowhere else, or a network that stands still without it: what a lost or emptied disk signed at the present height may be contradicted by this one, and that costs stake',
    request: z.strictObject({ ledger: ledgerName.default('current') }),
    response: ledgerSummary,
    errors: ledgerErrors,
    cli: { command: 'network vouch', positionals: ['ledger'], examples: ['hypermesh network vouch lab'] },
  },
  'ledgers:leave': {
    method: 'DELETE',
    path: '/v1/ledgers/{ledger}',
    summary: 'Forgets the ledger of a network; what accounts have there stays theirs',
    request: z.strictObject({ ledger: ledgerName }),
    response: z.strictObject({ ledgers: z.array(ledgerSummary) }),
    errors: [...ledgerErrors, 'HOME_STAYS', 'STILL_VALIDATOR'],
    cli: { command: 'network leave', positionals: ['ledger'], examples: ['hypermesh network leave lab'] },
  },
  'ledgers:blocks': {
    method: 'GET',
    path: '/v1/ledgers/{ledger}/blocks',
    summary: 'Blocks of a ledger, newest first',
    request: z.strictObject({
      ledger: ledgerName.default('current'),
      before: z.coerce.number().int().min(1).optional(),
      limit: z.coerce.number().int().min(1).max(100).default(30),
    }),
    response: z.strictObject({ blocks: z.array(ledgerBlockSummary) }),
    errors: ledgerErrors,
    cli: { command: 'network blocks', positionals: ['ledger'], examples: ['hypermesh network blocks --limit 5'] },
  },
  'ledgers:block': {
    method: 'GET',
    path: '/v1/ledgers/{ledger}/blocks/{height}',
    summary: 'One block of a ledger: who signed it and what stands in it',
    request: z.strictObject({ ledger: ledgerName.default('current'), height: z.coerce.number().int().min(1) }),
    response: ledgerBlockView,
    errors: [...ledgerErrors, 'BLOCK_UNKNOWN'],
    cli: { command: 'network block', positionals: ['height'], examples: ['hypermesh network block 12'] },
  },
  'receipts:file': {
    method: 'POST',
    path: '/v1/receipts/{lease}/file',
    summary:
      'What was lent, how it was proved and what was paid for one lease, to be checked by anybody without a node',
    request: z.strictObject({
      lease: z.string().trim().min(1).max(64).describe('a lease id, or the beginning of one'),
    }),
    response: z.strictObject({ fileName: z.string(), bytes: z.base64() }),
    errors: ['LEASE_UNKNOWN', 'LEASE_AMBIGUOUS', 'NOT_SETTLED'],
  },
  'receipts:verify': {
    method: 'POST',
    path: '/v1/receipts/verify',
    summary: 'Checks a receipt file with what it holds and nothing else',
    request: z.strictObject({ file: z.base64().min(1).max(8_000_000) }),
    response: receiptVerdict,
    errors: ['RECEIPT_MALFORMED', 'RECEIPT_NEWER'],
  },
});
export const ledgerPushes = definePushes({
  ledgers: {
    summary: 'When a ledger grows, is joined, left or halts; at most twice a second',
    payload: z.strictObject({ ledgers: z.array(ledgerSummary) }),
  },
});
