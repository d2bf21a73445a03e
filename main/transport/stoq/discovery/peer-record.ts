import { assert, encodeCbor, isNodeError, sha256, type Clock, type Outside } from '../../../base/index.ts';
import { peerIdOf } from '../../../base/crypto/index.ts';
import { isDialable, isLoopback } from '../address.ts';
import type { Address, LocalPeer, PeerId, PeerVerifier } from '../interface.ts';
import {
  CLOCK_TOLERANCE_MS,
  OWN_RECORD_LIFE_MS,
  OWN_RECORD_RENEW_MS,
  PEER_RECORD_ADDRESSES_MAX,
  PEER_RECORD_BYTES_MAX,
  PEER_RECORD_LIFE_MS_MAX,
} from './constants.ts';
import { PeerRecordError } from './errors.ts';
import { exactFields, readAddresses, readCborOf, readCount, readTime } from './fields.ts';
import type { PeerRecord } from './interface.ts';
import { isFar } from './plausible.ts';

/** Version of docs/formats/stoq-peer-record.md. */
const PEER_RECORD_VERSION = 1;
/** The map, its fields and 16 addresses. */
const ITEMS_MAX = 32;

/** A peer record with the bytes that were signed, as it is passed on. */
export interface SignedPeerRecord extends PeerRecord {
  encoded: Uint8Array;
}

const malformed = (problem: string): PeerRecordError =>
  new PeerRecordError(
    { code: 'PEER_RECORD_MALFORMED', problem, verdict: 'reject' },
    `This is no peer record as the format has it (${problem}); its sender made it up or speaks another version.`,
  );

/** @returns the payload that the peer signs under the domain `stoq-peer` */
export const encodePeerRecord = (record: PeerRecord): Uint8Array => {
  assert(record.addresses.length <= PEER_RECORD_ADDRESSES_MAX, 'a peer record has at most 16 addresses');
  assert(record.lifeMs <= PEER_RECORD_LIFE_MS_MAX, 'a peer record lives for a day at most');
  return encodeCbor({
    v: PEER_RECORD_VERSION,
    kind: 'peer',
    peerId: record.peerId,
    addresses: record.addresses,
    sequence: record.sequence,
    issuedAtMs: record.issuedAtMs,
    lifeMs: record.lifeMs,
  });
};

/**
 * Reads a payload whose signatures hold.
 *
 * @param signer - whose key signed it: nobody speaks for another
 * @throws {PeerRecordError} `PEER_RECORD_MALFORMED`
 */
export const decodePeerRecord = (payload: Uint8Array, signer: PeerId): PeerRecord => {
  const fields = exactFields(
    readCborOf(payload, ITEMS_MAX, malformed),
    ['v', 'kind', 'peerId', 'addresses', 'sequence', 'issuedAtMs', 'lifeMs'],
    malformed,
  );
  if (fields['v'] !== PEER_RECORD_VERSION || fields['kind'] !== 'peer')
    throw malformed('its version or kind is another');
  if (fields['peerId'] !== signer) throw malformed('it speaks for another than its signer');
  const addresses = readAddresses(fields['addresses'], PEER_RECORD_ADDRESSES_MAX, malformed);
  if (!addresses.every(isDialable)) throw malformed('an address leads nowhere');
  const lifeMs = readCount(fields['lifeMs'], PEER_RECORD_LIFE_MS_MAX, 'its life', malformed);
  if (lifeMs === 0) throw malformed('its life is none');
  return {
    peerId: signer,
    addresses,
    sequence: readCount(fields['sequence'], Number.MAX_SAFE_INTEGER, 'its sequence', malformed),
    issuedAtMs: readTime(fields['issuedAtMs'], 'its time', malformed),
    lifeMs,
  };
};

/** Whether a stamp of another's clock can be of now, with {@link CLOCK_TOLERANCE_MS} for clocks that are wrong. */
export const isInTime = (issuedAtMs: number, lifeMs: number, nowMs: number): boolean =>
  issuedAtMs <= nowMs + CLOCK_TOLERANCE_MS && nowMs <= issuedAtMs + lifeMs + CLOCK_TOLERANCE_MS;

/** @throws {PeerRecordError} `PEER_RECORD_OUT_OF_TIME` */
export const checkPeerRecordTime = (record: PeerRecord, nowMs: number): void => {
  if (isInTime(record.issuedAtMs, record.lifeMs, nowMs)) return;
  throw new PeerRecordError(
    { code: 'PEER_RECORD_OUT_OF_TIME', issuedAtMs: record.issuedAtMs, verdict: 'ignore' },
    'This peer record has run out, or comes from more than three hours ahead; check the clock of this machine if every record does.',
  );
};

/** Whether `record` takes the place of `known`: an older one never does, and the same says nothing new. */
export const isNewer = (record: PeerRecord, known: PeerRecord | null): boolean =>
  known === null || record.sequence > known.sequence;

/** Checks records that peers sent. Signatures are checked once per record, which for most are seen again and again. */
export interface RecordChecker {
  /** @throws {PeerRecordError} | {PeerError} `SIGNATURE_REFUSED` */
  openPeer(encoded: Uint8Array): Promise<SignedPeerRecord>;
  /** @throws {PeerError} `SIGNATURE_REFUSED` */
  open(domain: 'stoq-peer' | 'stoq-dht', encoded: Uint8Array): Promise<{ payload: Uint8Array; signer: PeerId }>;
}

/** @param init.remembered - records whose outcome is kept. @default 4096, 1 KiB each */
export const createRecordChecker = (
  { verifier, clock }: { verifier: PeerVerifier; clock: Clock },
  { remembered = 4096 }: { remembered?: number } = {},
): RecordChecker => {
  const good = new Map<string, Promise<{ payload: Uint8Array; signer: PeerId }>>();
  const check = async (domain: 'stoq-peer' | 'stoq-dht', encoded: Uint8Array) => {
    const { payload, keys } = await verifier.openRecord(domain, encoded);
    return { payload, signer: peerIdOf(keys.ed25519) as PeerId };
  };
  const open: RecordChecker['open'] = (domain, encoded) => {
    const name = `${domain}:${Buffer.from(sha256(encoded)).toString('base64')}`;
    const known = good.get(name);
    if (known !== undefined) {
      // Put at the end again: what goes first is what was not asked for longest.
      good.delete(name);
      good.set(name, known);
      return known;
    }
    const opened = check(domain, encoded);
    good.set(name, opened);
    // What fails is not remembered: rubbish would push out what is good.
    opened.catch(() => good.delete(name));
    for (const [oldest] of good) {
      if (good.size <= remembered) break;
      good.delete(oldest);
    }
    return opened;
  };
  return {
    open,
    openPeer: async (encoded) => {
      if (encoded.length > PEER_RECORD_BYTES_MAX) throw malformed('it is too large');
      const { payload, signer } = await open('stoq-peer', encoded);
      const record = decodePeerRecord(payload, signer);
      checkPeerRecordTime(record, clock.nowMs());
      return { ...record, encoded };
    },
  };
};

/** Our own record, signed when somebody wants it and the last one is old or says other addresses. */
export interface OwnPeerRecord {
  /** @throws {RecordError} `LOCKED` */
  current(): Promise<SignedPeerRecord>;
  /** Somebody holds a record of ours from before a reset of our clock: the next one goes above it. */
  raise(seen: PeerRecord): void;
}

/** @param components.addresses - where to tell others that we are, best first */
export const createOwnPeerRecord = ({
  clock,
  local,
  addresses,
}: {
  clock: Clock;
  local: LocalPeer;
  addresses: () => readonly Address[];
}): OwnPeerRecord => {
  let last: SignedPeerRecord | null = null;
  let lastMonotonicMs = 0;
  let above = 0;
  let signing: { of: string; done: Promise<SignedPeerRecord> } | null = null;
  const listOf = (): Address[] => {
    const all = [...new Set(addresses())].filter(isDialable);
    // The world does not need to know how networks near here are numbered, unless there is nothing else to tell.
    const far = all.filter(isFar);
    return (far.length > 0 ? far : all.filter((one) => !isLoopback(one))).slice(0, PEER_RECORD_ADDRESSES_MAX);
  };
  const sign = async (list: readonly Address[]): Promise<SignedPeerRecord> => {
    const nowMs = clock.nowMs();
    const record: PeerRecord = {
      peerId: local.peerId,
      addresses: list,
      // The time is above all that was given before, over restarts too, unless the clock went back.
      sequence: Math.max(nowMs, above + 1, (last?.sequence ?? 0) + 1),
      issuedAtMs: nowMs,
      lifeMs: OWN_RECORD_LIFE_MS,
    };
    const encoded = await local.sign('stoq-peer', encodePeerRecord(record));
    last = { ...record, encoded };
    lastMonotonicMs = clock.monotonicMs();
    return last;
  };
  return {
    current: () => {
      const list = listOf();
      const of = list.join('\n');
      const young =
        last !== null &&
        clock.monotonicMs() - lastMonotonicMs < OWN_RECORD_RENEW_MS &&
        // The wall clock was set meanwhile.
        Math.abs(clock.nowMs() - last.issuedAtMs - (clock.monotonicMs() - lastMonotonicMs)) < CLOCK_TOLERANCE_MS / 3;
      if (last !== null && young && last.sequence > above && last.addresses.join('\n') === of)
        return Promise.resolve(last);
      if (signing?.of === of) return signing.done;
      const done = sign(list).finally(() => {
        if (signing?.done === done) signing = null;
      });
      signing = { of, done };
      return done;
    },
    raise: (seen) => {
      if (seen.peerId === local.peerId) above = Math.max(above, seen.sequence);
    },
  };
};

/** Records of peers, ours and others': what all ways of discovery share. */
export interface PeerRecords {
  checker: RecordChecker;
  own: OwnPeerRecord;
}
/** @param components.addresses - where to tell others that we are, best first */
export const createPeerRecords = ({
  outside: { clock },
  local,
  verifier,
  addresses,
}: {
  outside: Outside;
  local: LocalPeer;
  verifier: PeerVerifier;
  addresses: () => readonly Address[];
}): PeerRecords => ({
  checker: createRecordChecker({ verifier, clock }),
  own: createOwnPeerRecord({ clock, local, addresses }),
});

/** Whether an error says that what a peer sent is its fault. */
export const isItsFault = (error: unknown): boolean =>
  isNodeError(error) && (error.data as { verdict?: unknown }).verdict === 'reject';
