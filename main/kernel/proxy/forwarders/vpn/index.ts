export { createVpn, type VpnComponents, type VpnInit } from './create-vpn.ts';
export type * from './interface.ts';
