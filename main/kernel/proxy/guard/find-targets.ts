import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { findGateways, type Gateways } from '../../../transport/stoq/index.ts';
import { parseIp } from '../destinations/index.ts';
import type { GuardTarget } from '../interface.ts';
import type { Canary } from './canary.ts';
import { MACHINES_MAX } from './constants.ts';

export interface TargetsComponents {
  /** Port of this node's API, null while it has none. */
  apiPort: () => number | null;
  /** Files of this node and of the machine that no job has any business with. */
  files: readonly string[];
  /** @default the system's */
  gateways?: () => Promise<Gateways>;
  /** Text of `/proc/net/arp`. @default the system's */
  neighbours?: () => Promise<string>;
  /** @default the system's */
  interfaces?: typeof networkInterfaces;
}
export interface FoundTargets {
  targets: GuardTarget[];
  /** What could not be found, and so is not tried. */
  missing: { label: string; sentence: string }[];
}

/** What a router has: its page, and the name server that tells who else is there. */
const ROUTER_PORTS = [80, 443, 53];
const MACHINE_PORTS = [22, 80];
/** Complete entry, <linux/if_arp.h>. */
const ARP_COMPLETE = 0x2;
/** All the ways in which this machine can be written; the second half is for resolvers that read too much into numbers. */
const OWN_SPELLINGS = [
  '127.0.0.1',
  '::1',
  'localhost',
  '127.77.7.7',
  '0.0.0.0',
  '::',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::127.0.0.1',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  'localhost.',
  '127.0.0.1.',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0177.0.0.1',
  '１２７.0.0.1',
];

/** @param text - `/proc/net/arp`: address, type, flags, hardware address, mask, device */
export const readNeighbours = (text: string): string[] =>
  text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [address = '', , flags = '0', hardware = ''] = line.trim().split(/\s+/);
      const complete = (Number.parseInt(flags, 16) & ARP_COMPLETE) !== 0 && !/^[0:]*$/.test(hardware);
      return complete && parseIp(address)?.family === 4 ? [address] : [];
    });

const shown = (host: string, port: number): string => `${host.includes(':') ? `[${host}]` : host}, port ${port}`;
const at = (what: GuardTarget['what'], name: string, host: string, ports: readonly number[]): GuardTarget[] =>
  ports.map((port) => ({ what, host, port, path: null, label: `${name} (${shown(host, port)})` }));

/** Everything near that must stay out of reach, as far as this machine can tell. */
export const findTargets = async (components: TargetsComponents, canary: Canary): Promise<FoundTargets> => {
  const {
    apiPort,
    files,
    gateways = findGateways,
    neighbours = () => readFile('/proc/net/arp', 'utf8').catch(() => ''),
    interfaces = networkInterfaces,
  } = components;
  const [{ v4, v6 }, table] = await Promise.all([gateways(), neighbours()]);
  const missing: FoundTargets['missing'] = [];
  const routers = [v4, v6].filter((one) => one !== null);
  if (routers.length === 0)
    missing.push({ label: 'the router', sentence: 'This machine has no route to a router, so there was none to try.' });
  const machines = readNeighbours(table)
    .filter((one) => !routers.includes(one))
    .slice(0, MACHINES_MAX);
  if (machines.length === 0)
    missing.push({
      label: 'another machine',
      sentence: 'This machine has talked to no other one near it, so none was known to try.',
    });
  const api = apiPort();
  if (api === null) missing.push({ label: 'the API of this node', sentence: 'The API does not listen now.' });
  const own = Object.values(interfaces()).flatMap((infos) =>
    (infos ?? []).filter(({ internal }) => !internal).map(({ address, scopeid }) => ({ address, scopeid })),
  );
  const canaryPorts = [...new Set(canary.places.map(({ port }) => port))];
  const targets: GuardTarget[] = [
    ...routers.flatMap((host) => at('router', 'the router', host, ROUTER_PORTS)),
    ...machines.flatMap((host) => at('machine', 'another machine', host, MACHINE_PORTS)),
    ...OWN_SPELLINGS.flatMap((host) => at('loopback', 'a service of this machine', host, canaryPorts)),
    ...own.slice(0, 8).flatMap(({ address }) => at('loopback', 'this machine', address, canaryPorts.slice(0, 1))),
    ...(api === null ? [] : OWN_SPELLINGS.flatMap((host) => at('api', 'the API of this node', host, [api]))),
    ...at('linkLocal', 'an address of the link', '169.254.1.1', [80]),
    ...at('linkLocal', 'an address of the link', 'fe80::1', [80]),
    ...at('linkLocal', 'all machines of the link', 'ff02::1', [80]),
    ...at('linkLocal', 'all machines of the link', '224.0.0.251', [5353]),
    ...at('metadata', 'the keys of a rented machine', '169.254.169.254', [80]),
    ...at('metadata', 'the keys of a rented machine', 'fd00:ec2::254', [80]),
    ...at('metadata', 'the keys of a rented machine', 'metadata.google.internal', [80]),
    ...files.map(
      (path): GuardTarget => ({ what: 'file', host: '', port: 0, path, label: `a file of this machine (${path})` }),
    ),
  ];
  return { targets, missing };
};
