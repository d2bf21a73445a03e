import { NodeError } from '../../base/index.ts';

export type CarrierErrorType =
  | { code: 'UNREACHABLE'; address: string; detail: string }
  | { code: 'TIMED_OUT'; address: string }
  | { code: 'PORT_IN_USE'; address: string }
  | { code: 'NOT_ALLOWED'; address: string }
  | { code: 'NO_SUCH_ADDRESS'; address: string }
  /** This machine has no build of what the carrier needs. */
  | { code: 'NOT_SUPPORTED'; platform: string; detail: string }
  | { code: 'TOO_MANY' }
  | { code: 'RESET' }
  | { code: 'CLOSED' };
/** A carrier could not do what it was asked for. */
export class CarrierError extends NodeError<CarrierErrorType> {
  override readonly name = 'CarrierError';
}

export type HandshakeErrorType =
  /** Not what the format allows at this point. */
  | { code: 'HANDSHAKE_MALFORMED'; problem: string; verdict: 'reject' }
  | { code: 'VERSION_UNKNOWN'; offered: readonly number[]; verdict: 'ignore' }
  /** A signature, a certificate or a proof of network does not hold for this channel. */
  | { code: 'HANDSHAKE_REFUSED'; problem: string; verdict: 'reject' }
  /** One of the two deals only with members of its private networks, and the other proved none of them. */
  | { code: 'NO_NETWORK_IN_COMMON'; verdict: 'ignore' }
  /** Silence, or too slow. A node closed to the public gives this to whoever dials it without being a member, too. */
  | { code: 'HANDSHAKE_TIMED_OUT'; verdict: 'ignore' };
/** The peer is not who it must be, or does not speak as it must. */
export class HandshakeError extends NodeError<HandshakeErrorType> {
  override readonly name = 'HandshakeError';
}

export type PeerErrorType =
  | { code: 'UNREACHABLE'; peer: string; tried: readonly { address: string; problem: string }[] }
  | { code: 'NO_ADDRESS'; peer: string }
  | { code: 'CERTIFICATE_REFUSED'; problem: string; verdict: 'reject' }
  | { code: 'SIGNATURE_REFUSED'; problem: string; verdict: 'reject' }
  | { code: 'WRONG_PEER'; expected: string; found: string; verdict: 'ignore' }
  | { code: 'SELF' }
  | { code: 'BANNED'; peer: string; untilMs: number | null; reason: string }
  | { code: 'FULL'; limit: number }
  /** It answered, proved itself and would not have us; `reason` is one of `CLOSE_REASONS`. */
  | { code: 'TURNED_AWAY'; reason: string }
  | { code: 'NOT_RUNNING' };
/** There is no connection to a peer, and why. */
export class PeerError extends NodeError<PeerErrorType> {
  override readonly name = 'PeerError';
}

export type StreamErrorType =
  | { code: 'PROTOCOL_UNKNOWN'; protocol: string }
  | { code: 'REFUSED'; protocol: string }
  | { code: 'TOO_MANY'; protocol: string }
  | { code: 'RESET' }
  | { code: 'CLOSED' }
  | { code: 'DEADLINE'; deadlineMs: number }
  | { code: 'TOO_LARGE'; limitBytes: number; verdict: 'reject' }
  | { code: 'TOO_SLOW'; verdict: 'reject' }
  /** What came is not what the protocol allows. */
  | { code: 'MALFORMED'; problem: string; verdict: 'reject' };
/** A stream ended before its work was done. */
export class StreamError extends NodeError<StreamErrorType> {
  override readonly name = 'StreamError';
}
