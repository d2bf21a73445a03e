import { decodeCbor, encodeCbor } from '../../../base/codec.ts';
import { messageOf } from '../../../base/errors.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import { MESSAGE_FILE_BYTES_MAX, MESSAGE_LENGTH_MAX, MESSAGE_VERSION } from './constants.ts';
import { WalletError } from './errors.ts';

// docs/formats/wallet-message.md

export interface WalletMessage {
  message: string;
  atMs: number;
}
/** What a thread found out about a file that says it is a signed message. Its signatures may still not hold. */
export type MessageOutcome =
  | ({ ok: true; account: KeyIdBytes } & WalletMessage)
  /** In its form, and somebody changed it, or it was signed for something else. */
  | { ok: false; code: 'forged'; sentence: string }
  | { ok: false; code: 'malformed'; problem: string }
  | { ok: false; code: 'newer'; found: number };

/** The payload of the signed record. */
export const encodeMessage = ({ message, atMs }: WalletMessage): Uint8Array =>
  encodeCbor({ v: MESSAGE_VERSION, message, atMs });

/** @throws {WalletError} `MESSAGE_MALFORMED` | `MESSAGE_NEWER` */
export const decodeMessage = (payload: Uint8Array): WalletMessage => {
  let value: unknown;
  try {
    value = decodeCbor(payload, 16);
  } catch (error) {
    throw malformed(messageOf(error));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw malformed('it is not a map');
  const { v, message, atMs } = value as Record<string, unknown>;
  if (typeof v === 'number' && Number.isSafeInteger(v) && v > MESSAGE_VERSION) throw newer(v);
  if (v !== MESSAGE_VERSION || Object.keys(value).length !== 3)
    throw malformed('it does not have exactly the fields v, message and atMs');
  if (typeof message !== 'string' || message.length === 0 || message.length > MESSAGE_LENGTH_MAX)
    throw malformed(`its message is not text of 1 to ${MESSAGE_LENGTH_MAX} characters`);
  if (typeof atMs !== 'number' || !Number.isSafeInteger(atMs) || atMs < 0) throw malformed('its time is none');
  return { message, atMs };
};

const malformed = (problem: string): WalletError =>
  new WalletError(
    { code: 'MESSAGE_MALFORMED', problem },
    `This is not a signed message (${problem}); ask its sender for the file again.`,
  );
const newer = (found: number): WalletError =>
  new WalletError(
    { code: 'MESSAGE_NEWER', found },
    `This message was signed by a newer version of HyperMesh (format ${found}); check it with that version.`,
  );

/** @throws {WalletError} `MESSAGE_MALFORMED` | `MESSAGE_NEWER` */
export const messageOrThrow = (outcome: MessageOutcome): Exclude<MessageOutcome, { code: 'malformed' | 'newer' }> => {
  if (outcome.ok || outcome.code === 'forged') return outcome;
  throw outcome.code === 'newer' ? newer(outcome.found) : malformed(outcome.problem);
};
/** Before it crosses into a thread. @throws {WalletError} `MESSAGE_MALFORMED` */
export const checkMessageSize = (file: Uint8Array): void => {
  if (file.length > MESSAGE_FILE_BYTES_MAX) throw malformed('it is too large');
};
