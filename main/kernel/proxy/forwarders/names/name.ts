import { base32 } from 'multiformats/bases/base32';
import { formatIp } from '../../destinations/index.ts';
import type { GlobalAddress } from '../../../leases/index.ts';

/** Browsers take `localhost` and everything below it for this machine, without asking anybody (RFC 6761, section 6.3). */
const BELOW = '.localhost';
const ADDRESS_BYTES = 16;
/** Base 32 of 16 bytes without padding: 26 small letters and digits, which is what the label of a host name can hold. */
const ADDRESS_LABEL = /^[a-z2-7]{26}$/;

/** @returns the label under which a global address has a web server of its own here */
export const labelOfAddress = (bytes: readonly number[]): string =>
  // The first character of multiformats says which base it is.
  base32.encode(Uint8Array.from(bytes)).slice(1);

/** @returns the global address of a label, or null */
const addressOfLabel = (label: string): GlobalAddress | null => {
  if (!ADDRESS_LABEL.test(label)) return null;
  let bytes: Uint8Array;
  try {
    bytes = base32.decode(`b${label}`);
  } catch {
    return null;
  }
  // Bits behind the last byte are 0, or one address would have several names.
  if (bytes.length !== ADDRESS_BYTES || bytes[0] !== 0xfd || labelOfAddress([...bytes]) !== label) return null;
  return formatIp({ family: 6, bytes: [...bytes] }) as GlobalAddress;
};
/** A name that an owner gave as the label of a host name: small letters, and hyphens for everything else. */
export const labelOfName = (name: string): string =>
  name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63);

export type NamedPlace = { kind: 'name'; label: string } | { kind: 'address'; address: GlobalAddress; port: number };
/**
 * @param host - of a `Host` header, without port, in small letters: `<name>.localhost`, `<base 32>.localhost` or
 * `p<port>.<base 32>.localhost`
 */
export const placeOfHost = (host: string): NamedPlace | null => {
  if (!host.endsWith(BELOW)) return null;
  const labels = host.slice(0, -BELOW.length).split('.');
  const label = labels.at(-1) ?? '';
  const address = addressOfLabel(label);
  if (address === null) return labels.length === 1 && label !== '' ? { kind: 'name', label } : null;
  if (labels.length === 1) return { kind: 'address', address, port: 80 };
  const port = Number(/^p([1-9]\d{0,4})$/.exec(labels[0] ?? '')?.[1] ?? 0);
  return labels.length === 2 && port >= 1 && port <= 65_535 ? { kind: 'address', address, port } : null;
};
