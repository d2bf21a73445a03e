import { encodeCbor } from '../../../base/index.ts';
import { parsePeerId, type PeerId } from '../../../transport/stoq/index.ts';
import { onlyFields, readBytes, readFlag, readMap, readWhole } from '../strict.ts';
import { CELL_BODY_MAX, CIRCUIT_VERSION, MESSAGE_ITEMS_MAX } from './constants.ts';
import { CIRCUIT_REFUSALS, cellBroken, type CircuitRefusal } from './errors.ts';

/** `extend`: whom to reach next, and whether its certificate is wanted. */
export interface Extend {
  peer: PeerId;
  certificate: boolean;
}
/** `begin`: at the end of a circuit. */
export interface Begin {
  /** 16 random bytes. */
  session: Uint8Array;
  /** Bytes of the session that came so far. */
  have: number;
  /** Null for a new session; else what shows that it is the same who began it, 32 bytes. */
  proof: Uint8Array | null;
}

const malformed = (problem: string): Error => cellBroken(problem);
const mapOf = (body: Uint8Array, names: readonly string[]): Record<string, unknown> => {
  if (body.length > CELL_BODY_MAX) throw malformed('it is too long');
  // A copy: what is read out of it lives longer than the cell.
  const map = readMap(new Uint8Array(body), CIRCUIT_VERSION, MESSAGE_ITEMS_MAX, malformed);
  onlyFields(map, ['v', ...names], malformed);
  return map;
};

export const encodeExtend = ({ peer, certificate }: Extend): Uint8Array =>
  encodeCbor({ v: CIRCUIT_VERSION, peer, certificate });
/** @throws {CircuitError} `CELL_BROKEN` */
export const decodeExtend = (body: Uint8Array): Extend => {
  const map = mapOf(body, ['peer', 'certificate']);
  const peer = parsePeerId(map['peer']);
  if (peer === null) throw malformed('a peer id is none');
  return { peer, certificate: readFlag(map['certificate'], 'whether a certificate is wanted', malformed) };
};

export const SESSION_ID_BYTES = 16;
export const PROOF_BYTES = 32;
export const encodeBegin = ({ session, have, proof }: Begin): Uint8Array =>
  encodeCbor({ v: CIRCUIT_VERSION, session, have, proof });
/** @throws {CircuitError} `CELL_BROKEN` */
export const decodeBegin = (body: Uint8Array): Begin => {
  const map = mapOf(body, ['session', 'have', 'proof']);
  const { session, have, proof } = map;
  return {
    session: readBytes(session, SESSION_ID_BYTES, 'the id of a session', malformed),
    have: readWhole(have, 0, Number.MAX_SAFE_INTEGER, 'what came so far', malformed),
    proof: proof === null ? null : readBytes(proof, PROOF_BYTES, 'the proof of a session', malformed),
  };
};

export const encodeBegun = (have: number): Uint8Array => encodeCbor({ v: CIRCUIT_VERSION, have });
/** @throws {CircuitError} `CELL_BROKEN` */
export const decodeBegun = (body: Uint8Array): number =>
  readWhole(mapOf(body, ['have'])['have'], 0, Number.MAX_SAFE_INTEGER, 'what came so far', malformed);

export const encodeRefusal = (reason: CircuitRefusal): Uint8Array => Uint8Array.of(CIRCUIT_REFUSALS.indexOf(reason));
/** @throws {CircuitError} `CELL_BROKEN` */
export const decodeRefusal = (body: Uint8Array): CircuitRefusal => {
  const reason = body.length === 1 ? CIRCUIT_REFUSALS[body[0] ?? CIRCUIT_REFUSALS.length] : undefined;
  if (reason === undefined) throw malformed('it refuses for a reason that is none');
  return reason;
};
