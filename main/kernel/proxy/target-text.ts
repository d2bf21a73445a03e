import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { TunnelProtocol } from '../../../preload/contract/index.ts';
import { formatIp, parseHost } from './destinations/ip.ts';
import { refusedRange } from './destinations/ranges.ts';
import { ProxyError } from './errors.ts';
import type { LocalTarget } from './interface.ts';

const HOST = /^[0-9A-Za-z._-]{1,253}$/;
/** Longest path of a socket that systems take. */
const PATH_BYTES_MAX = 107;

const invalid = (target: string, problem: string): ProxyError =>
  new ProxyError(
    { code: 'TARGET_INVALID', target: target.slice(0, 256) },
    `${problem}; write host:port, [address]:port, a port of this machine, unix:/path, or job:<id>:<port>.`,
  );
const portOf = (target: string, text: string): number => {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw invalid(target, 'There is no port from 1 to 65535 in it');
  return port;
};

/**
 * Reads what an owner writes for a service: `host:port`, `[::1]:port`, `port` for this machine, `unix:/path`, `job:<id>:<port>`.
 *
 * @throws {ProxyError} `TARGET_INVALID`
 */
export const parseTarget = (
  text: string,
  protocol: TunnelProtocol,
): LocalTarget & { kind: 'socket' | 'unix' | 'container' } => {
  const job = /^(?:job:)(job-[0-9a-z]{16}):(\d+)$/.exec(text);
  if (job !== null) {
    const [, id = '', port = ''] = job;
    if (protocol === 'udp') throw invalid(text, 'A job takes no datagrams from outside');
    return { kind: 'container', id, port: portOf(text, port) };
  }
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    if (protocol === 'udp') throw invalid(text, 'A socket at a path takes no datagrams here');
    if (!path.startsWith('/') || path.includes('\0') || Buffer.byteLength(path) > PATH_BYTES_MAX)
      throw invalid(text, 'That is no path of a socket');
    return { kind: 'unix', path };
  }
  if (/^\d+$/.test(text))
    // Programs of this machine listen at one of the two loopback addresses; datagrams cannot try both.
    return { kind: 'socket', host: protocol === 'udp' ? '127.0.0.1' : 'localhost', port: portOf(text, text) };
  const bracket = /^\[([^\]]+)\]:(\d+)$/.exec(text);
  if (bracket !== null) {
    const [, host = '', port = ''] = bracket;
    if (!isIPv6(host)) throw invalid(text, 'What is in brackets is no IPv6 address');
    return { kind: 'socket', host, port: portOf(text, port) };
  }
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, Math.max(0, colon));
  if (!HOST.test(host)) throw invalid(text, 'That is no host and port');
  return { kind: 'socket', host, port: portOf(text, text.slice(colon + 1)) };
};

/**
 * Whether a service leads to the door of this node for its owner. Behind it is everything: who can reach it needs no more than the
 * token, and may try.
 */
export const leadsToApi = (target: LocalTarget, apiPort: number | null): boolean => {
  if (target.kind !== 'socket' || target.port !== apiPort) return false;
  const parsed = parseHost(target.host);
  if (parsed?.kind !== 'ip') return /(^|\.)localhost$/.test(parsed?.name ?? '');
  const rule = refusedRange(parsed.ip);
  const own = Object.values(networkInterfaces()).flatMap((infos) => (infos ?? []).map(({ address }) => address));
  return rule === 'loopback' || rule === 'unspecified' || own.includes(formatIp(parsed.ip));
};
