import { encodeCbor } from '../../../../base/index.ts';
import type { PeerId } from '../../interface.ts';
import {
  CONTACT_ADDRESSES_MAX,
  DHT_K,
  DHT_RECORD_BYTES_MAX,
  PEER_RECORD_BYTES_MAX,
  SEALED_HINT_BYTES,
} from '../constants.ts';
import { DhtError } from '../errors.ts';
import { exactFields, readAddressClaims, readBytes, readCborOf, readList, type Malformed } from '../fields.ts';
import { DHT_KEY_BYTES, type DhtKey, type PeerIds } from './key.ts';

/** What one node asks another, docs/formats/stoq-dht.md. */
export type DhtRequest =
  /** Peers close to a key; with the signed record of the peer that has this very id, if there is one. */
  | { ask: 'find'; key: DhtKey }
  | { ask: 'get'; key: DhtKey }
  | { ask: 'providers'; key: DhtKey }
  /** A record of the DHT. */
  | { ask: 'put'; record: Uint8Array }
  /** The asker's own peer record. */
  | { ask: 'announce'; record: Uint8Array }
  /** The asker has to do with a topic. */
  | { ask: 'provide'; key: DhtKey; sealed: Uint8Array | null };

/** A peer that somebody told of: nothing of it is proved until it is dialled. */
export interface Claim {
  peer: PeerId;
  id: DhtKey;
  addresses: readonly string[];
}
export interface LookupAnswer {
  closer: readonly Claim[];
  /** Of `find`: a peer record. Of `get`: a DHT record. */
  record: Uint8Array | null;
  /** Of `providers`. */
  providers: readonly Claim[];
  sealed: readonly Uint8Array[];
}
/**
 * What became of a record. `older`: there is a newer one, which comes with the answer. `full`: no room for it. `busy`: the sender writes
 * too fast, or others do. `far`: many others are closer to its key. `late`: it has run out, or is from the future.
 */
const WRITE_OUTCOMES = ['stored', 'older', 'full', 'busy', 'far', 'late'] as const;
export type WriteOutcome = (typeof WRITE_OUTCOMES)[number];
export interface WriteAnswer {
  outcome: WriteOutcome;
  newer: Uint8Array | null;
}

/** Values of a request: a map of four. */
const REQUEST_ITEMS_MAX = 8;
/** Values of an answer: twenty contacts and twenty providers with eight addresses each, and twenty sealed hints. */
const ANSWER_ITEMS_MAX = 1024;

const malformed: Malformed = (problem) =>
  new DhtError(
    { code: 'DHT_MALFORMED', problem, verdict: 'reject' },
    `The peer sent what the DHT's protocol does not allow: ${problem}.`,
  );
const readKey = (value: unknown): DhtKey =>
  readBytes(value, { min: DHT_KEY_BYTES, max: DHT_KEY_BYTES }, 'the key', malformed);
const readRecord = (value: unknown, max: number): Uint8Array =>
  readBytes(value, { min: 1, max }, 'the record', malformed);
const readSealed = (value: unknown): Uint8Array =>
  readBytes(value, { min: SEALED_HINT_BYTES, max: SEALED_HINT_BYTES }, 'what is sealed', malformed);

export const encodeRequest = (request: DhtRequest): Uint8Array => encodeCbor(request);

/** @throws {DhtError} `DHT_MALFORMED` */
export const decodeRequest = (bytes: Uint8Array): DhtRequest => {
  const value = readCborOf(bytes, REQUEST_ITEMS_MAX, malformed);
  const ask = typeof value === 'object' && value !== null && 'ask' in value ? value.ask : undefined;
  switch (ask) {
    case 'find':
    case 'get':
    case 'providers':
      return { ask, key: readKey(exactFields(value, ['ask', 'key'], malformed)['key']) };
    case 'put':
      return {
        ask,
        record: readRecord(exactFields(value, ['ask', 'record'], malformed)['record'], DHT_RECORD_BYTES_MAX),
      };
    case 'announce':
      return {
        ask,
        record: readRecord(exactFields(value, ['ask', 'record'], malformed)['record'], PEER_RECORD_BYTES_MAX),
      };
    case 'provide': {
      const fields = exactFields(value, ['ask', 'key', 'sealed'], malformed);
      return {
        ask,
        key: readKey(fields['key']),
        sealed: fields['sealed'] === null ? null : readSealed(fields['sealed']),
      };
    }
    default:
      throw malformed('it asks for what there is not');
  }
};

const claimOut = ({ peer, addresses }: { peer: PeerId; addresses: readonly string[] }): unknown => ({
  peer,
  addresses: addresses.slice(0, CONTACT_ADDRESSES_MAX),
});

export const encodeLookupAnswer = (answer: {
  closer: readonly { peer: PeerId; addresses: readonly string[] }[];
  record: Uint8Array | null;
  providers: readonly { peer: PeerId; addresses: readonly string[] }[];
  sealed: readonly Uint8Array[];
}): Uint8Array =>
  encodeCbor({
    closer: answer.closer.map(claimOut),
    record: answer.record,
    providers: answer.providers.map(claimOut),
    sealed: answer.sealed,
  });

const readClaims = (value: unknown, max: number, ids: PeerIds): Claim[] => {
  const found = new Map<PeerId, Claim>();
  for (const item of readList(value, max, 'the peers', malformed)) {
    const fields = exactFields(item, ['peer', 'addresses'], malformed);
    const known = ids.read(fields['peer']);
    if (known === null) throw malformed('a peer id is none');
    if (found.has(known.peer)) throw malformed('a peer is there twice');
    found.set(known.peer, {
      ...known,
      addresses: readAddressClaims(fields['addresses'], CONTACT_ADDRESSES_MAX, malformed),
    });
  }
  return [...found.values()];
};

/** @throws {DhtError} `DHT_MALFORMED` */
export const decodeLookupAnswer = (bytes: Uint8Array, ids: PeerIds): LookupAnswer => {
  const fields = exactFields(
    readCborOf(bytes, ANSWER_ITEMS_MAX, malformed),
    ['closer', 'record', 'providers', 'sealed'],
    malformed,
  );
  return {
    closer: readClaims(fields['closer'], DHT_K, ids),
    record: fields['record'] === null ? null : readRecord(fields['record'], DHT_RECORD_BYTES_MAX),
    providers: readClaims(fields['providers'], DHT_K, ids),
    sealed: readList(fields['sealed'], DHT_K, 'what is sealed', malformed).map(readSealed),
  };
};

export const encodeWriteAnswer = (answer: WriteAnswer): Uint8Array => encodeCbor(answer);

/** @throws {DhtError} `DHT_MALFORMED` */
export const decodeWriteAnswer = (bytes: Uint8Array): WriteAnswer => {
  const fields = exactFields(readCborOf(bytes, REQUEST_ITEMS_MAX, malformed), ['outcome', 'newer'], malformed);
  const outcome = WRITE_OUTCOMES.find((known) => known === fields['outcome']);
  if (outcome === undefined) throw malformed('what became of the record is not said');
  return { outcome, newer: fields['newer'] === null ? null : readRecord(fields['newer'], DHT_RECORD_BYTES_MAX) };
};
