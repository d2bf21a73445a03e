import { assert, encodeCbor, isNodeError, type Random } from '../../../base/index.ts';
import { aeadOpen, aeadSeal, AEAD_NONCE_BYTES, AEAD_TAG_BYTES } from '../../../base/crypto/index.ts';
import { isDialable } from '../address.ts';
import type { Address, PeerId } from '../interface.ts';
import { SEALED_HINT_BYTES } from './constants.ts';
import { DhtError } from './errors.ts';
import { exactFields, readAddresses, readCborOf, readPeerId } from './fields.ts';
import { networkKey } from './membership.ts';

/** Where a member of a private network is, for other members only. Not signed: whoever dials it has it proved who it is. */
export interface PeerHint {
  peer: PeerId;
  addresses: readonly Address[];
}
const HINT_ADDRESSES_MAX = 8;
const LENGTH_BYTES = 2;
const PLAIN_BYTES_OVERHEAD = AEAD_NONCE_BYTES + AEAD_TAG_BYTES;

const malformed = (problem: string): DhtError =>
  new DhtError(
    { code: 'DHT_MALFORMED', problem, verdict: 'ignore' },
    `What is sealed here is no hint of where a member is (${problem}).`,
  );

/**
 * Seals a hint under a network's key, docs/formats/stoq-dht.md. As many addresses as fit are in it, best first.
 *
 * @param context - what it is sealed for: the same bytes must be shown to open it
 * @param bytes - of the result, whatever is in it. @default 1024
 */
export const sealHint = (
  { key, context, random }: { key: Uint8Array; context: Uint8Array; random: Random },
  { peer, addresses }: PeerHint,
  bytes = SEALED_HINT_BYTES,
): Uint8Array => {
  const room = bytes - PLAIN_BYTES_OVERHEAD;
  const plain = new Uint8Array(room);
  for (let count = Math.min(addresses.length, HINT_ADDRESSES_MAX); ; count--) {
    const encoded = encodeCbor({ peer, addresses: addresses.slice(0, count) });
    if (encoded.length + LENGTH_BYTES > room) {
      assert(count > 0, 'a hint without addresses fits');
      continue;
    }
    new DataView(plain.buffer).setUint16(0, encoded.length);
    plain.set(encoded, LENGTH_BYTES);
    break;
  }
  const nonce = random.bytes(AEAD_NONCE_BYTES);
  const sealed = new Uint8Array(bytes);
  sealed.set(nonce);
  sealed.set(aeadSeal(networkKey(key, 'seal'), nonce, plain, context), AEAD_NONCE_BYTES);
  return sealed;
};

/** @returns null where it is sealed under another key, for another context, or holds no hint: nobody's fault that could be told */
export const openHint = (key: Uint8Array, context: Uint8Array, sealed: Uint8Array): PeerHint | null => {
  if (sealed.length < PLAIN_BYTES_OVERHEAD + LENGTH_BYTES) return null;
  try {
    const plain = aeadOpen(
      networkKey(key, 'seal'),
      sealed.subarray(0, AEAD_NONCE_BYTES),
      sealed.subarray(AEAD_NONCE_BYTES),
      context,
    );
    const length = new DataView(plain.buffer, plain.byteOffset).getUint16(0);
    if (length > plain.length - LENGTH_BYTES) return null;
    const encoded = plain.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
    const fields = exactFields(readCborOf(encoded, 16, malformed), ['peer', 'addresses'], malformed);
    const addresses = readAddresses(fields['addresses'], HINT_ADDRESSES_MAX, malformed);
    return { peer: readPeerId(fields['peer'], malformed), addresses: addresses.filter(isDialable) };
  } catch (error) {
    if (isNodeError(error)) return null;
    throw error;
  }
};
