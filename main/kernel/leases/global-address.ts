import { assert, encodeCbor, sha256 } from '../../base/index.ts';
import type { SignerKeys } from '../../base/crypto/index.ts';
import type { GlobalAddress } from './interface.ts';

// docs/formats/global-address.md

export const GLOBAL_ADDRESS_BYTES = 16;
/** fd00::/8 of RFC 4193, so that no router of the world takes one for its own. */
const PREFIX = 0xfd;
const VERSION = 1;
const GROUPS = 8;

/**
 * The address of one asset of one owner. It proves itself: whoever answers for it shows keys that hash to it, and to find others
 * that do takes 2^120 tries.
 *
 * @param assetId - `asset:<kind>:<cid>`
 */
export const globalAddressOf = ({ ed25519, falcon1024 }: SignerKeys, assetId: string): GlobalAddress => {
  const hash = sha256(encodeCbor(['hypermesh-address', VERSION, ed25519, falcon1024, assetId]));
  return formatGlobalAddress(Uint8Array.of(PREFIX, ...hash.subarray(0, GLOBAL_ADDRESS_BYTES - 1)));
};

/** Text as RFC 5952 has it. @param bytes - 16, the first is fd */
export const formatGlobalAddress = (bytes: Uint8Array): GlobalAddress => {
  assert(
    bytes.length === GLOBAL_ADDRESS_BYTES && bytes[0] === PREFIX,
    'A global address has 16 bytes and begins with fd.',
  );
  const groups = Array.from({ length: GROUPS }, (_, n) => ((bytes[2 * n] ?? 0) << 8) | (bytes[2 * n + 1] ?? 0));
  // RFC 5952, section 4.2: the longest run of zeros, the first of equally long ones, and never a single group.
  let best = { start: 0, length: 1 };
  for (let start = 0; start < GROUPS; start++) {
    let length = 0;
    while (start + length < GROUPS && groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return (
    best.length === 1 ? text(0, GROUPS) : `${text(0, best.start)}::${text(best.start + best.length, GROUPS)}`
  ) as GlobalAddress;
};

/**
 * Reads any way of writing it: capitals, leading zeros, `::` wherever it may stand. No zone, no brackets, no dotted IPv4.
 *
 * @returns null when it is no address in fd00::/8
 */
export const parseGlobalAddress = (text: string): GlobalAddress | null => {
  const bytes = bytesOfText(text);
  return bytes === null ? null : formatGlobalAddress(bytes);
};

/** @returns 16 bytes */
export const globalAddressBytes = (address: GlobalAddress): Uint8Array => {
  const bytes = bytesOfText(address);
  assert(bytes !== null, 'Only its parser makes a global address.');
  return bytes;
};

const bytesOfText = (text: string): Uint8Array | null => {
  // 39 characters are eight groups of four and what stands between them.
  if (text.length > 39 || !/^[0-9a-f:]+$/i.test(text)) return null;
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const read = (half: string): string[] => (half === '' ? [] : half.split(':'));
  const head = read(halves[0] ?? '');
  const tail = halves.length === 2 ? read(halves[1] ?? '') : [];
  const missing = GROUPS - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (groups.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return null;
  const bytes = Uint8Array.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]),
  );
  return bytes[0] === PREFIX ? bytes : null;
};
