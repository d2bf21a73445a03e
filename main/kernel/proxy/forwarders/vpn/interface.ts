import type { EventSource } from '../../../../base/index.ts';
import type { VpnView } from '../../../../../preload/contract/index.ts';

export interface VpnEvents {
  /** Something in the view is different; for counters alone at most once a second. */
  changed: null;
}
/** Global addresses as ordinary IPv6 addresses of this machine: every program reaches them, and none needs to know. */
export interface Vpn extends EventSource<VpnEvents> {
  /** Makes the device. Never rejects for an expected failure: the view then says `refused`, why, and what to do. */
  up(): Promise<VpnView>;
  /** Takes the device away; connections through it end. */
  down(): Promise<VpnView>;
  view(): VpnView;
  /** As `down`. May be called twice. */
  stop(): Promise<void>;
}
