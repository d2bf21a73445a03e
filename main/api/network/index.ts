export { createNetworkControl, type NetworkControlComponents } from './create-network-control.ts';
export { NetworkError } from './errors.ts';
