import { createHash } from 'node:crypto';
import { encode } from '@ipld/dag-cbor';
import { CID } from 'multiformats/cid';
import { create as createDigest } from 'multiformats/hashes/digest';
import { readCbor } from './read-cbor.ts';

/** Multicodec of dag-cbor, https://github.com/multiformats/multicodec. */
const DAG_CBOR = 0x71;
/** Multihash code of sha2-256. */
const SHA2_256 = 0x12;

/** Deterministic CBOR of everything that is hashed, signed, stored or sent. */
export const encodeCbor = (value: unknown): Uint8Array => encode(value);

/**
 * Reads only what {@link encodeCbor} writes: one value, one encoding; see {@link readCbor}.
 *
 * @param itemsMax - see there
 * @throws {Error} when the bytes are not dag-cbor in its one encoding
 */
export const decodeCbor = (data: Uint8Array, itemsMax?: number): unknown => readCbor(data, itemsMax);

export const sha256 = (data: Uint8Array): Uint8Array => createHash('sha256').update(data).digest();

/** CIDv1, dag-cbor, sha2-256, base32 text of an encoded value. */
export const cidOf = (encoded: Uint8Array): string =>
  CID.createV1(DAG_CBOR, createDigest(SHA2_256, sha256(encoded))).toString();
