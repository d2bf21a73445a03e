import type { DrillResult, PublicIdentity } from '../../../preload/contract/index.ts';
import { sha256 } from '../../base/index.ts';
import type { DerivedKeys, SelfMadeCertificate } from '../../base/crypto/index.ts';
import { CLOCK_SKEW_MS, DRILL_INTERVAL_MS } from './constants.ts';

/** Each public key of an identity, in the order in which faces list them. */
const keysOf = (node: { ed25519: Uint8Array; falcon1024: Uint8Array }, kem: Uint8Array, account: typeof node) =>
  [
    { name: 'Node signature 1', algorithm: 'Ed25519', bytes: node.ed25519 },
    { name: 'Node signature 2', algorithm: 'FALCON-1024', bytes: node.falcon1024 },
    { name: 'Node sealing', algorithm: 'ML-KEM-1024', bytes: kem },
    { name: 'Account signature 1', algorithm: 'Ed25519', bytes: account.ed25519 },
    { name: 'Account signature 2', algorithm: 'FALCON-1024', bytes: account.falcon1024 },
  ] as const;

/** Hex digits of a fingerprint: enough to compare by eye, and not to be mistaken for proof. */
const FINGERPRINT_DIGITS = 16;

export const publicIdentityOf = ({ node, kem, account, peerId, issuedAtMs }: SelfMadeCertificate): PublicIdentity => ({
  keyId: node.keyId,
  peerId,
  accountKeyId: account.keyId,
  createdAtMs: issuedAtMs,
  keys: keysOf(node.keys, kem, account.keys).map(({ name, algorithm, bytes }) => ({
    name,
    algorithm,
    publicBytes: bytes.length,
    fingerprint: Buffer.from(sha256(bytes)).toString('hex').slice(0, FINGERPRINT_DIGITS),
  })),
});

/** Which keys of an identity came out of a phrase again. */
export const compareKeys = (inUse: SelfMadeCertificate, derived: DerivedKeys): DrillResult['keys'] => {
  const again = keysOf(derived.node.public, derived.kem.public, derived.account.public);
  return keysOf(inUse.node.keys, inUse.kem, inUse.account.keys).map(({ name, bytes }, index) => ({
    name,
    same: Buffer.from(bytes).equals(again[index]?.bytes ?? new Uint8Array(0)),
  }));
};

/** When the next drill is due. A failed one, and a date that lies ahead because the clock was wrong, count as none. */
export const drillDue = (
  createdAtMs: number,
  last: { atMs: number; passed: boolean } | null,
  nowMs: number,
): { atMs: number; due: boolean } => {
  const sinceMs = last?.atMs ?? createdAtMs;
  const ahead = sinceMs > nowMs + CLOCK_SKEW_MS;
  if (ahead || last?.passed === false) return { atMs: Math.min(sinceMs, nowMs), due: true };
  const atMs = sinceMs + DRILL_INTERVAL_MS;
  return { atMs, due: nowMs >= atMs };
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @returns null for what is not a result of this identity: another's, or of a version that is not known */
export const readKeptDrill = (value: unknown, keyId: string): DrillResult | null => {
  if (!isRecord(value) || value['v'] !== 1 || value['keyId'] !== keyId) return null;
  const { atMs, passed, from, keys } = value;
  if (typeof atMs !== 'number' || !Number.isSafeInteger(atMs) || atMs < 0 || typeof passed !== 'boolean') return null;
  if ((from !== 'phrase' && from !== 'backup') || !Array.isArray(keys)) return null;
  const read = (keys as unknown[]).flatMap((key) =>
    isRecord(key) && typeof key['name'] === 'string' && typeof key['same'] === 'boolean'
      ? [{ name: key['name'], same: key['same'] }]
      : [],
  );
  return { atMs, passed, from, keys: read };
};
export const keptDrill = (result: DrillResult, keyId: string): Record<string, unknown> => ({ v: 1, keyId, ...result });

/** Whether this identity was created here, as the settings keep it. */
export const readKeptCreated = (value: unknown, keyId: string): boolean =>
  isRecord(value) && value['v'] === 1 && value['keyId'] === keyId;

/** Time of the last backup of this identity, as the settings keep it; null for none or another's. */
export const readKeptBackup = (value: unknown, keyId: string): number | null => {
  if (!isRecord(value) || value['v'] !== 1 || value['keyId'] !== keyId) return null;
  const atMs = value['atMs'];
  return typeof atMs === 'number' && Number.isSafeInteger(atMs) && atMs >= 0 ? atMs : null;
};
