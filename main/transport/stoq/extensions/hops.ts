import { encodeCbor, sha256, type Clock } from '../../../base/index.ts';
import { peerIdOf } from '../../../base/crypto/index.ts';
import { type LocalPeer, type PeerId, type PeerVerifier, type Tier, TIERS } from '../interface.ts';
import { EXTENSIONS_VERSION, HOP_BYTES_MAX, HOPS_MAX } from './constants.ts';
import { HopError } from './errors.ts';
import { readFields, sameBytes } from './fields.ts';

/** One node on the way of a message, as it signed. */
export interface Hop {
  peer: PeerId;
  /** Whom it had the message from. */
  from: PeerId;
  /** How it came. */
  tier: Tier;
  /** By the clock of `peer`; a claim. */
  atMs: number;
}

const FIELDS = ['v', 'atMs', 'from', 'peer', 'tier', 'previous'];

/** What the first hop names as the one before it: the subject, under a label so that no record can be one. */
const rootOf = (subject: Uint8Array): Uint8Array => sha256(encodeCbor(['hypermesh-hops', EXTENSIONS_VERSION, subject]));
const malformed = (problem: string): HopError =>
  new HopError({ code: 'HOPS_MALFORMED', problem, verdict: 'reject' }, `This is no hop record (${problem}).`);
const tooMany = (): HopError =>
  new HopError(
    { code: 'HOPS_TOO_MANY', limit: HOPS_MAX, verdict: 'reject' },
    `A way has ${HOPS_MAX} hops at most, and this one has more; it goes in a circle or is invented.`,
  );

/**
 * Signs that this node had the message, after all who signed before.
 *
 * @param subject - what travels: the hash of a message, or the nonce of a trace; at most 64 bytes
 * @param hops - the records so far, none at the first node
 * @returns the records with one more
 * @throws {HopError} `HOPS_TOO_MANY`
 */
export const addHop = async (
  components: { clock: Clock; local: LocalPeer },
  subject: Uint8Array,
  hops: readonly Uint8Array[],
  came: { from: PeerId; tier: Tier },
): Promise<readonly Uint8Array[]> => {
  const last = hops.at(-1);
  if (hops.length >= HOPS_MAX) throw tooMany();
  const record = await components.local.sign(
    'stoq-hop',
    encodeCbor({
      v: EXTENSIONS_VERSION,
      peer: components.local.peerId,
      from: came.from,
      tier: came.tier,
      atMs: components.clock.nowMs(),
      previous: last === undefined ? rootOf(subject) : sha256(last),
    }),
  );
  return [...hops, record];
};

/** @throws {HopError} `HOPS_MALFORMED` */
export const readHop = (payload: Uint8Array): Hop & { previous: Uint8Array } => {
  const fields = readFields(payload, { names: FIELDS, version: EXTENSIONS_VERSION, itemsMax: 16 }, malformed);
  const tier = TIERS.find((known) => known === fields.text('tier', 16));
  if (tier === undefined) throw malformed('its tier is none');
  return {
    peer: fields.peer('peer'),
    from: fields.peer('from'),
    tier,
    atMs: fields.integer('atMs', 0, Number.MAX_SAFE_INTEGER),
    previous: fields.bytes('previous', 32),
  };
};

/**
 * Checks a chain of hop records: every signature, that each names the one before, and that each had the message from the
 * node before. Whoever signed was there; that nobody else was cannot be shown.
 *
 * @param origin - who sent the message first
 * @returns the way, first hop first
 * @throws {HopError} with the number of the hop that does not hold | {PeerError} `SIGNATURE_REFUSED`
 */
export const verifyHops = async (
  verifier: PeerVerifier,
  subject: Uint8Array,
  hops: readonly Uint8Array[],
  origin: PeerId,
): Promise<readonly Hop[]> => {
  if (hops.length > HOPS_MAX) throw tooMany();
  const way: Hop[] = [];
  let previous = rootOf(subject);
  let from = origin;
  for (const [index, record] of hops.entries()) {
    const broken = (problem: string): HopError =>
      new HopError(
        { code: 'HOPS_BROKEN', hop: index, problem, verdict: 'reject' },
        `Hop ${index + 1} does not follow from the one before (${problem}); the way is not as it claims.`,
      );
    if (record.length > HOP_BYTES_MAX) throw malformed('it is too large');
    const { payload, keys } = await verifier.openRecord('stoq-hop', record);
    const { previous: named, ...hop } = readHop(payload);
    if (hop.peer !== peerIdOf(keys.ed25519)) throw broken('its signer is not the peer that it names');
    if (!sameBytes(named, previous)) throw broken('it names another record as the one before');
    if (hop.from !== from) throw broken('it came from another peer than the one before');
    if (hop.peer === origin || way.some(({ peer }) => peer === hop.peer)) throw broken('it passed this peer before');
    way.push(hop);
    previous = sha256(record);
    from = hop.peer;
  }
  return way;
};

/** The way in one line for people: `12D3… →quic 12D3… →relay 12D3…`. */
export const printHops = (origin: PeerId, way: readonly Hop[]): string =>
  [origin, ...way.map(({ tier, peer }) => `→${tier} ${peer}`)].join(' ');
