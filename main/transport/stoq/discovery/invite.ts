import { base64url } from 'multiformats/bases/base64';
import { base58btc } from 'multiformats/bases/base58';
import { encodeCbor, type Random } from '../../../base/index.ts';
import { isDialable, parsePeerId } from '../address.ts';
import type { NetworkMembership } from '../handshake/interface.ts';
import type { Address, PeerId } from '../interface.ts';
import { CLOCK_TOLERANCE_MS, INVITE_ADDRESSES_MAX, INVITE_CHARACTERS_MAX } from './constants.ts';
import { InviteError } from './errors.ts';
import { readAddresses, readBytes, readCborOf, readList, readTime, type Malformed } from './fields.ts';
import { membershipOf, NETWORK_NAME_CHARACTERS_MAX } from './membership.ts';

const INVITE_PREFIX = 'hypermesh:join/';
const INVITE_VERSION = 1;
const PEER_ID_BYTES = 38;
export const INVITE_ID_BYTES = 8;
export const INVITE_SECRET_BYTES = 16;
const NETWORK_KEY_BYTES = 32;

/** What a link or QR code says; docs/formats/stoq-invite.md. Whoever sees it may use it, once. */
export interface Invite {
  inviter: PeerId;
  addresses: readonly Address[];
  /** The private network that it lets into; null for a meeting of two peers. */
  network: NetworkMembership | null;
  expiresAtMs: number;
  id: Uint8Array;
  secret: Uint8Array;
}

const invalid = (problem: string): InviteError =>
  new InviteError(
    { code: 'INVITE_INVALID', problem },
    `This is no invite that can be used (${problem}); ask for a new one, and copy it whole.`,
  );
const malformed: Malformed = invalid;

/** As many addresses as fit, best first, so that it stays a QR code that a phone can read. */
export const encodeInvite = (invite: Invite): string => {
  const addresses = invite.addresses.filter(isDialable).slice(0, INVITE_ADDRESSES_MAX);
  for (;;) {
    const bytes = encodeCbor([
      INVITE_VERSION,
      base58btc.baseDecode(invite.inviter),
      addresses,
      invite.network === null ? null : [invite.network.name, invite.network.key],
      invite.expiresAtMs,
      invite.id,
      invite.secret,
    ]);
    const link = INVITE_PREFIX + base64url.baseEncode(bytes);
    if (link.length <= INVITE_CHARACTERS_MAX || addresses.length === 0) return link;
    addresses.pop();
  }
};

const readNetwork = (value: unknown): NetworkMembership | null => {
  if (value === null) return null;
  const [name, key] = readList(value, 2, 'its network', malformed);
  if (typeof name !== 'string' || name.length > NETWORK_NAME_CHARACTERS_MAX) throw invalid('its network has no name');
  const bytes = readBytes(key, { min: NETWORK_KEY_BYTES, max: NETWORK_KEY_BYTES }, 'the key of its network', malformed);
  try {
    const membership = membershipOf(name, bytes);
    if (membership.name === name) return membership;
  } catch {
    // Refused below: an invite has the name in its one form.
  }
  throw invalid('its network has no name');
};

/**
 * Reads a link as a person pasted or scanned it.
 *
 * @param nowMs - of our clock, which may be three hours off
 * @throws {InviteError} `INVITE_INVALID` | `INVITE_EXPIRED`
 */
export const parseInvite = (link: string, nowMs: number): Invite => {
  const text = link.trim();
  if (!text.toLowerCase().startsWith(INVITE_PREFIX)) throw invalid(`it does not begin with ${INVITE_PREFIX}`);
  if (text.length > INVITE_CHARACTERS_MAX) throw invalid('it is too long');
  const coded = text.slice(INVITE_PREFIX.length);
  let bytes: Uint8Array;
  try {
    bytes = base64url.baseDecode(coded);
  } catch {
    throw invalid('it has characters that do not belong there');
  }
  if (base64url.baseEncode(bytes) !== coded) throw invalid('it is cut off or was changed');
  const fields = readList(readCborOf(bytes, 32, malformed), 7, 'it', malformed);
  const [version, peer, addresses, network, expires, id, secret] = fields;
  if (typeof version === 'number' && version > INVITE_VERSION)
    throw invalid(`it is of version ${version}, which a newer HyperMesh may read`);
  if (version !== INVITE_VERSION || fields.length !== 7) throw invalid('it has other parts');
  const inviter = parsePeerId(
    base58btc.baseEncode(readBytes(peer, { min: PEER_ID_BYTES, max: PEER_ID_BYTES }, 'its inviter', malformed)),
  );
  if (inviter === null) throw invalid('its inviter is nobody');
  const list = readAddresses(addresses, INVITE_ADDRESSES_MAX, malformed);
  if (!list.every(isDialable)) throw invalid('an address leads nowhere');
  const invite: Invite = {
    inviter,
    addresses: list,
    network: readNetwork(network),
    expiresAtMs: readTime(expires, 'its end', malformed),
    id: readBytes(id, { min: INVITE_ID_BYTES, max: INVITE_ID_BYTES }, 'its number', malformed),
    secret: readBytes(secret, { min: INVITE_SECRET_BYTES, max: INVITE_SECRET_BYTES }, 'its secret', malformed),
  };
  if (nowMs > invite.expiresAtMs + CLOCK_TOLERANCE_MS) throw inviteExpired(invite.expiresAtMs);
  return invite;
};

export const inviteExpired = (expiredAtMs: number): InviteError =>
  new InviteError({ code: 'INVITE_EXPIRED', expiredAtMs }, 'This invite has expired; ask for a new one.');
export const inviteInvalid = invalid;

/** Number and secret of a new invite. */
export const drawInvite = (random: Random): Pick<Invite, 'id' | 'secret'> => ({
  id: random.bytes(INVITE_ID_BYTES),
  secret: random.bytes(INVITE_SECRET_BYTES),
});
