import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { hostOfBytes } from './stun.ts';

/** Routers that packets leave through, as addresses of `node:net`; link-local ones with their interface behind `%`. */
export interface Gateways {
  v4: string | null;
  v6: string | null;
}

/** RTF_GATEWAY of <linux/route.h>. */
const VIA_GATEWAY = 0x2;

/** @param table - `/proc/net/route`: interface, destination, gateway (both little-endian hex), flags, …, metric in column 6 */
export const readRoutes4 = (table: string): string | null => {
  let best: { host: string; metric: number } | null = null;
  for (const line of table.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const gateway = /^[0-9A-F]{8}$/i.exec(fields[2] ?? '');
    if (fields[1] !== '00000000' || gateway === null || (Number.parseInt(fields[3] ?? '0', 16) & VIA_GATEWAY) === 0)
      continue;
    const metric = Number(fields[6]);
    const host = [...Buffer.from(gateway[0], 'hex')].reverse().join('.');
    if (best === null || metric < best.metric) best = { host, metric };
  }
  return best?.host ?? null;
};
/** @param table - `/proc/net/ipv6_route`: destination, its length, source, its length, next hop, metric, …, flags, interface */
export const readRoutes6 = (table: string): string | null => {
  let best: { host: string; metric: number } | null = null;
  for (const line of table.split('\n')) {
    const fields = line.trim().split(/\s+/);
    const nextHop = /^[0-9a-f]{32}$/i.exec(fields[4] ?? '');
    if (fields[1] !== '00' || nextHop === null || (Number.parseInt(fields[8] ?? '0', 16) & VIA_GATEWAY) === 0) continue;
    const metric = Number.parseInt(fields[5] ?? '', 16);
    const host = hostOfBytes(Buffer.from(nextHop[0], 'hex'));
    const named = host.startsWith('fe80:') ? `${host}%${fields[9] ?? ''}` : host;
    if (best === null || metric < best.metric) best = { host: named, metric };
  }
  return best?.host ?? null;
};

/** @returns what the system's table of routes says now; null where there is no router or it cannot be found */
export const findGateways = async (): Promise<Gateways> => {
  if (process.platform === 'linux') {
    const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
    return { v4: readRoutes4(await read('/proc/net/route')), v6: readRoutes6(await read('/proc/net/ipv6_route')) };
  }
  // Loaded only here: it starts programs of the system.
  const { networkGatewayDefault } = await import('systeminformation');
  const found = await networkGatewayDefault().catch(() => '');
  return { v4: isIPv4(found) ? found : null, v6: null };
};
