import { z } from 'zod';
import { flag, timestampMs } from './common.ts';
import { defineCalls, definePushes, nothing } from './define.ts';
import { accountAddress, ledgerId, microCaes } from './ledger.ts';

/** What a person types for an account of the wallet: its name or address, or the beginning of it. */
const accountName = z.string().trim().min(1).max(80).describe('an account of this wallet: its name or address');
/** Decimal CAES as a person types it, such as 12.5; at most six places. */
const amount = z
  .string()
  .trim()
  .regex(/^\d{1,13}([.,]\d{1,6})?$/, 'not an amount of CAES; write it like 12.5, with six places at most')
  .describe('CAES, such as 12.5');
const label = z.string().trim().min(1).max(64);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const passphrase = z.string().min(1).max(1024);

export const walletAccount = z.strictObject({
  address: accountAddress,
  name: z.string(),
  /** `own`: from the phrase. `watch`: somebody's, looked at. */
  kind: z.enum(['own', 'watch']),
  /** Place in the phrase, from 0; null for a watched one. */
  index: z.int().nullable(),
  availableMicro: microCaes,
  /** Set aside for leases that run. */
  escrowedMicro: microCaes,
  stakedMicro: microCaes,
  /** Taken out of the stake and not free yet. */
  unbondingMicro: microCaes,
  /** When the first of it is free; null without any. */
  unbondedAtMs: timestampMs.nullable(),
  /** In transactions that are not final yet: out of this account, and into it. */
  outgoingMicro: microCaes,
  incomingMicro: microCaes,
});
export type WalletAccount = z.infer<typeof walletAccount>;
export const walletView = z.strictObject({
  /** Null before there is an identity. */
  ledger: z.strictObject({ id: ledgerId, name: z.string(), height: z.int(), current: z.boolean() }).nullable(),
  status: z.enum(['none', 'locked', 'unlocked']),
  /** Why nothing can be signed and what to do; null when it can. */
  reason: z.string().nullable(),
  accounts: z.array(walletAccount),
  /** Of own accounts together. */
  totalMicro: microCaes,
  /** Locks by itself after so many minutes without use; 0: never. */
  lockAfterMinutes: z.int(),
  /** What signing asks for: the window's own dialog, or the passphrase. */
  approval: z.enum(['dialog', 'passphrase']),
  /** Smallest fee of a transfer now. */
  feeMicro: microCaes,
  rewards: z.strictObject({ yieldPermilleYear: z.int(), unbondMs: z.int() }).nullable(),
  /** Value of one CAES by the owner's own list, newest first; what it is worth is what the network's members make of it. */
  priceList: z.array(z.strictObject({ day: z.iso.date(), value: z.number(), currency: z.string() })),
});
export type WalletView = z.infer<typeof walletView>;

export const entryKinds = [
  'sent',
  'received',
  'lent',
  'borrowed',
  'reward',
  'yield',
  'staked',
  'unstaked',
  'fee',
  'slashed',
  'genesis',
  'other',
] as const;
/** One line of the history of an account. */
export const walletEntry = z.strictObject({
  /** Names the line; goes into `before`. */
  id: z.string(),
  account: accountAddress,
  kind: z.enum(entryKinds),
  /** With sign: what it did to the account, fee included. */
  deltaMicro: z.string().regex(/^-?\d{1,20}$/),
  feeMicro: microCaes,
  /** The other side, where there is one. */
  other: accountAddress.nullable(),
  otherName: z.string(),
  memo: z.string(),
  lease: z.string().nullable(),
  transaction: hash.nullable(),
  height: z.int().nullable(),
  atMs: timestampMs,
  state: z.enum(['waiting', 'final', 'dropped']),
  /** One sentence. */
  sentence: z.string(),
});
export type WalletEntry = z.infer<typeof walletEntry>;

export const draftRequest = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('send'),
    account: accountName.optional(),
    /** Address, name in the address book, or a payment link. */
    to: z.string().trim().min(1).max(2048).describe('an address, a name in the address book, or a payment link'),
    amount: amount.optional(),
    memo: z.string().max(256).default(''),
  }),
  z.strictObject({ kind: z.literal('stake'), account: accountName.optional(), amount }),
  z.strictObject({ kind: z.literal('unstake'), account: accountName.optional(), amount }),
  z.strictObject({ kind: z.literal('validate'), account: accountName.optional(), join: flag }),
  z.strictObject({
    kind: z.literal('admit'),
    account: accountName.optional(),
    member: z.string().trim().min(1).max(2048).describe('an address, or a name in the address book'),
    mayValidate: flag.default(false),
  }),
  z.strictObject({
    kind: z.literal('putOut'),
    account: accountName.optional(),
    member: z.string().trim().min(1).max(2048),
  }),
  z.strictObject({
    kind: z.literal('parameters'),
    account: accountName.optional(),
    changes: z.record(z.string().max(64), z.string().max(64)),
  }),
  z.strictObject({ kind: z.literal('message'), account: accountName.optional(), message: z.string().min(1).max(4096) }),
]);
export type DraftRequest = z.infer<typeof draftRequest>;
/** What would be signed, all of it; nothing is signed before it is approved. */
export const walletDraft = z.strictObject({
  draft: z.string().max(64),
  kind: z.string(),
  account: accountAddress,
  /** What is asked, one sentence. */
  title: z.string(),
  /** Label and value, as the dialog shows them: what is signed and nothing else. */
  lines: z.array(z.strictObject({ label: z.string(), value: z.string() })),
  amountMicro: microCaes,
  feeMicro: microCaes,
  availableBeforeMicro: microCaes,
  availableAfterMicro: microCaes,
  /** What needs a second look: a new address, most of the balance, a note that says nothing. One sentence each. */
  warnings: z.array(z.string()),
  expiresAtMs: timestampMs,
});
export type WalletDraft = z.infer<typeof walletDraft>;
export const contact = z.strictObject({ address: accountAddress, name: label, note: z.string().max(256) });
export type Contact = z.infer<typeof contact>;
export const paymentRequest = z.strictObject({
  id: z.string(),
  account: accountAddress,
  /** Null: the payer says. */
  amountMicro: microCaes.nullable(),
  memo: z.string(),
  /** `hypermesh:pay?…`, as the QR code has it: docs/formats/payment-link.md. */
  link: z.string(),
  createdAtMs: timestampMs,
  /** What came in with this request's memo since. */
  paidMicro: microCaes,
});
export type PaymentRequest = z.infer<typeof paymentRequest>;

const walletErrors = [
  'IDENTITY_NONE',
  'IDENTITY_LOCKED',
  'ACCOUNT_UNKNOWN',
  'ACCOUNT_AMBIGUOUS',
  'LEDGER_NONE',
] as const;

export const walletCalls = defineCalls({
  'wallet:get': {
    method: 'GET',
    path: '/v1/wallet',
    summary: 'Accounts of the wallet and what they have',
    request: nothing,
    response: walletView,
    cli: { command: 'wallet show', examples: ['hypermesh wallet show', 'hypermesh wallet show --json'] },
  },
  'wallet:addAccount': {
    method: 'POST',
    path: '/v1/wallet/accounts',
    summary: 'One more account from the same phrase, or somebody’s to watch',
    request: z.strictObject({ name: label, watch: accountAddress.optional() }),
    response: walletView,
    errors: [...walletErrors, 'ACCOUNTS_FULL', 'ACCOUNT_KNOWN', 'NAME_TAKEN', 'NAME_WRONG', 'ADDRESS_WRONG'],
    cli: {
      command: 'wallet add',
      positionals: ['name'],
      examples: ['hypermesh wallet add savings', 'hypermesh wallet add attic --watch caes1…'],
    },
  },
  'wallet:rename': {
    method: 'PATCH',
    path: '/v1/wallet/accounts/{account}',
    summary: 'Gives an account another name',
    request: z.strictObject({ account: accountName, name: label }),
    response: walletView,
    errors: [...walletErrors, 'NAME_TAKEN', 'NAME_WRONG'],
    cli: {
      command: 'wallet rename',
      positionals: ['account', 'name'],
      examples: ['hypermesh wallet rename main daily'],
    },
  },
  'wallet:removeAccount': {
    method: 'DELETE',
    path: '/v1/wallet/accounts/{account}',
    summary: 'Takes an account off the list; the phrase brings an own one back',
    request: z.strictObject({ account: accountName }),
    response: walletView,
    errors: [...walletErrors, 'ACCOUNT_IN_USE'],
    cli: { command: 'wallet remove', positionals: ['account'], examples: ['hypermesh wallet remove attic'] },
  },
  'wallet:history': {
    method: 'GET',
    path: '/v1/wallet/history',
    summary: 'What happened to the accounts, newest first',
    request: z.strictObject({
      account: accountName.optional(),
      kind: z.enum(entryKinds).optional(),
      fromMs: z.coerce.number().int().min(0).optional(),
      toMs: z.coerce.number().int().min(0).optional(),
      /** In memo, names and addresses. */
      text: z.string().max(128).optional(),
      before: z.string().max(64).optional(),
      /** So many are left out first: after `before`, or from the newest. */
      offset: z.coerce.number().int().min(0).max(100_000_000).default(0),
      limit: z.coerce.number().int().min(1).max(500).default(100),
    }),
    response: z.strictObject({ entries: z.array(walletEntry), total: z.int() }),
    errors: walletErrors,
    cli: {
      command: 'wallet history',
      examples: ['hypermesh wallet history', 'hypermesh wallet history --kind reward --limit 20'],
    },
  },
  'wallet:exportHistory': {
    method: 'GET',
    path: '/v1/wallet/history.csv',
    summary: 'The history as a table for a spreadsheet, with the value of each day where the price list has it',
    request: z.strictObject({ account: accountName.optional() }),
    response: z.strictObject({ fileName: z.string(), csv: z.string() }),
    errors: [...walletErrors, 'HISTORY_TOO_LONG'],
  },
  'wallet:draft': {
    method: 'POST',
    path: '/v1/wallet/drafts',
    summary: 'Prepares something to sign and tells what it would do; signs nothing',
    request: draftRequest,
    response: walletDraft,
    errors: [
      ...walletErrors,
      'ADDRESS_WRONG',
      'LINK_WRONG',
      'LINK_OF_ANOTHER_NETWORK',
      'AMOUNT_MISSING',
      'AMOUNT_WRONG',
      'NOT_ENOUGH',
      'WATCH_ONLY',
      'NOT_ALLOWED',
      'PARAMETER_WRONG',
      'MEMO_WRONG',
      'DRAFTS_FULL',
    ],
  },
  'wallet:approve': {
    method: 'POST',
    path: '/v1/wallet/drafts/{draft}/approve',
    summary:
      'Signs a draft once its owner has agreed: in the window by a dialog of the program, elsewhere by the passphrase',
    request: z.strictObject({ draft: z.string().max(64), passphrase: passphrase.optional() }),
    response: z.discriminatedUnion('signed', [
      z.strictObject({ signed: z.literal('transaction'), transaction: hash, entry: walletEntry }),
      /** Base64 of docs/formats/wallet-message.md. */
      z.strictObject({ signed: z.literal('message'), file: z.base64(), fileName: z.string() }),
    ]),
    errors: [
      ...walletErrors,
      'DRAFT_UNKNOWN',
      'DECLINED',
      'PASSPHRASE_NEEDED',
      'PASSPHRASE_WRONG',
      'TOO_MANY_ATTEMPTS',
      'TRANSACTION_REFUSED',
      'NOT_ENOUGH',
      'DRAFT_CHANGED',
    ],
  },
  'wallet:settled': {
    method: 'POST',
    path: '/v1/wallet/transactions/{transaction}/settled',
    summary: 'Waits until a transaction is final, at most half a minute',
    request: z.strictObject({ transaction: hash }),
    response: z.strictObject({
      state: z.enum(['waiting', 'final', 'dropped']),
      height: z.int().nullable(),
      reason: z.string(),
    }),
    errors: ['TRANSACTION_UNKNOWN'],
  },
  'wallet:verifyMessage': {
    method: 'POST',
    path: '/v1/wallet/messages/verify',
    summary: 'Who signed a message, and whether the signatures hold',
    request: z.strictObject({ file: z.base64().min(1).max(64_000) }),
    response: z.strictObject({
      passed: z.boolean(),
      address: accountAddress.nullable(),
      name: z.string(),
      message: z.string(),
      atMs: timestampMs.nullable(),
      sentence: z.string(),
    }),
    errors: ['MESSAGE_MALFORMED', 'MESSAGE_NEWER'],
  },
  'wallet:contacts': {
    method: 'GET',
    path: '/v1/wallet/contacts',
    summary: 'The address book of the wallet',
    request: nothing,
    response: z.strictObject({ contacts: z.array(contact) }),
    cli: { command: 'wallet contacts', examples: ['hypermesh wallet contacts'] },
  },
  'wallet:setContact': {
    method: 'PUT',
    path: '/v1/wallet/contacts/{address}',
    summary: 'Gives an address a name',
    request: z.strictObject({ address: accountAddress, name: label, note: z.string().max(256).default('') }),
    response: z.strictObject({ contacts: z.array(contact) }),
    errors: ['ADDRESS_WRONG', 'NAME_TAKEN', 'NAME_WRONG', 'CONTACTS_FULL'],
    cli: {
      command: 'wallet contact set',
      positionals: ['address', 'name'],
      examples: ['hypermesh wallet contact set caes1… anna'],
    },
  },
  'wallet:removeContact': {
    method: 'DELETE',
    path: '/v1/wallet/contacts/{address}',
    summary: 'Takes an address out of the address book',
    request: z.strictObject({ address: accountAddress }),
    response: z.strictObject({ contacts: z.array(contact) }),
    errors: ['CONTACT_UNKNOWN'],
    cli: {
      command: 'wallet contact remove',
      positionals: ['address'],
      examples: ['hypermesh wallet contact remove caes1…'],
    },
  },
  'wallet:requests': {
    method: 'GET',
    path: '/v1/wallet/requests',
    summary: 'Payments that were asked for',
    request: nothing,
    response: z.strictObject({ requests: z.array(paymentRequest) }),
    cli: { command: 'wallet requests', examples: ['hypermesh wallet requests'] },
  },
  'wallet:request': {
    method: 'POST',
    path: '/v1/wallet/requests',
    summary: 'Asks for a payment: a link that a QR code or a message carries',
    request: z.strictObject({
      account: accountName.optional(),
      amount: amount.optional(),
      memo: z.string().max(128).default(''),
    }),
    response: paymentRequest,
    errors: [...walletErrors, 'REQUESTS_FULL', 'AMOUNT_WRONG', 'MEMO_WRONG'],
    cli: { command: 'wallet request', examples: ['hypermesh wallet request --amount 12.5 --memo "for March"'] },
  },
  'wallet:removeRequest': {
    method: 'DELETE',
    path: '/v1/wallet/requests/{id}',
    summary: 'Takes a request off the list',
    request: z.strictObject({ id: z.string().max(64) }),
    response: z.strictObject({ requests: z.array(paymentRequest) }),
    errors: ['REQUEST_UNKNOWN'],
    cli: { command: 'wallet request remove', positionals: ['id'], examples: ['hypermesh wallet request remove 3f2a'] },
  },
  'wallet:set': {
    method: 'PATCH',
    path: '/v1/wallet',
    summary: 'When the wallet locks by itself, and the owner’s own price list',
    request: z.strictObject({
      lockAfterMinutes: z.coerce.number().int().min(0).max(10_080).optional(),
      priceList: z
        .array(
          z.strictObject({
            day: z.iso.date(),
            value: z.number().min(0).max(1e9),
            currency: z.string().trim().min(1).max(8),
          }),
        )
        .max(4000)
        .optional(),
    }),
    response: walletView,
    cli: { command: 'wallet set', examples: ['hypermesh wallet set --lock-after-minutes 15'] },
  },
});
export const walletPushes = definePushes({
  wallet: {
    summary: 'When a balance, an account or a waiting transaction changes; at most twice a second',
    payload: walletView,
  },
});
