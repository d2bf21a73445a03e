import { createHash } from 'node:crypto';
import { encodeCbor } from '../../../base/index.ts';
import { PROOFS_BYTES } from '../handshake/network-proofs.ts';
import type { Connection, PeerId } from '../interface.ts';
import { MembershipError } from './errors.ts';
import { exactFields, readBytes, readCborOf, type Malformed } from './fields.ts';

export const MEMBERSHIP_NONCE_BYTES = 32;
const SESSION_BYTES = 32;
/** Either message, with room: 512 bytes of proofs and 32 others. */
export const MEMBERSHIP_MESSAGE_BYTES_MAX = 1024;

const malformed: Malformed = (problem) =>
  new MembershipError(
    { code: 'MEMBERSHIP_MALFORMED', problem, verdict: 'reject' },
    `The peer proved its networks in a way that the protocol does not allow: ${problem}.`,
  );
const readProofs = (value: unknown): Uint8Array =>
  readBytes(value, { min: PROOFS_BYTES, max: PROOFS_BYTES }, 'what it proves', malformed);

export interface MembershipRequest {
  /** 32 bytes, fresh: without them, what two requests have in common would tell how many of the proofs are none. */
  nonce: Uint8Array;
  /** 512 bytes. */
  proofs: Uint8Array;
}
export const encodeMembershipRequest = (message: MembershipRequest): Uint8Array => encodeCbor(message);
/** @throws {MembershipError} `MEMBERSHIP_MALFORMED` */
export const decodeMembershipRequest = (bytes: Uint8Array): MembershipRequest => {
  const { nonce, proofs } = exactFields(readCborOf(bytes, 8, malformed), ['nonce', 'proofs'], malformed);
  return {
    nonce: readBytes(nonce, { min: MEMBERSHIP_NONCE_BYTES, max: MEMBERSHIP_NONCE_BYTES }, 'the nonce', malformed),
    proofs: readProofs(proofs),
  };
};

export interface MembershipAnswer {
  /** 32 bytes that tell whether both ends speak of the same session. */
  session: Uint8Array;
  /** 512 bytes. */
  proofs: Uint8Array;
}
export const encodeMembershipAnswer = (message: MembershipAnswer): Uint8Array => encodeCbor(message);
/** @throws {MembershipError} `MEMBERSHIP_MALFORMED` */
export const decodeMembershipAnswer = (bytes: Uint8Array): MembershipAnswer => {
  const { session, proofs } = exactFields(readCborOf(bytes, 8, malformed), ['session', 'proofs'], malformed);
  return {
    session: readBytes(session, { min: SESSION_BYTES, max: SESSION_BYTES }, 'the session', malformed),
    proofs: readProofs(proofs),
  };
};

/** What the answerer shows of the session; says nothing of what the proofs are made over. */
export const membershipSession = (connection: Pick<Connection, 'exportKey'>): Uint8Array =>
  connection.exportKey('membership session');

/** @returns 32 bytes that the proofs of one request and its answer are made over: of this session, these two and this request */
export const membershipHash = (
  connection: Pick<Connection, 'exportKey'>,
  { asker, answerer, nonce }: { asker: PeerId; answerer: PeerId; nonce: Uint8Array },
): Uint8Array =>
  new Uint8Array(
    createHash('sha256')
      .update(encodeCbor(['hypermesh-membership', 1, connection.exportKey('membership'), asker, answerer, nonce]))
      .digest(),
  );
