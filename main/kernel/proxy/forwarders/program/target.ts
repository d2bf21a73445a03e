import { type Host, formatIp, parseHost } from '../../destinations/index.ts';
import type { FarTarget } from '../../interface.ts';
import type { GlobalAddress, LeaseId } from '../../../leases/index.ts';

/** First byte of every global address: fd00::/8. */
const GLOBAL_FIRST_BYTE = 0xfd;

/** @returns the global address that a host is, null for any other host */
export const globalAddressOfHost = (host: Host): GlobalAddress | null =>
  host.kind === 'ip' && host.ip.family === 6 && host.ip.bytes[0] === GLOBAL_FIRST_BYTE
    ? (formatIp(host.ip) as GlobalAddress)
    : null;

/**
 * Where a program wants to go: global addresses lead into the mesh, everything else out through the lease.
 *
 * @param host - as the program wrote it, without brackets
 * @returns `malformed` for what is no destination, `noExit` where there is no lease for it
 */
export const targetOf = (
  host: string,
  port: number,
  { lease, route }: { lease: LeaseId | null; route: 'direct' | 'anonymous' },
): FarTarget | 'malformed' | 'noExit' => {
  const parsed = parseHost(host);
  if (parsed === null || !Number.isInteger(port) || port < 1 || port > 65_535) return 'malformed';
  const address = globalAddressOfHost(parsed);
  if (address !== null) return { kind: 'service', address, port, route };
  if (lease === null) return 'noExit';
  return { kind: 'exit', lease, host: parsed.kind === 'ip' ? formatIp(parsed.ip) : parsed.name, port };
};
