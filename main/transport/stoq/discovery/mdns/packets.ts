import type { Random } from '../../../../base/index.ts';
import { base32 } from 'multiformats/bases/base32';
import { isLoopback, ipAddress, parsePeerId, partsOf, scopeOf, splitPeer, withPeer } from '../../address.ts';
import type { NetworkMembership } from '../../handshake/interface.ts';
import type { Address, PeerId } from '../../interface.ts';
import { MDNS_ADDRESSES_MAX, MDNS_EPOCH_MS, MDNS_SERVICE } from '../constants.ts';
import { mdnsTag } from '../membership.ts';
import { openHint, sealHint, type PeerHint } from '../sealed-hint.ts';

/** Seconds that others may keep an answer for, RFC 6762, section 10. */
const TTL_SECONDS = 120;
/** Largest string of a TXT record, RFC 1035, section 3.3. */
const TEXT_BYTES_MAX = 255;
/** Records of one packet that are looked at. */
const RECORDS_MAX = 16;
/** Strings of one record that are looked at. */
const TEXTS_MAX = 24;
const NONCE_BYTES = 8;
const TAG_BYTES = 16;
/** Bytes of a hidden hint here: three strings, so that three networks fit one packet. */
export const MDNS_SEALED_BYTES = 320;
const CHUNK_BYTES = 240;
const VERSION = 'v=1';

/** As `dns-packet` has them; what is read is of any shape. */
export interface MdnsRecord {
  name: string;
  type: 'PTR' | 'TXT';
  ttl: number;
  class: 'IN';
  flush: boolean;
  data: string | Buffer[];
}
export interface MdnsPacket {
  type: 'query' | 'response';
  questions?: { name: string; type: 'PTR' }[];
  answers?: MdnsRecord[];
  additionals?: MdnsRecord[];
}

export const queryPacket = (): MdnsPacket => ({ type: 'query', questions: [{ name: MDNS_SERVICE, type: 'PTR' }] });

/** Zones are names of the sender's own interfaces: on the link they mean nothing. */
const withoutZone = (address: Address): Address => {
  const { zone, host, port, transport } = partsOf(address);
  return zone === null || transport === 'memory' ? address : ipAddress(host, port, transport);
};
/** A link-local address means the link that it was heard on. */
const onLink = (address: Address, zone: string | null): Address | null => {
  if (scopeOf(address) !== 'link-local') return address;
  const { family, host, port, transport, relay } = partsOf(address);
  if (family === 'ip4' || relay !== null || transport === 'memory') return family === 'ip4' ? address : null;
  return zone === null ? null : ipAddress(`${host}%${zone}`, port, transport);
};

/**
 * Addresses that make sense to tell on one link: none of loopback, no link-local ones of other links.
 *
 * @param zone - of that link, null where it has no IPv6
 */
export const addressesForLink = (addresses: readonly Address[], zone: string | null): Address[] => {
  const found = addresses.filter((address) => {
    if (isLoopback(address)) return false;
    const parts = partsOf(address);
    return parts.relay === null && (parts.zone === null || parts.zone === zone);
  });
  return [...new Set(found.map(withoutZone))].slice(0, MDNS_ADDRESSES_MAX);
};

const records = (label: string, texts: Buffer[]): Pick<MdnsPacket, 'answers' | 'additionals'> => {
  const instance = `${label}.${MDNS_SERVICE}`;
  return {
    answers: [{ name: MDNS_SERVICE, type: 'PTR', ttl: TTL_SECONDS, class: 'IN', flush: false, data: instance }],
    additionals: [{ name: instance, type: 'TXT', ttl: TTL_SECONDS, class: 'IN', flush: true, data: texts }],
  };
};

/** What everybody on the link may know. @param label - of this start, random: it names nobody */
export const openPacket = (label: string, { peer, addresses }: PeerHint): MdnsPacket => {
  const texts = addresses
    .map((address) => Buffer.from(`dnsaddr=${withPeer(address, peer)}`, 'ascii'))
    .filter((text) => text.length <= TEXT_BYTES_MAX);
  return { type: 'response', ...records(label, [Buffer.from(VERSION), ...texts]) };
};

export const mdnsEpoch = (nowMs: number): number => Math.floor(nowMs / MDNS_EPOCH_MS);

/** What members of one network understand, and others see as noise that is new every time. */
export const hiddenPacket = (
  { key }: Pick<NetworkMembership, 'key'>,
  hint: PeerHint,
  { random, nowMs }: { random: Random; nowMs: number },
): MdnsPacket => {
  const nonce = random.bytes(NONCE_BYTES);
  const tag = mdnsTag(key, mdnsEpoch(nowMs), nonce);
  const sealed = sealHint({ key, context: tag, random }, hint, MDNS_SEALED_BYTES);
  const texts = [Buffer.from(VERSION), Buffer.concat([Buffer.from('t='), nonce, tag])];
  for (let at = 0; at < sealed.length; at += CHUNK_BYTES)
    texts.push(Buffer.concat([Buffer.from('s='), sealed.subarray(at, at + CHUNK_BYTES)]));
  return { type: 'response', ...records(base32.baseEncode(random.bytes(10)), texts) };
};

const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value.slice(0, RECORDS_MAX) : []);

/** Whether a packet asks for nodes like us. */
export const isOurQuery = (packet: unknown): boolean =>
  isMap(packet) &&
  packet['type'] === 'query' &&
  listOf(packet['questions']).some(
    (question) =>
      isMap(question) &&
      typeof question['name'] === 'string' &&
      question['name'].toLowerCase() === MDNS_SERVICE &&
      (question['type'] === 'PTR' || question['type'] === 'ANY'),
  );

const textsOf = (record: unknown): Buffer[] => {
  if (!isMap(record) || record['type'] !== 'TXT' || typeof record['name'] !== 'string') return [];
  if (!record['name'].toLowerCase().endsWith(`.${MDNS_SERVICE}`)) return [];
  const data: unknown[] = Array.isArray(record['data']) ? record['data'].slice(0, TEXTS_MAX) : [record['data']];
  const texts = data.filter((text): text is Buffer => Buffer.isBuffer(text));
  return texts[0]?.toString('latin1') === VERSION ? texts.slice(1) : [];
};
const startsWith = (text: Buffer, prefix: string): boolean =>
  text.length >= prefix.length && text.subarray(0, prefix.length).toString('latin1') === prefix;

const readOpen = (texts: readonly Buffer[]): PeerHint | null => {
  let peer: PeerId | null = null;
  const addresses: Address[] = [];
  for (const text of texts) {
    if (!startsWith(text, 'dnsaddr=')) continue;
    const split = splitPeer(text.subarray('dnsaddr='.length).toString('latin1'));
    if (split?.peer === null || split === null) continue;
    peer ??= parsePeerId(split.peer);
    // One record speaks of one peer.
    if (split.peer === peer && addresses.length < MDNS_ADDRESSES_MAX) addresses.push(split.address);
  }
  return peer === null ? null : { peer, addresses };
};
const readHidden = (
  texts: readonly Buffer[],
  memberships: readonly NetworkMembership[],
  nowMs: number,
): PeerHint | null => {
  const head = texts.find((text) => startsWith(text, 't='))?.subarray(2);
  if (head === undefined || head.length !== NONCE_BYTES + TAG_BYTES) return null;
  const [nonce, tag] = [head.subarray(0, NONCE_BYTES), head.subarray(NONCE_BYTES)];
  const sealed = Buffer.concat(texts.filter((text) => startsWith(text, 's=')).map((text) => text.subarray(2)));
  if (sealed.length !== MDNS_SEALED_BYTES) return null;
  const epoch = mdnsEpoch(nowMs);
  // Three epochs either way, for clocks that are wrong.
  for (const { key } of memberships)
    for (let distance = -3; distance <= 3; distance++)
      if (tag.equals(mdnsTag(key, epoch + distance, nonce))) return openHint(key, tag, sealed);
  return null;
};

/**
 * Reads what a stranger on the link sent: whatever is not ours or broken is left out.
 *
 * @param zone - of the link that it was heard on
 * @returns peers with addresses that can be dialled from here
 */
export const readPacket = (
  packet: unknown,
  { memberships, nowMs, zone }: { memberships: readonly NetworkMembership[]; nowMs: number; zone: string | null },
): PeerHint[] => {
  if (!isMap(packet) || packet['type'] !== 'response') return [];
  const found: PeerHint[] = [];
  for (const record of [...listOf(packet['answers']), ...listOf(packet['additionals'])]) {
    const texts = textsOf(record);
    if (texts.length === 0) continue;
    const hint = readOpen(texts) ?? readHidden(texts, memberships, nowMs);
    if (hint === null) continue;
    const addresses = hint.addresses
      .map((address) => onLink(address, zone))
      .filter((address) => address !== null)
      .filter(
        (address) => !isLoopback(address) && scopeOf(address) !== 'unspecified' && scopeOf(address) !== 'reserved',
      );
    if (addresses.length > 0) found.push({ peer: hint.peer, addresses });
  }
  return found;
};
