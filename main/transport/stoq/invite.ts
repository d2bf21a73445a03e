import { multiaddr } from '@multiformats/multiaddr';
import { base32 } from 'multiformats/bases/base32';
import { base58btc } from 'multiformats/bases/base58';
import { NodeError, decodeCbor, encodeCbor } from '../../base/index.ts';
import { parsePeerId, readAddress } from './address.ts';
import { membershipOf } from './discovery/membership.ts';
import type { NetworkMembership } from './handshake/interface.ts';
import type { Address, PeerId } from './interface.ts';

/** In front of the base32 of an invite. Links are read in capitals, too: those make smaller QR codes. */
export const INVITE_PREFIX = 'hypermesh:join/';
const VERSION = 1;
/** A link that a person passes on. Four addresses and a network take some 250 bytes. */
export const INVITE_BYTES_MAX = 2_048;
export const INVITE_ADDRESSES_MAX = 8;
const ADDRESS_BYTES_MAX = 256;
const NETWORK_KEY_BYTES = 32;
const ITEMS_MAX = 32;
/** Clocks of two people differ; who is a few minutes late still gets in. */
const CLOCK_SLACK_MS = 10 * 60_000;

export class InviteError extends NodeError<
  | { code: 'INVITE_INVALID'; problem: string; verdict: 'reject' }
  | { code: 'INVITE_EXPIRED'; expiredAtMs: number }
  | { code: 'SELF' }
> {
  override readonly name = 'InviteError';
}

/** Where a node is, and maybe the key of a private network. Whoever holds it can join: it is a secret as long as the network is. */
export interface Invite {
  peer: PeerId;
  /** Best first. */
  addresses: readonly Address[];
  /** Null: leads to the node and into no network. */
  membership: NetworkMembership | null;
  expiresAtMs: number;
}

const invalid = (problem: string): InviteError =>
  new InviteError(
    { code: 'INVITE_INVALID', problem, verdict: 'reject' },
    `That is no invite of this version (${problem}); ask for the whole link again, it begins with ${INVITE_PREFIX}.`,
  );

/** The link of an invite, docs/formats/stoq-invite.md. Not signed: whoever answers at its addresses must prove to be its peer. */
export const createInvite = ({ peer, addresses, membership, expiresAtMs }: Invite): string => {
  const encoded = encodeCbor({
    v: VERSION,
    peer: base58btc.baseDecode(peer),
    addresses: addresses.slice(0, INVITE_ADDRESSES_MAX).map((address) => multiaddr(address).bytes),
    network: membership === null ? null : { name: membership.name, key: membership.key },
    expiresAtMs,
  });
  return INVITE_PREFIX + base32.baseEncode(encoded);
};

const isMap = (value: unknown, keys: readonly string[]): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Uint8Array) &&
  Object.keys(value).length === keys.length &&
  keys.every((key) => Object.hasOwn(value, key));

const readAddressBytes = (bytes: unknown): Address => {
  if (!(bytes instanceof Uint8Array) || bytes.length === 0 || bytes.length > ADDRESS_BYTES_MAX)
    throw invalid('an address is not bytes');
  let text: string;
  try {
    text = multiaddr(bytes).toString();
  } catch {
    throw invalid('an address is no multiaddr');
  }
  const address = readAddress(text);
  if (address === null) throw invalid('an address is of a kind that is not dialled');
  return address;
};

/**
 * @param link - as a person pasted it
 * @param options - `nowMs`: the wall clock; `self`: the id of this node, which cannot follow its own invite
 * @throws {InviteError}
 */
export const openInvite = (link: string, { nowMs, self }: { nowMs: number; self: string | null }): Invite => {
  // Mail programs break lines and phones write capitals.
  const text = link.replaceAll(/\s+/g, '').toLowerCase();
  if (!text.startsWith(INVITE_PREFIX)) throw invalid('it begins otherwise');
  const body = text.slice(INVITE_PREFIX.length);
  if (body.length === 0 || body.length > Math.ceil((INVITE_BYTES_MAX * 8) / 5)) throw invalid('its length');
  let value: unknown;
  try {
    const bytes = base32.baseDecode(body);
    // The last character of base32 may hold bits that mean nothing; one link has one text.
    if (base32.baseEncode(bytes) !== body) throw new Error('it has another text');
    value = decodeCbor(bytes, ITEMS_MAX);
  } catch {
    throw invalid('part of it is missing or changed');
  }
  if (!isMap(value, ['v', 'peer', 'addresses', 'network', 'expiresAtMs'])) throw invalid('it has other fields');
  if (value['v'] !== VERSION) throw invalid('it is of another version; update HyperMesh');
  const { peer: peerBytes, addresses, network, expiresAtMs } = value;
  const peer = peerBytes instanceof Uint8Array ? parsePeerId(base58btc.baseEncode(peerBytes)) : null;
  if (peer === null) throw invalid('it names no peer');
  if (!Array.isArray(addresses) || addresses.length === 0 || addresses.length > INVITE_ADDRESSES_MAX)
    throw invalid('it has no addresses, or too many');
  if (typeof expiresAtMs !== 'number' || !Number.isSafeInteger(expiresAtMs) || expiresAtMs < 0)
    throw invalid('it does not tell how long it holds');
  const read = addresses.map(readAddressBytes);
  let membership: NetworkMembership | null = null;
  if (network !== null) {
    if (!isMap(network, ['name', 'key'])) throw invalid('its network has other fields');
    const { name, key } = network;
    if (typeof name !== 'string' || !(key instanceof Uint8Array) || key.length !== NETWORK_KEY_BYTES)
      throw invalid('its network has no name or key');
    try {
      membership = membershipOf(name, new Uint8Array(key));
    } catch {
      throw invalid('the name of its network is none');
    }
    if (membership.name !== name) throw invalid('the name of its network is not in its one form');
  }
  if (expiresAtMs + CLOCK_SLACK_MS < nowMs)
    throw new InviteError(
      { code: 'INVITE_EXPIRED', expiredAtMs: expiresAtMs },
      `The invite held until ${new Date(Math.min(expiresAtMs, 8.64e15)).toISOString()}; ask for a new one.`,
    );
  if (peer === self) throw new InviteError({ code: 'SELF' }, 'That is an invite of this node; another one follows it.');
  return { peer, addresses: read, membership, expiresAtMs };
};
