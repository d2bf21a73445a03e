import { NodeError, type Verdict } from '../../../base/index.ts';

export type PeerRecordErrorType =
  /** Not a record of docs/formats/stoq-peer-record.md, or outside its limits. */
  | { code: 'PEER_RECORD_MALFORMED'; problem: string; verdict: Verdict }
  /** Too old, or from so far ahead that no clock is that wrong. */
  | { code: 'PEER_RECORD_OUT_OF_TIME'; issuedAtMs: number; verdict: Verdict };
/** What a peer says about where it is cannot be believed. */
export class PeerRecordError extends NodeError<PeerRecordErrorType> {
  override readonly name = 'PeerRecordError';
}

export type DhtErrorType =
  | { code: 'TOO_LARGE'; what: 'value' | 'topic' | 'namespace'; bytes: number; limitBytes: number }
  /** No peer of the network answers. */
  | { code: 'NO_PEERS' }
  /** A record or a message that the format does not allow. */
  | { code: 'DHT_MALFORMED'; problem: string; verdict: Verdict };
/** The DHT could not do what it was asked for, or was asked for what it does not do. */
export class DhtError extends NodeError<DhtErrorType> {
  override readonly name = 'DhtError';
}

export type NetworkErrorType =
  | { code: 'NETWORK_NAME_INVALID'; charactersMax: number }
  | { code: 'NETWORK_SECRET_SHORT'; charactersMin: number };
/** No private network can be made of this name and secret. */
export class NetworkError extends NodeError<NetworkErrorType> {
  override readonly name = 'NetworkError';
}

export type MembershipErrorType =
  | { code: 'MEMBERSHIP_MALFORMED'; problem: string; verdict: Verdict }
  /** Both dialled at once and do not yet agree whose session counts. */
  | { code: 'SESSION_UNSETTLED'; verdict: Verdict };
/** Networks could not be proved on a running session. */
export class MembershipError extends NodeError<MembershipErrorType> {
  override readonly name = 'MembershipError';
}

export type InviteErrorType =
  /** Not an invite, unknown to its inviter, used before, or taken back: which of these is not told to strangers. */
  | { code: 'INVITE_INVALID'; problem: string }
  | { code: 'INVITE_EXPIRED'; expiredAtMs: number }
  | { code: 'TOO_MANY_INVITES'; limit: number };
/** An invite could not be made or taken. */
export class InviteError extends NodeError<InviteErrorType> {
  override readonly name = 'InviteError';
}
