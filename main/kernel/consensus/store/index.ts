export { LedgerStoreError } from './errors.ts';
export { type KeptNetwork, listNetworks, removeNetwork } from './networks.ts';
export { type ReplicaStoreComponents, type ReplicaStoreInit, createReplicaStore } from './replica-store.ts';
