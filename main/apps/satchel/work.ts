import { encodeCbor } from '../../base/codec.ts';
import { isNodeError, messageOf } from '../../base/errors.ts';
import {
  type DerivedKeys,
  type KeyIdBytes,
  type SelfMadeCertificate,
  deriveKeys,
  ed25519PublicKey,
  kemDecapsulate,
  kemEncapsulate,
  kemKeys,
  keyIdBytesOf,
  keySeeds,
  makeSelfMadeCertificate,
  passphraseKey,
  signRecord,
  verifyRecord,
  verifySelfMadeCertificate,
} from '../../base/crypto/index.ts';
import type { Task } from '../../base/workers/index.ts';
import { encodeBackupFile, openBackupFile, readBackupFile } from './backup-file.ts';
import {
  type IdentityFile,
  type Secrets,
  encodeIdentityFile,
  openIdentityFile,
  readIdentityFile,
  wipe,
} from './identity-file.ts';
import type { FileProblem, PassphraseHeader } from './sealed-file.ts';

/** How a file is to be sealed. All randomness comes with it: a worker draws none. */
export type SealWith =
  | { header: PassphraseHeader; passphrase: string }
  | { header: { kind: 'keyStore'; name: string; wrapped: Uint8Array; nonce: Uint8Array }; key: Uint8Array };
/** What opens a file; the kind is that of the file. */
export type OpenWith = { passphrase: string } | { key: Uint8Array };

/** Public half of a file, all signatures in it checked. */
export interface PublicPart {
  certificate: SelfMadeCertificate;
  encoded: Uint8Array;
  sealedBy: 'passphrase' | 'keyStore';
  keyStore: { name: string; wrapped: Uint8Array } | null;
}
export interface Made {
  file: Uint8Array;
  part: PublicPart;
  secrets: Secrets;
}
export interface CreateInput {
  entropy: Uint8Array;
  issuedAtMs: number;
  /** Where the same identity is sealed anew: its certificate stays. Else null. */
  keep: Uint8Array | null;
  sealWith: SealWith;
  /** 32 fresh bytes for the trial of the KEM. */
  random: Uint8Array;
}
/** `other`: the keys are not those of the certificate to keep. */
export type CreateOutput = ({ ok: true } & Made) | { ok: false; problem: 'other' };
export interface SealInput {
  secrets: Secrets;
  certificate: Uint8Array;
  sealWith: SealWith;
  random: Uint8Array;
}
export interface OpenInput {
  file: Uint8Array;
  openWith: OpenWith;
  random: Uint8Array;
}
export type OpenOutput =
  | { ok: true; part: PublicPart; secrets: Secrets }
  /** The seal does not open: as its check held, another passphrase or key. */
  | { ok: false; code: 'wrongKey' }
  | { ok: false; code: 'damaged'; problem: string }
  | { ok: false; code: 'newer'; newer: number };
export type ReadOutput = { ok: true; part: PublicPart } | FileProblem;
export interface BackupInput {
  node: KeyIdBytes;
  madeAtMs: number;
  entropy: Uint8Array;
  header: PassphraseHeader;
  passphrase: string;
}
export type OpenBackupOutput =
  | { ok: true; entropy: Uint8Array; node: KeyIdBytes }
  | { ok: false; code: 'wrongKey' }
  | { ok: false; code: 'damaged'; problem: string }
  | { ok: false; code: 'newer'; newer: number };

const sealKey = async (sealWith: SealWith): Promise<Uint8Array> =>
  'passphrase' in sealWith
    ? passphraseKey(sealWith.passphrase, sealWith.header.salt, sealWith.header.costs)
    : sealWith.key;

const partOf = (file: IdentityFile): PublicPart => ({
  certificate: verifySelfMadeCertificate(file.certificate),
  encoded: file.certificate,
  sealedBy: file.sealing.kind,
  keyStore: file.sealing.kind === 'keyStore' ? { name: file.sealing.name, wrapped: file.sealing.wrapped } : null,
});

const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.from(one).equals(other);

/**
 * Whether the secrets are those of the public keys: each signs and is checked, and the entropy gives the keys that are
 * quick to derive. @returns what does not fit, or null
 */
const misfitOf = (secrets: Secrets, { node, account, kem }: SelfMadeCertificate, random: Uint8Array): string | null => {
  const seeds = keySeeds(secrets.entropy);
  const derived = kemKeys(seeds.nodeKem);
  if (!same(ed25519PublicKey(seeds.nodeEd25519), node.keys.ed25519) || !same(derived.public, kem))
    return 'the phrase inside is not that of the node’s keys';
  if (!same(ed25519PublicKey(seeds.accountEd25519), account.keys.ed25519))
    return 'the phrase inside is not that of the account’s keys';
  const payload = encodeCbor(random);
  for (const [name, keys, secret] of [
    ['node', node, secrets.node],
    ['account', account, secrets.account],
  ] as const)
    try {
      verifyRecord(signRecord(keys.keys, secret, 'probe', payload), { domain: 'probe', signer: keys.keyIdBytes });
    } catch {
      return `the secret keys of the ${name} are not those of its public keys`;
    }
  const { cipherText, shared } = kemEncapsulate(kem, random);
  return same(kemDecapsulate(secrets.kem, cipherText), shared) ? null : 'the ML-KEM-1024 keys do not belong together';
};

const secretsOf = (entropy: Uint8Array, { node, kem, account }: DerivedKeys): Secrets => ({
  entropy,
  node: node.secret,
  kem: kem.secret,
  account: account.secret,
});

/** Seals, and opens again what was sealed: nothing is written that was not read once. */
const seal = async ({ secrets, certificate, sealWith, random }: SealInput): Promise<Made> => {
  const key = await sealKey(sealWith);
  try {
    const file = encodeIdentityFile(certificate, sealWith.header, secrets, key);
    const read = readIdentityFile(file);
    if (!read.ok) throw new Error('a file that was just made is none');
    const opened = openIdentityFile(read, key);
    const part = partOf(read);
    const misfit = misfitOf(opened, part.certificate, random);
    wipe(opened);
    if (misfit !== null) throw new Error(misfit);
    return { file, part, secrets };
  } finally {
    key.fill(0);
  }
};

const readPart = (bytes: Uint8Array): { ok: true; file: IdentityFile; part: PublicPart } | FileProblem => {
  const file = readIdentityFile(bytes);
  if (!file.ok) return file;
  try {
    return { ok: true, file, part: partOf(file) };
  } catch (error) {
    if (!isNodeError(error)) throw error;
    return { ok: false, newer: null, problem: `its certificate does not hold: ${error.message}` };
  }
};

/** Bodies of {@link satchelTasks}, which load this file when the first of them runs. */
export const satchelWork = {
  /** {@link CreateInput} to {@link CreateOutput}. */
  create: async (input: unknown): Promise<CreateOutput> => {
    const { entropy, issuedAtMs, keep, sealWith, random } = input as CreateInput;
    const keys = deriveKeys(entropy);
    if (keep !== null) {
      const kept = verifySelfMadeCertificate(keep);
      const sameKeys = [
        same(kept.node.keyIdBytes, keyIdBytesOf(keys.node.public)),
        same(kept.account.keyIdBytes, keyIdBytesOf(keys.account.public)),
        same(kept.kem, keys.kem.public),
      ];
      if (sameKeys.includes(false)) return { ok: false, problem: 'other' };
    }
    const certificate = keep ?? makeSelfMadeCertificate(keys, issuedAtMs);
    return { ok: true, ...(await seal({ secrets: secretsOf(entropy, keys), certificate, sealWith, random })) };
  },
  /** {@link SealInput} to {@link Made}. */
  seal: async (input: unknown): Promise<Made> => seal(input as SealInput),
  /** Bytes to {@link ReadOutput}. */
  read: (input: unknown): ReadOutput => {
    const found = readPart(input as Uint8Array);
    return found.ok ? { ok: true, part: found.part } : found;
  },
  /** {@link OpenInput} to {@link OpenOutput}. */
  open: async (input: unknown): Promise<OpenOutput> => {
    const { file: bytes, openWith, random } = input as OpenInput;
    const found = readPart(bytes);
    if (!found.ok)
      return found.newer === null
        ? { ok: false, code: 'damaged', problem: found.problem }
        : { ok: false, code: 'newer', newer: found.newer };
    const { file, part } = found;
    if ('passphrase' in openWith !== (file.sealing.kind === 'passphrase'))
      return { ok: false, code: 'damaged', problem: 'it is sealed in another way than it was when it was read' };
    const key =
      'passphrase' in openWith && file.sealing.kind === 'passphrase'
        ? await passphraseKey(openWith.passphrase, file.sealing.salt, file.sealing.costs)
        : (openWith as { key: Uint8Array }).key;
    let secrets: Secrets;
    try {
      secrets = openIdentityFile(file, key);
    } catch (error) {
      if (isNodeError(error)) return { ok: false, code: 'wrongKey' };
      return { ok: false, code: 'damaged', problem: messageOf(error) };
    } finally {
      key.fill(0);
    }
    const misfit = misfitOf(secrets, part.certificate, random);
    if (misfit === null) return { ok: true, part, secrets };
    wipe(secrets);
    return { ok: false, code: 'damaged', problem: misfit };
  },
  /** {@link BackupInput} to the bytes of a backup file. */
  backup: async (input: unknown): Promise<Uint8Array> => {
    const { node, madeAtMs, entropy, header, passphrase } = input as BackupInput;
    const key = await passphraseKey(passphrase, header.salt, header.costs);
    const bytes = encodeBackupFile({ node, madeAtMs, sealing: header }, entropy, key);
    // A backup that does not open is worse than none.
    const read = readBackupFile(bytes);
    if (!read.ok || !same(openBackupFile(read, key), entropy)) throw new Error('a backup that was just made is none');
    key.fill(0);
    entropy.fill(0);
    return bytes;
  },
  /** Bytes and passphrase to {@link OpenBackupOutput}. */
  openBackup: async (input: unknown): Promise<OpenBackupOutput> => {
    const { file: bytes, passphrase } = input as { file: Uint8Array; passphrase: string };
    const file = readBackupFile(bytes);
    if (!file.ok)
      return file.newer === null
        ? { ok: false, code: 'damaged', problem: file.problem }
        : { ok: false, code: 'newer', newer: file.newer };
    const key = await passphraseKey(passphrase, file.sealing.salt, file.sealing.costs);
    try {
      return { ok: true, entropy: openBackupFile(file, key), node: file.node };
    } catch (error) {
      if (isNodeError(error)) return { ok: false, code: 'wrongKey' };
      return { ok: false, code: 'damaged', problem: messageOf(error) };
    } finally {
      key.fill(0);
    }
  },
} satisfies Record<string, Task>;
