import type { Settings } from '../../base/index.ts';
import type { PeerId } from '../../transport/stoq/index.ts';
import type { LendingTerms, ProxyView, TunnelProtocol } from '../../../preload/contract/index.ts';
import { type GlobalAddress, type LeaseId, parseGlobalAddress, parseLeaseId } from '../leases/index.ts';
import { EXPOSURES_MAX, PROXIES_MAX, REACHED_MAX } from './constants.ts';

/** A service of this machine, as it comes back after a start. */
export interface SavedExposure {
  id: string;
  name: string;
  protocol: TunnelProtocol;
  port: number;
  /** As it was given. */
  target: string;
  privacyLevel: LendingTerms['privacyLevel'];
  privacyNames: readonly string[];
  relaysAllowed: boolean;
  createdAtMs: number;
  /** 16 random bytes, so that nobody finds out from the address's asset what it stands for. */
  nonce: Uint8Array;
}
export interface SavedReached {
  id: string;
  address: GlobalAddress;
  protocol: TunnelProtocol;
  port: number;
  localPort: number;
  route: 'direct' | 'anonymous';
  createdAtMs: number;
  /** Who answered when it was used last. */
  peer: PeerId | null;
}
export interface SavedProxy {
  id: string;
  kind: ProxyView['kind'];
  localPort: number;
  lease: LeaseId | null;
  username: string;
  password: string;
}
export interface SavedTunnels {
  exposures: readonly SavedExposure[];
  reached: readonly SavedReached[];
  proxies: readonly SavedProxy[];
  vpn: boolean;
}

const SETTING = 'proxy.tunnels';
const VERSION = 1;
const PROTOCOLS: readonly TunnelProtocol[] = ['tcp', 'udp', 'http'];
const LEVELS: readonly LendingTerms['privacyLevel'][] = [
  'Private',
  'PrivateNetwork',
  'P2P',
  'PublicNetwork',
  'FullPublic',
];
const KINDS: readonly ProxyView['kind'][] = ['socks', 'http', 'names'];
const ROUTES = ['direct', 'anonymous'] as const;
const ID = /^[0-9a-f]{8}$/;

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
const oneOf = <const L>(value: unknown, allowed: readonly L[]): L | null =>
  allowed.find((one) => one === value) ?? null;
const port = (value: unknown, min: number): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= 65_535 ? value : null;
const time = (value: unknown): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
const id = (value: unknown): string | null => (typeof value === 'string' && ID.test(value) ? value : null);
const texts = (value: unknown): readonly string[] | null =>
  Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : null;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const exposure = (value: Record<string, unknown>): SavedExposure | null => {
  const found = {
    id: id(value['id']),
    protocol: oneOf(value['protocol'], PROTOCOLS),
    port: port(value['port'], 1),
    privacyLevel: oneOf(value['privacyLevel'], LEVELS),
    privacyNames: texts(value['privacyNames']),
    nonce: value['nonce'] instanceof Uint8Array && value['nonce'].length === 16 ? value['nonce'] : null,
  };
  const { id: own, protocol, port: at, privacyLevel, privacyNames, nonce } = found;
  if (
    own === null ||
    protocol === null ||
    at === null ||
    privacyLevel === null ||
    privacyNames === null ||
    nonce === null
  )
    return null;
  return {
    id: own,
    name: text(value['name']),
    protocol,
    port: at,
    target: text(value['target']),
    privacyLevel,
    privacyNames,
    relaysAllowed: value['relaysAllowed'] === true,
    createdAtMs: time(value['createdAtMs']),
    nonce,
  };
};
const reached = (value: Record<string, unknown>): SavedReached | null => {
  const own = id(value['id']);
  const address = parseGlobalAddress(text(value['address']));
  const protocol = oneOf(value['protocol'], PROTOCOLS);
  const far = port(value['port'], 1);
  const localPort = port(value['localPort'], 0);
  const route = oneOf(value['route'], ROUTES);
  if (own === null || address === null || protocol === null || far === null || localPort === null || route === null)
    return null;
  const peer = typeof value['peer'] === 'string' ? (value['peer'] as PeerId) : null;
  return { id: own, address, protocol, port: far, localPort, route, createdAtMs: time(value['createdAtMs']), peer };
};
const proxy = (value: Record<string, unknown>): SavedProxy | null => {
  const own = id(value['id']);
  const kind = oneOf(value['kind'], KINDS);
  const localPort = port(value['localPort'], 0);
  const lease = value['lease'] === null ? null : parseLeaseId(text(value['lease']));
  // Without its lease it would lead somewhere else than its owner wanted.
  if (own === null || kind === null || localPort === null || (lease === null && value['lease'] !== null)) return null;
  return { id: own, kind, localPort, lease, username: text(value['username']), password: text(value['password']) };
};
const listOf = <T>(value: unknown, max: number, read: (value: Record<string, unknown>) => T | null): T[] =>
  (Array.isArray(value) ? value.slice(0, max) : []).flatMap((one: unknown) => {
    const found = isMap(one) ? read(one) : null;
    return found === null ? [] : [found];
  });

/** What was exposed, reached and opened before. Rows that are not as this version writes them are left out. */
export const loadTunnels = async (settings: Settings): Promise<SavedTunnels> => {
  const value = await settings.get(SETTING);
  const map = isMap(value) && value['v'] === VERSION ? value : {};
  return {
    exposures: listOf(map['exposures'], EXPOSURES_MAX, exposure),
    reached: listOf(map['reached'], REACHED_MAX, reached),
    proxies: listOf(map['proxies'], PROXIES_MAX, proxy),
    vpn: map['vpn'] === true,
  };
};
export const saveTunnels = (settings: Settings, tunnels: SavedTunnels): Promise<void> =>
  settings.set(SETTING, { v: VERSION, ...tunnels });
