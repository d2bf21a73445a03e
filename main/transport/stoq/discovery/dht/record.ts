import { encodeCbor } from '../../../../base/index.ts';
import type { NetworkId, PeerId } from '../../interface.ts';
import {
  DHT_NAMESPACE_CHARACTERS_MAX,
  DHT_RECORD_LIFE_MS_MAX,
  DHT_TOPIC_BYTES_MAX,
  DHT_VALUE_BYTES_MAX,
} from '../constants.ts';
import { DhtError } from '../errors.ts';
import { exactFields, readBytes, readCborOf, readCount, readTime } from '../fields.ts';
import { recordKey, type DhtKey } from './key.ts';

/** Version of docs/formats/stoq-dht.md. */
const DHT_RECORD_VERSION = 1;
const NAMESPACE = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** What is signed. */
export interface DhtPayload {
  network: NetworkId;
  /** Who uses it: 1 to 32 of `a-z 0-9 -`. */
  namespace: string;
  topic: Uint8Array;
  value: Uint8Array;
  sequence: number;
  issuedAtMs: number;
  lifeMs: number;
}
/** A record whose signatures, key and form were found to hold. */
export interface OpenedRecord extends DhtPayload {
  key: DhtKey;
  signer: PeerId;
  encoded: Uint8Array;
}

const malformed = (problem: string): DhtError =>
  new DhtError(
    { code: 'DHT_MALFORMED', problem, verdict: 'reject' },
    `This is no record of the DHT as the format has it (${problem}); its sender made it up or speaks another version.`,
  );
const tooLarge = (what: 'value' | 'topic' | 'namespace', bytes: number, limitBytes: number): DhtError =>
  new DhtError(
    { code: 'TOO_LARGE', what, bytes, limitBytes },
    `The ${what} of a DHT record has at most ${limitBytes} bytes, and this one has ${bytes}; put what is larger elsewhere and its hash here.`,
  );

/** @throws {DhtError} `TOO_LARGE`, or `DHT_MALFORMED` for a namespace of other characters */
export const checkDhtLimits = (namespace: string, topic: Uint8Array, value: Uint8Array): void => {
  if (namespace.length > DHT_NAMESPACE_CHARACTERS_MAX)
    throw tooLarge('namespace', namespace.length, DHT_NAMESPACE_CHARACTERS_MAX);
  if (!NAMESPACE.test(namespace)) throw malformed('its namespace has other characters than a-z, 0-9 and dashes');
  if (topic.length > DHT_TOPIC_BYTES_MAX) throw tooLarge('topic', topic.length, DHT_TOPIC_BYTES_MAX);
  if (value.length > DHT_VALUE_BYTES_MAX) throw tooLarge('value', value.length, DHT_VALUE_BYTES_MAX);
};

/** @returns what is signed under the domain `stoq-dht` */
export const encodeDhtPayload = (payload: DhtPayload): Uint8Array =>
  encodeCbor({
    v: DHT_RECORD_VERSION,
    network: payload.network,
    namespace: payload.namespace,
    topic: payload.topic,
    value: payload.value,
    sequence: payload.sequence,
    issuedAtMs: payload.issuedAtMs,
    lifeMs: payload.lifeMs,
  });

/**
 * Reads a payload whose signatures hold. The key is computed from it, never taken from anyone.
 *
 * @param network - that it must be for: a record of one network says nothing in another
 * @throws {DhtError} `DHT_MALFORMED`
 */
export const decodeDhtPayload = (
  payload: Uint8Array,
  { network, signer, encoded }: { network: NetworkId; signer: PeerId; encoded: Uint8Array },
): OpenedRecord => {
  const fields = exactFields(
    readCborOf(payload, 16, malformed),
    ['v', 'network', 'namespace', 'topic', 'value', 'sequence', 'issuedAtMs', 'lifeMs'],
    malformed,
  );
  if (fields['v'] !== DHT_RECORD_VERSION) throw malformed('its version is another');
  if (fields['network'] !== network) throw malformed('it is of another network');
  const namespace = fields['namespace'];
  if (typeof namespace !== 'string' || !NAMESPACE.test(namespace)) throw malformed('its namespace is none');
  const topic = readBytes(fields['topic'], { min: 0, max: DHT_TOPIC_BYTES_MAX }, 'its topic', malformed);
  const lifeMs = readCount(fields['lifeMs'], DHT_RECORD_LIFE_MS_MAX, 'its life', malformed);
  if (lifeMs === 0) throw malformed('its life is none');
  return {
    network,
    namespace,
    topic,
    value: readBytes(fields['value'], { min: 0, max: DHT_VALUE_BYTES_MAX }, 'its value', malformed),
    sequence: readCount(fields['sequence'], Number.MAX_SAFE_INTEGER, 'its sequence', malformed),
    issuedAtMs: readTime(fields['issuedAtMs'], 'its time', malformed),
    lifeMs,
    key: recordKey(network, namespace, signer, topic),
    signer,
    encoded,
  };
};
