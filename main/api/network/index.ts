export { createNetworkControl, type NetworkControlComponents } from './create-network-control.ts';
export { NetworkError } from './errors.ts';
export { createPeerRows } from './peer-rows.ts';
