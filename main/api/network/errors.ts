import { NodeError } from '../../base/errors.ts';

/** What the owner asked of the network cannot be done as it stands. */
export class NetworkError extends NodeError<
  /** No peer has that id, that beginning of one, or that name. */
  | { code: 'PEER_UNKNOWN'; peer: string }
  /** Several have. `candidates` are their ids, ten at most. */
  | { code: 'PEER_AMBIGUOUS'; peer: string; candidates: readonly string[] }
  /** The node talks to nobody now. */
  | { code: 'NOT_RUNNING' }
  | { code: 'ADDRESS_INVALID'; address: string }
  /** Another peer or network has that name. */
  | { code: 'NAME_TAKEN'; name: string }
  | { code: 'NETWORK_UNKNOWN'; network: string }
  | { code: 'NETWORKS_FULL'; limit: number }
  /** Nothing is known of where the peer, or this node, can be reached. */
  | { code: 'NO_ADDRESS' }
  /** The other node, or something on the way, did not answer. */
  | { code: 'TIMED_OUT'; ms: number }
> {
  override readonly name = 'NetworkError';
}
