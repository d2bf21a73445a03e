export type { ReplicaComponents, ReplicaInit, VoteKeys } from './interface.ts';
export { createReplica } from './create-replica.ts';
export { ReplicaError } from './errors.ts';
export { NONCE_AHEAD } from './constants.ts';
