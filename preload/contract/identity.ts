import { z } from 'zod';
import { bytes, timestampMs } from './common.ts';
import { defineCalls, definePushes, nothing } from './define.ts';

/** A recovery phrase as a person gives it: words of any case, separated by any white space. Checked by the node. */
const phrase = z.string().min(1).max(2048).describe('24 words of the recovery phrase');
const PASSPHRASE_LENGTH_MIN = 8;
const passphrase = z.string().min(1).max(1024);
const newPassphrase = z
  .string()
  .min(PASSPHRASE_LENGTH_MIN, `a passphrase needs ${PASSPHRASE_LENGTH_MIN} characters at least`)
  .max(1024);

/** How the keys lie on disk: under a passphrase, or under the operating system's key store. */
export const sealing = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('passphrase'), passphrase: newPassphrase }),
  z.strictObject({ kind: z.literal('keyStore') }),
]);
export type Sealing = z.infer<typeof sealing>;

/** Where an identity comes back from. */
const source = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('phrase'), phrase }),
  /** `backup`: the bytes of a backup file, base64. */
  z.strictObject({ kind: z.literal('backup'), backup: z.base64().max(64 * 1024), passphrase }),
]);
export type IdentitySource = z.infer<typeof source>;

export const drillResult = z.strictObject({
  atMs: timestampMs,
  passed: z.boolean(),
  from: z.enum(['phrase', 'backup']),
  /** Each key that was derived again, and whether it is the one in use. */
  keys: z.array(z.strictObject({ name: z.string(), same: z.boolean() })),
});
export type DrillResult = z.infer<typeof drillResult>;

/** Public half of the identity. Nothing here is secret. */
export const publicIdentity = z.strictObject({
  /** `key:` and the name of both signing keys together. */
  keyId: z.string(),
  /** libp2p peer id of the node's Ed25519 key. */
  peerId: z.string(),
  /** Key id of the account. */
  accountKeyId: z.string(),
  createdAtMs: timestampMs,
  /** Each public key: what it is for, algorithm, size and the start of its SHA-256 in hex. */
  keys: z.array(
    z.strictObject({ name: z.string(), algorithm: z.string(), publicBytes: bytes, fingerprint: z.string() }),
  ),
});
export type PublicIdentity = z.infer<typeof publicIdentity>;

export const keyStoreState = z.discriminatedUnion('available', [
  z.strictObject({ available: z.literal(true), name: z.string() }),
  z.strictObject({ available: z.literal(false), reason: z.string() }),
]);

export const identityView = z.strictObject({
  status: z.enum(['none', 'locked', 'unlocked']),
  /** Why it is locked and what to do; null when it is not. */
  lockedReason: z.string().nullable(),
  identity: publicIdentity.nullable(),
  sealedBy: z.enum(['passphrase', 'keyStore']).nullable(),
  /** The operating system's key store, as this process can use it. */
  keyStore: keyStoreState,
  lastDrill: drillResult.nullable(),
  /** When the next drill is due; null without an identity. */
  drillDueAtMs: timestampMs.nullable(),
  /** A drill is due, or the last one failed. */
  drillDue: z.boolean(),
  /** When a backup file was last made from this installation. */
  lastBackupAtMs: timestampMs.nullable(),
});
export type IdentityView = z.infer<typeof identityView>;

export const identityCalls = defineCalls({
  'identity:get': {
    method: 'GET',
    path: '/v1/identity',
    summary: 'Who this node is, and whether its keys are unlocked',
    request: nothing,
    response: identityView,
    cli: { command: 'identity show', examples: ['hypermesh identity show', 'hypermesh identity show --json'] },
  },
  'identity:begin': {
    method: 'POST',
    path: '/v1/identity/draft',
    summary: 'Make a new recovery phrase; nothing is kept until it is confirmed',
    request: nothing,
    /** The words are told here and never again. `ask`: places, from 1, of the words that `identity:confirm` wants. */
    response: z.strictObject({
      draftId: z.string(),
      words: z.array(z.string()).length(24),
      ask: z.array(z.int().min(1).max(24)).length(4),
      expiresAtMs: timestampMs,
    }),
    errors: ['IDENTITY_EXISTS'],
  },
  'identity:confirm': {
    method: 'POST',
    path: '/v1/identity',
    summary: 'Create the identity of a phrase that was written down',
    request: z.strictObject({
      draftId: z.string().max(64),
      /** The words at the places that were asked for, in that order. */
      words: z.array(z.string().max(64)).length(4),
      sealing,
    }),
    response: identityView,
    errors: ['IDENTITY_EXISTS', 'DRAFT_UNKNOWN', 'WORDS_WRONG', 'KEY_STORE_UNAVAILABLE', 'IDENTITY_NOT_WRITTEN'],
  },
  'identity:restore': {
    method: 'POST',
    path: '/v1/identity/restore',
    summary: 'Bring back an identity from its phrase or a backup file',
    request: z.strictObject({
      source,
      sealing,
      /** Needed where the locked identity in this folder is the same one, whose sealing is then replaced. */
      replaceSealing: z.boolean().default(false),
    }),
    response: identityView,
    errors: [
      'IDENTITY_EXISTS',
      'IDENTITY_OTHER',
      'PHRASE_LENGTH',
      'PHRASE_WORD',
      'PHRASE_CHECKSUM',
      'BACKUP_UNREADABLE',
      'BACKUP_NEWER',
      'PASSPHRASE_WRONG',
      'KEY_STORE_UNAVAILABLE',
      'IDENTITY_NOT_WRITTEN',
    ],
  },
  'identity:unlock': {
    method: 'POST',
    path: '/v1/identity/unlock',
    summary: 'Unlock the keys',
    /** Without a passphrase: from the operating system's key store. */
    request: z.strictObject({ passphrase: passphrase.optional() }),
    response: identityView,
    errors: [
      'IDENTITY_NONE',
      'PASSPHRASE_WRONG',
      'PASSPHRASE_NEEDED',
      'TOO_MANY_ATTEMPTS',
      'KEY_STORE_UNAVAILABLE',
      'IDENTITY_DAMAGED',
    ],
  },
  'identity:lock': {
    method: 'POST',
    path: '/v1/identity/lock',
    summary: 'Forget the unlocked keys until they are unlocked again',
    request: nothing,
    response: identityView,
    errors: ['IDENTITY_NONE'],
    cli: { command: 'identity lock', examples: ['hypermesh identity lock'] },
  },
  'identity:seal': {
    method: 'POST',
    path: '/v1/identity/seal',
    summary: 'Change the passphrase, or move the keys under the key store',
    request: z.strictObject({
      /** The present passphrase, where there is one. */
      passphrase: passphrase.optional(),
      sealing,
    }),
    response: identityView,
    errors: [
      'IDENTITY_NONE',
      'IDENTITY_LOCKED',
      'PASSPHRASE_WRONG',
      'PASSPHRASE_NEEDED',
      'TOO_MANY_ATTEMPTS',
      'KEY_STORE_UNAVAILABLE',
      'IDENTITY_NOT_WRITTEN',
    ],
  },
  'identity:backup': {
    method: 'POST',
    path: '/v1/identity/backup',
    summary: 'Make a backup file under a passphrase of its own',
    request: z.strictObject({
      passphrase: newPassphrase,
      /** The passphrase that unlocks this node, where there is one: a backup is as good as the phrase. */
      present: passphrase.optional(),
    }),
    response: z.strictObject({ fileName: z.string(), backup: z.base64() }),
    errors: [
      'IDENTITY_NONE',
      'IDENTITY_LOCKED',
      'PASSPHRASE_NEEDED',
      'PASSPHRASE_WRONG',
      'TOO_MANY_ATTEMPTS',
      'KEY_STORE_UNAVAILABLE',
    ],
  },
  'identity:drill': {
    method: 'POST',
    path: '/v1/identity/drill',
    summary: 'Show that the phrase or a backup file brings all keys back; changes nothing',
    request: z.strictObject({ source }),
    response: drillResult,
    errors: [
      'IDENTITY_NONE',
      'PHRASE_LENGTH',
      'PHRASE_WORD',
      'PHRASE_CHECKSUM',
      'BACKUP_UNREADABLE',
      'BACKUP_NEWER',
      'PASSPHRASE_WRONG',
    ],
  },
});
export const identityPushes = definePushes({
  identity: { summary: 'When the identity was created, restored, locked, unlocked or drilled', payload: identityView },
});
