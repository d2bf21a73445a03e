import { NodeError, type Verdict } from '../../base/index.ts';

export type RouteErrorType =
  | { code: 'ADDRESS_UNKNOWN'; address: string }
  | { code: 'REVOKED'; address: string }
  /** A route record that its format does not allow, or that is not what was asked for. */
  | { code: 'ROUTE_MALFORMED'; problem: string; verdict: Verdict }
  | { code: 'NOT_RUNNING' }
  | { code: 'TOO_MANY_ROUTES'; max: number };
/** Why nobody was found who answers for a global address. */
export class RouteError extends NodeError<RouteErrorType> {
  override readonly name = 'RouteError';
}

export type ProxyErrorType =
  | { code: 'TABLE_FULL'; max: number }
  | { code: 'ADDRESS_TAKEN'; address: string; port: number }
  | { code: 'ADDRESS_UNKNOWN'; address: string }
  /** With the sentence that the far side gave. */
  | { code: 'REFUSED_THERE'; reason: ForwardRefusal }
  | { code: 'DESTINATION_REFUSED'; rule: string }
  | { code: 'DESTINATION_UNKNOWN'; host: string }
  /** What was asked for did not answer at the far side. */
  | { code: 'TARGET_AWAY'; detail: string }
  | { code: 'TIMED_OUT'; afterMs: number }
  /** A message of the forward protocol that its format does not allow. */
  | { code: 'FORWARD_MALFORMED'; problem: string; verdict: Verdict }
  /** As many connections to one node as this one opens. */
  | { code: 'TOO_MANY_CONNECTIONS'; max: number }
  | { code: 'TARGET_INVALID'; target: string }
  | { code: 'NAMES_UNKNOWN'; names: readonly string[] }
  | { code: 'TUNNEL_UNKNOWN'; id: string }
  | { code: 'PORT_IN_USE'; port: number }
  | { code: 'PORT_REFUSED'; port: number }
  | { code: 'LEASE_UNKNOWN'; lease: string }
  | { code: 'LEASE_NOT_NETWORK'; lease: string }
  | { code: 'NO_RELAYS'; found: number; needed: number }
  | { code: 'GUARD_RUNNING' }
  | { code: 'NOT_RUNNING' };
/** Why something was not forwarded, exposed or reached. */
export class ProxyError extends NodeError<ProxyErrorType> {
  override readonly name = 'ProxyError';
}

/** Why the far side of a forward refused; crosses the wire, so names are never reused. */
export const FORWARD_REFUSALS = [
  /** Nothing there, or nothing that the asker may find. */
  'unknown',
  'refused',
  /** The privacy level does not let the asker in, who may know that it is there. */
  'privacy',
  'lease',
  'destination',
  'destinationUnknown',
  /** The service behind the address does not answer. */
  'away',
  'full',
] as const;
export type ForwardRefusal = (typeof FORWARD_REFUSALS)[number];
