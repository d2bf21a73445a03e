import { createHash, createHmac } from 'node:crypto';
import { assert, encodeCbor } from '../../../base/index.ts';
import { aeadOpen, AEAD_NONCE_BYTES, aeadSeal, hkdfSha512 } from '../../../base/crypto/index.ts';
import type { PeerId } from '../interface.ts';
import { BINDING_BYTES, MAC_BYTES, TICKET_ID_BYTES, TICKET_SECRET_BYTES } from './constants.ts';

/** Who opened the channel. Every key, proof and signature is of one role, so that nothing can be sent back to whom it came from. */
export type Role = 'initiator' | 'responder';

const LABEL = 'hypermesh stoq handshake';
const NONE = new Uint8Array(0);
/** Every key of the handshake seals one message and no more, so one nonce does. */
const NONCE = new Uint8Array(AEAD_NONCE_BYTES);
/** In place of a ticket's secret where there is none. */
export const NO_TICKET_SECRET = new Uint8Array(TICKET_SECRET_BYTES);

const sha512 = (data: Uint8Array): Uint8Array => createHash('sha512').update(data).digest();
export const macOf = (key: Uint8Array, message: Uint8Array): Uint8Array =>
  createHmac('sha256', key).update(message).digest();

/** What a hello says of itself, and the channel that it is sent over. */
export interface HelloCore {
  versions: readonly number[];
  nonce: Uint8Array;
  x25519: Uint8Array;
  kem: Uint8Array;
  ticketId: Uint8Array;
}
/** Proofs in the hello are made over this: with other keys, or over another channel, they prove nothing. 64 bytes. */
export const helloHash = (binding: Uint8Array, hello: HelloCore): Uint8Array => {
  assert(binding.length === BINDING_BYTES, 'a channel is bound by 32 bytes');
  const { versions, nonce, x25519, kem, ticketId } = hello;
  return sha512(encodeCbor([LABEL, 'hello', binding, versions, nonce, x25519, kem, ticketId]));
};

/** What an answer says in the clear. */
export interface AnswerHead {
  version: number;
  nonce: Uint8Array;
  x25519: Uint8Array;
  /** ML-KEM-1024 ciphertext. */
  kem: Uint8Array;
  resumed: boolean;
}
/** Everything up to the clear part of the answer. 64 bytes. */
export const transcriptOfShares = (binding: Uint8Array, hello: Uint8Array, head: AnswerHead): Uint8Array =>
  sha512(encodeCbor([LABEL, 'shares', binding, hello, head.version, head.nonce, head.x25519, head.kem, head.resumed]));
/** The same with what was sealed in the answer. */
export const transcriptOfAnswer = (shares: Uint8Array, sealed: Uint8Array): Uint8Array =>
  sha512(encodeCbor([LABEL, 'answer', shares, sealed]));
/** The whole, and who the two are. */
export const transcriptOfFinish = (
  answer: Uint8Array,
  sealed: Uint8Array,
  initiator: PeerId,
  responder: PeerId,
): Uint8Array => sha512(encodeCbor([LABEL, 'finish', answer, sealed, initiator, responder]));

/** @returns what proves the ticket in a hello: without its secret nobody can use it, nor use it up */
export const binderOf = (ticketSecret: Uint8Array, hello: Uint8Array): Uint8Array =>
  macOf(hkdfSha512(ticketSecret, NONE, `${LABEL} binder`, MAC_BYTES), hello);

/** Keys of one handshake. X25519, ML-KEM and the ticket go in together: as long as one of them holds, no key is known. */
export interface HandshakeKeys {
  sealAnswer(plain: Uint8Array): Uint8Array;
  /** @throws {SealError} `SEAL_BROKEN` */
  openAnswer(sealed: Uint8Array): Uint8Array;
  /** @param answer - {@link transcriptOfAnswer} */
  sealFinish(answer: Uint8Array, plain: Uint8Array): Uint8Array;
  /** @throws {SealError} `SEAL_BROKEN` */
  openFinish(answer: Uint8Array, sealed: Uint8Array): Uint8Array;
  /** @param finish - {@link transcriptOfFinish} @returns 64 bytes from which everything of the session is derived */
  master(finish: Uint8Array): Uint8Array;
}

/** @param shares - {@link transcriptOfShares} */
export const deriveHandshakeKeys = (
  shares: Uint8Array,
  secrets: { ticket: Uint8Array; x25519: Uint8Array; kem: Uint8Array },
): HandshakeKeys => {
  // Three secrets of 32 bytes each: where one ends and the next begins is never in doubt.
  const together = Buffer.concat([secrets.ticket, secrets.x25519, secrets.kem]);
  assert(together.length === 96, 'three secrets of 32 bytes make the keys of a handshake');
  const root = hkdfSha512(together, shares, `${LABEL} root`, 64);
  together.fill(0);
  const answerKey = hkdfSha512(root, shares, `${LABEL} answer`, 32);
  const finishKey = (answer: Uint8Array): Uint8Array => hkdfSha512(root, answer, `${LABEL} finish`, 32);
  return {
    sealAnswer: (plain) => aeadSeal(answerKey, NONCE, plain, shares),
    openAnswer: (sealed) => aeadOpen(answerKey, NONCE, sealed, shares),
    sealFinish: (answer, plain) => aeadSeal(finishKey(answer), NONCE, plain, answer),
    openFinish: (answer, sealed) => aeadOpen(finishKey(answer), NONCE, sealed, answer),
    master: (finish) => hkdfSha512(root, finish, `${LABEL} session`, 64),
  };
};

/** @returns 32 bytes, another for every label */
export const sessionKey = (master: Uint8Array, label: string): Uint8Array =>
  hkdfSha512(master, NONE, `${LABEL} key ${label}`, 32);
/** @returns 16 bytes that tell nothing of any key */
export const sessionId = (master: Uint8Array): Uint8Array => hkdfSha512(master, NONE, `${LABEL} id`, 16);
/** The ticket with which whoever had this role may open the next session. Both ends derive it; it is never sent before it is used. */
export const ticketOf = (master: Uint8Array, role: Role): { id: Uint8Array; secret: Uint8Array } => ({
  id: hkdfSha512(master, NONE, `${LABEL} ticket id ${role}`, TICKET_ID_BYTES),
  secret: hkdfSha512(master, NONE, `${LABEL} ticket secret ${role}`, TICKET_SECRET_BYTES),
});
