import type { Counter, Gauge, MetricsRegistry } from '../../../../base/index.ts';

/** Figures of the device. `direction`: `out` from programs here, `in` to them; `reason`: one of `DROPS`; `protocol`: `tcp` or `udp`. */
export interface VpnMetrics {
  packets: Counter;
  bytes: Counter;
  dropped: Counter;
  connections: Gauge;
}
/** @returns null when metrics are off */
export const createVpnMetrics = (registry: MetricsRegistry | null): VpnMetrics | null =>
  registry && {
    packets: registry.counter('hypermesh_proxy_vpn_packets_total', 'Packets through the device of the VPN', [
      'direction',
    ]),
    bytes: registry.counter('hypermesh_proxy_vpn_bytes_total', 'Bytes of packets through the device of the VPN', [
      'direction',
    ]),
    dropped: registry.counter('hypermesh_proxy_vpn_dropped_packets_total', 'Packets that were not carried', ['reason']),
    connections: registry.gauge('hypermesh_proxy_vpn_connections', 'Connections and exchanges of programs here', [
      'protocol',
    ]),
  };
