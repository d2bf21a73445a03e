import { z } from 'zod';
import { bytes, timestampMs } from './common.ts';
import { defineCalls, definePushes, nothing } from './define.ts';
import { globalAddress, routeKind } from './lending.ts';
import { peerId } from './network.ts';
import { privacyLevel } from './share.ts';

const port = z.coerce.number().int().min(1).max(65_535);
/** 0 takes a free one. */
const listenPort = z.coerce.number().int().min(0).max(65_535);
export const tunnelProtocol = z.enum(['tcp', 'udp', 'http']);
export type TunnelProtocol = z.infer<typeof tunnelProtocol>;
/** Hexadecimal, 8 digits. */
const tunnelId = z
  .string()
  .regex(/^[0-9a-f]{8}$/, 'not the id of a tunnel; see hypermesh tunnels')
  .describe('the id of a tunnel');

const counters = {
  connectionsNow: z.int(),
  connectionsTotal: z.int(),
  sentBytes: bytes,
  receivedBytes: bytes,
};

/** A service of this machine at a global address. */
export const exposureView = z.strictObject({
  id: tunnelId,
  name: z.string(),
  address: globalAddress,
  protocol: tunnelProtocol,
  port,
  /** `host:port`, or the path of a socket. */
  target: z.string(),
  privacyLevel,
  privacyNames: z.array(z.string()),
  relaysAllowed: z.boolean(),
  createdAtMs: timestampMs,
  ...counters,
  refused: z.int(),
  /** Why the last one was refused; null when nobody was. */
  lastRefusal: z.strictObject({ atMs: timestampMs, sentence: z.string() }).nullable(),
  /** Who can find and open it, one sentence. */
  sentence: z.string(),
  /** Why it cannot be reached now; empty when it can. */
  problem: z.string(),
});
export type ExposureView = z.infer<typeof exposureView>;

/** A far service at a port of this machine. */
export const reachedView = z.strictObject({
  id: tunnelId,
  address: globalAddress,
  protocol: tunnelProtocol,
  port,
  /** Where programs of this machine find it, such as `[::1]:8080`. */
  listen: z.string(),
  route: routeKind,
  /** Who answered for the address when it was used last; null before. */
  peerId: peerId.nullable(),
  peerName: z.string(),
  createdAtMs: timestampMs,
  ...counters,
  problem: z.string(),
});
export type ReachedView = z.infer<typeof reachedView>;

export const proxyView = z.strictObject({
  id: tunnelId,
  kind: z.enum(['socks', 'http', 'names']),
  listen: z.string(),
  /** Lease of a network whose owner lets traffic out; null: global addresses only. */
  lease: z.string().nullable(),
  /** Whether it asks for a name and password. */
  password: z.boolean(),
  ...counters,
  refused: z.int(),
  problem: z.string(),
});
export type ProxyView = z.infer<typeof proxyView>;

export const vpnView = z.strictObject({
  state: z.enum(['down', 'up', 'starting', 'refused']),
  /** Why it is not up and what to do, such as how to grant the right; empty when it is. */
  reason: z.string(),
  device: z.string().nullable(),
  /** Of this machine on the device. */
  address: globalAddress.nullable(),
  connectionsNow: z.int(),
  sentPackets: z.int(),
  receivedPackets: z.int(),
  droppedPackets: z.int(),
  sentBytes: bytes,
  receivedBytes: bytes,
});
export type VpnView = z.infer<typeof vpnView>;

export const tunnelsState = z.strictObject({
  exposures: z.array(exposureView),
  reached: z.array(reachedView),
  proxies: z.array(proxyView),
  vpn: vpnView,
  /** Rows of the translation table in use, and its bound. */
  table: z.strictObject({ entries: z.int(), max: z.int() }),
});
export type TunnelsState = z.infer<typeof tunnelsState>;

/** Where traffic of borrowers of the network may leave to, once its terms let any out. */
export const exitSettings = z.strictObject({
  /** `all`: everything public. `list`: only what is allowed. Private places never, unless they are allowed by address. */
  mode: z.enum(['all', 'list']),
  /** `example.org:443`, `*.example.org:80-90`, `10.0.0.0/8:*`, `[2001:db8::/32]:443`. */
  allowed: z.array(z.string().trim().min(1).max(300)).max(256),
});
export type ExitSettingsView = z.infer<typeof exitSettings>;

/** Who answers for a global address. */
export const resolvedView = z.strictObject({
  address: globalAddress,
  peerId,
  peerName: z.string(),
  /** `own`, `cache`, `peers` or the name of a network. */
  source: z.string(),
  tookMs: z.number(),
  services: z.array(z.strictObject({ protocol: tunnelProtocol, port })),
  expiresAtMs: timestampMs,
});
export const tunnelTest = z.strictObject({
  resolved: resolvedView.nullable(),
  /** From here to whoever answers; null when it was not reached. */
  rttMs: z.number().nullable(),
  route: routeKind.nullable(),
  /** Whether this node would be let in. */
  allowed: z.boolean(),
  /** What was found, step by step. */
  steps: z.array(z.strictObject({ step: z.string(), ok: z.boolean(), sentence: z.string() })),
});
export type TunnelTest = z.infer<typeof tunnelTest>;

export const memoryStats = z.strictObject({
  lease: z.string(),
  sizeBytes: bytes,
  keys: z.int(),
  usedBytes: bytes,
  mirrored: z.boolean(),
  encrypted: z.boolean(),
});
export const memoryBench = z.strictObject({
  rows: z.array(
    z.strictObject({
      operation: z.enum(['read', 'write']),
      sizeBytes: bytes,
      count: z.int(),
      p50Ms: z.number(),
      p99Ms: z.number(),
      bytesPerSecond: z.number(),
    }),
  ),
});
export type MemoryBench = z.infer<typeof memoryBench>;

const memoryKey = z.string().min(1).max(256).describe('a key of at most 256 bytes');
const leaseName = z.string().trim().min(1).max(64).describe('a lease of memory');
const tunnelErrors = ['TUNNEL_UNKNOWN'] as const;
const memoryErrors = [
  'LEASE_UNKNOWN',
  'LEASE_AMBIGUOUS',
  'LEASE_NOT_MEMORY',
  'LEASE_OVER',
  'LENDER_AWAY',
  'KEYS_LOCKED',
  'TOO_SMALL',
] as const;

export const tunnelCalls = defineCalls({
  'tunnels:state': {
    method: 'GET',
    path: '/v1/tunnels',
    summary: 'Services of this machine that others can reach, and far ones that this machine reaches',
    request: nothing,
    response: tunnelsState,
    cli: { command: 'tunnels', examples: ['hypermesh tunnels', 'hypermesh tunnels --json'] },
  },
  'tunnels:expose': {
    method: 'POST',
    path: '/v1/tunnels/exposures',
    summary: 'Gives a service of this machine a global address',
    request: z.strictObject({
      /** `host:port`, `port` for this machine, `unix:/path`, or `job:<id>:<port>` for a port of a job. */
      target: z.string().trim().min(1).max(256),
      protocol: tunnelProtocol.default('tcp'),
      /** Port at the global address; 0: the target's. */
      port: listenPort.default(0),
      name: z.string().trim().max(64).default(''),
      privacyLevel: privacyLevel.default('P2P'),
      privacyNames: z.array(z.string().trim().min(1).max(128)).max(64).default([]),
      relaysAllowed: z.boolean().default(true),
    }),
    response: exposureView,
    errors: ['TARGET_INVALID', 'TABLE_FULL', 'NOT_RUNNING', 'NAMES_UNKNOWN'],
  },
  'tunnels:unexpose': {
    method: 'DELETE',
    path: '/v1/tunnels/exposures/{id}',
    summary: 'Takes a service back: its connections end, its address is revoked',
    request: z.strictObject({ id: tunnelId }),
    response: nothing,
    errors: tunnelErrors,
    cli: { command: 'unexpose', positionals: ['id'], examples: ['hypermesh unexpose 3f2a9b10'] },
  },
  'tunnels:reach': {
    method: 'POST',
    path: '/v1/tunnels/reached',
    summary: 'Brings a far service to a port of this machine',
    request: z.strictObject({
      address: globalAddress,
      port,
      protocol: tunnelProtocol.default('tcp'),
      /** 0: the same as the far one where it is free, any other where not. */
      localPort: listenPort.default(0),
      route: z.enum(['direct', 'anonymous']).default('direct'),
    }),
    response: reachedView,
    errors: ['PORT_IN_USE', 'PORT_REFUSED', 'TABLE_FULL'],
  },
  'tunnels:unreach': {
    method: 'DELETE',
    path: '/v1/tunnels/reached/{id}',
    summary: 'Closes a port that leads to a far service',
    request: z.strictObject({ id: tunnelId }),
    response: nothing,
    errors: tunnelErrors,
    cli: { command: 'unreach', positionals: ['id'], examples: ['hypermesh unreach 77aa01c2'] },
  },
  'tunnels:resolve': {
    method: 'GET',
    path: '/v1/tunnels/resolve/{address}',
    summary: 'Who answers for a global address, with the proof checked',
    request: z.strictObject({ address: globalAddress }),
    response: resolvedView,
    errors: ['ADDRESS_UNKNOWN', 'NOT_RUNNING'],
    cli: { command: 'resolve', positionals: ['address'], examples: ['hypermesh resolve fd5e:…'] },
  },
  'tunnels:test': {
    method: 'POST',
    path: '/v1/tunnels/test',
    summary: 'Tries a global address step by step: found, reached, let in',
    request: z.strictObject({ address: globalAddress, port, protocol: tunnelProtocol.default('tcp') }),
    response: tunnelTest,
  },
  'tunnels:proxy': {
    method: 'POST',
    path: '/v1/tunnels/proxies',
    summary: 'Opens a SOCKS5 or HTTP proxy for programs of this machine; names: a web server per exposed name',
    request: z.strictObject({
      kind: z.enum(['socks', 'http', 'names']),
      localPort: listenPort.default(0),
      /** A lease of a network through which traffic leaves; without one the proxy leads to global addresses only. */
      lease: z.string().trim().max(64).nullable().default(null),
      username: z.string().max(255).default(''),
      password: z.string().max(255).default(''),
    }),
    response: proxyView,
    errors: ['PORT_IN_USE', 'PORT_REFUSED', 'LEASE_UNKNOWN', 'LEASE_NOT_NETWORK', 'TABLE_FULL'],
  },
  'tunnels:unproxy': {
    method: 'DELETE',
    path: '/v1/tunnels/proxies/{id}',
    summary: 'Closes a proxy',
    request: z.strictObject({ id: tunnelId }),
    response: nothing,
    errors: tunnelErrors,
    cli: { command: 'proxy close', positionals: ['id'], examples: ['hypermesh proxy close 10fe33ab'] },
  },
  'tunnels:vpn': {
    method: 'POST',
    path: '/v1/tunnels/vpn',
    summary: 'Makes global addresses ordinary IPv6 addresses of this machine, or no longer',
    request: z.strictObject({ up: z.boolean() }),
    response: vpnView,
  },
  'exit:get': {
    method: 'GET',
    path: '/v1/exit',
    summary: 'Where traffic of borrowers may leave to, once the terms of the network let any out',
    request: nothing,
    response: exitSettings,
    cli: { command: 'exit show', examples: ['hypermesh exit show'] },
  },
  'exit:set': {
    method: 'PUT',
    path: '/v1/exit',
    summary: 'Changes where traffic of borrowers may leave to',
    request: exitSettings,
    response: exitSettings,
    errors: ['TARGET_INVALID'],
  },
  'memory:put': {
    method: 'POST',
    path: '/v1/memory/{lease}/put',
    summary: 'Keeps a value under a key in borrowed memory, encrypted before it leaves',
    request: z.strictObject({
      lease: leaseName,
      key: memoryKey,
      /** Base64, at most 8 MiB of bytes. */
      value: z.string().max(11_184_812),
      /** Null: as long as the lease. */
      ttlMs: z.int().min(1).nullable().default(null),
    }),
    response: memoryStats,
    errors: [...memoryErrors, 'MEMORY_FULL', 'VALUE_TOO_LARGE', 'KEY_INVALID'],
  },
  'memory:get': {
    method: 'POST',
    path: '/v1/memory/{lease}/get',
    summary: 'Reads a value from borrowed memory; null when there is none',
    request: z.strictObject({ lease: leaseName, key: memoryKey }),
    response: z.strictObject({ value: z.string().nullable() }),
    errors: [...memoryErrors, 'PAGE_DAMAGED', 'KEY_INVALID'],
  },
  'memory:delete': {
    method: 'POST',
    path: '/v1/memory/{lease}/delete',
    summary: 'Deletes a key from borrowed memory',
    request: z.strictObject({ lease: leaseName, key: memoryKey }),
    response: memoryStats,
    errors: memoryErrors,
    cli: { command: 'mem delete', positionals: ['lease', 'key'], examples: ['hypermesh mem delete lease-3f2a notes'] },
  },
  'memory:stats': {
    method: 'GET',
    path: '/v1/memory/{lease}',
    summary: 'What is kept in borrowed memory',
    request: z.strictObject({ lease: leaseName }),
    response: memoryStats,
    errors: memoryErrors,
    cli: { command: 'mem show', positionals: ['lease'], examples: ['hypermesh mem show lease-3f2a'] },
  },
  'memory:mirror': {
    method: 'POST',
    path: '/v1/memory/{lease}/mirror',
    summary: 'Keeps what is in borrowed memory at a second lender, too, or no longer',
    request: z.strictObject({
      lease: leaseName,
      /** Another lease of memory, at least as large; null ends the mirror. */
      second: leaseName.nullable(),
    }),
    response: memoryStats,
    errors: [...memoryErrors, 'MIRROR_INVALID'],
  },
  'memory:bench': {
    method: 'POST',
    path: '/v1/memory/{lease}/bench',
    summary: 'Measures borrowed memory at 64 B, 4 KiB and 1 MiB, in a part that is not in use',
    request: z.strictObject({ lease: leaseName }),
    response: memoryBench,
    errors: [...memoryErrors, 'MEMORY_FULL'],
  },
});

export const tunnelPushes = definePushes({
  tunnels: { summary: 'When tunnels change or carry something; at most once a second', payload: tunnelsState },
});
