import { encodeCbor } from '../../../base/index.ts';
import { exactFields, readCborOf, readCount, readPeerId } from '../discovery/fields.ts';
import type { PeerId } from '../interface.ts';
import { ReachError } from './errors.ts';

// Messages of `/hypermesh/relay/1`, docs/formats/stoq-relay.md. Each is one dag-cbor map behind its length; then come the bytes of the circuit.

export const RELAY_PROTOCOL = '/hypermesh/relay/1';
export const RELAY_MESSAGE_BYTES_MAX = 256;
/** Why a relay does not do what it was asked; names are never reused. */
export const RELAY_REFUSALS = ['off', 'full', 'noReservation', 'unreachable', 'notAllowed'] as const;
export type RelayRefusal = (typeof RELAY_REFUSALS)[number];

/** First message of a stream. `incoming` comes from the relay, the others go to it. */
export type RelayRequest = { kind: 'reserve' } | { kind: 'connect'; peer: PeerId } | { kind: 'incoming'; peer: PeerId };
/** What a relay lets one circuit or one reservation have; both ends are told, neither is trusted with it. */
export interface RelayTerms {
  /** Ms that the reservation, or the circuit, lives. */
  lifeMs: number;
  /** Bytes that one circuit carries, both directions together. */
  bytesMax: number;
}
export type RelayAnswer = { ok: true; terms: RelayTerms } | { ok: false; reason: RelayRefusal };

/** A day: terms beyond it are none. */
const LIFE_MS_MAX = 86_400_000;
const BYTES_MAX = 2 ** 50;
const KINDS = ['reserve', 'connect', 'incoming'];

const malformed = (problem: string): ReachError =>
  new ReachError(
    { code: 'MALFORMED', problem, verdict: 'reject' },
    `What the peer said about relaying is not what its format allows: ${problem}.`,
  );

export const encodeRelayRequest = (request: RelayRequest): Uint8Array =>
  encodeCbor({ k: KINDS.indexOf(request.kind), p: request.kind === 'reserve' ? null : request.peer });
/** @throws {ReachError} `MALFORMED` */
export const decodeRelayRequest = (bytes: Uint8Array): RelayRequest => {
  const { k, p } = exactFields(readCborOf(bytes, 8, malformed), ['k', 'p'], malformed);
  const kind = readCount(k, 2, 'its kind', malformed);
  if (kind === 0) {
    if (p !== null) throw malformed('a reservation names a peer');
    return { kind: 'reserve' };
  }
  return { kind: kind === 1 ? 'connect' : 'incoming', peer: readPeerId(p, malformed) };
};

export const encodeRelayAnswer = (answer: RelayAnswer): Uint8Array =>
  encodeCbor(
    answer.ok
      ? { r: 0, l: answer.terms.lifeMs, b: answer.terms.bytesMax }
      : { r: 1 + RELAY_REFUSALS.indexOf(answer.reason), l: 0, b: 0 },
  );
/** @throws {ReachError} `MALFORMED` */
export const decodeRelayAnswer = (bytes: Uint8Array): RelayAnswer => {
  const { r, l, b } = exactFields(readCborOf(bytes, 8, malformed), ['b', 'l', 'r'], malformed);
  const result = readCount(r, RELAY_REFUSALS.length, 'its result', malformed);
  const lifeMs = readCount(l, LIFE_MS_MAX, 'its time', malformed);
  const bytesMax = readCount(b, BYTES_MAX, 'its limit', malformed);
  if (result === 0) return { ok: true, terms: { lifeMs, bytesMax } };
  if (lifeMs !== 0 || bytesMax !== 0) throw malformed('a refusal has terms');
  return { ok: false, reason: RELAY_REFUSALS[result - 1]! };
};
