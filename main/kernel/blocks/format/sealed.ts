import { brotliCompressSync, brotliDecompressSync, constants as zlib } from 'node:zlib';
import { encodeCbor, messageOf, sha256 } from '../../../base/index.ts';
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  KEM_CIPHERTEXT_BYTES,
  SealError,
  aeadOpen,
  aeadSeal,
  hkdfSha512,
  kemEncapsulate,
} from '../../../base/crypto/index.ts';
import {
  BLOCK_VERSION,
  BODY_BYTES_MAX,
  BROTLI_QUALITY,
  PADDED_BYTES_MIN,
  READERS_MAX,
  SEALED_BYTES_MAX,
} from '../constants.ts';
import { BlockFormatError } from '../errors.ts';
import { Strict } from './strict.ts';

const strict = new Strict('SEALED_MALFORMED');

/** Length of the compressed body in front of it, big endian. */
const LENGTH_BYTES = 4;
const KEY_INFO = 'hypermesh block key v1';
/** The key that it goes with is used once, so that one nonce for all is fresh each time. */
const WRAP_NONCE = new Uint8Array(AEAD_NONCE_BYTES);
const WRAPPED_BYTES = AEAD_KEY_BYTES + AEAD_TAG_BYTES;

/**
 * Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", 2019, section 4):
 * a size keeps only as many significant bits as its exponent has, so that it tells O(log log size) bits and costs 12 % at most.
 */
export const paddedLength = (length: number): number => {
  if (length <= PADDED_BYTES_MIN) return PADDED_BYTES_MIN;
  const exponent = Math.floor(Math.log2(length));
  const zeroBits = exponent - (Math.floor(Math.log2(exponent)) + 1);
  const step = 2 ** zeroBits;
  return Math.ceil(length / step) * step;
};

/** Brotli (RFC 7932), its length in front, zeros to the padded length. */
export const packBody = (body: Uint8Array): { packed: Uint8Array; compressedBytes: number } => {
  const compressed = brotliCompressSync(body, {
    params: { [zlib.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY, [zlib.BROTLI_PARAM_SIZE_HINT]: body.length },
  });
  const packed = new Uint8Array(paddedLength(LENGTH_BYTES + compressed.length));
  new DataView(packed.buffer).setUint32(0, compressed.length);
  packed.set(compressed, LENGTH_BYTES);
  return { packed, compressedBytes: compressed.length };
};

/** @throws {BlockFormatError} `SEALED_MALFORMED`; also when it would grow beyond the largest body */
export const unpackBody = (packed: Uint8Array): { body: Uint8Array; compressedBytes: number } => {
  if (packed.length < LENGTH_BYTES) throw strict.fail('it is too short');
  const compressedBytes = new DataView(packed.buffer, packed.byteOffset, packed.byteLength).getUint32(0);
  const end = LENGTH_BYTES + compressedBytes;
  if (end > packed.length || paddedLength(end) !== packed.length)
    throw strict.fail('its padding is not as long as it must be');
  if (packed.subarray(end).some((byte) => byte !== 0)) throw strict.fail('its padding is not of zeros');
  try {
    // `info` also tells how much was read: bytes behind the end of the stream are no part of it.
    const { buffer, engine } = brotliDecompressSync(packed.subarray(LENGTH_BYTES, end), {
      maxOutputLength: BODY_BYTES_MAX,
      info: true,
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    if (engine.bytesWritten !== compressedBytes) throw strict.fail('something follows the compressed body');
    return { body: new Uint8Array(buffer), compressedBytes };
  } catch (error) {
    throw error instanceof BlockFormatError ? error : strict.fail(`it does not decompress: ${messageOf(error)}`);
  }
};

interface WrappedKey {
  cipherText: Uint8Array;
  wrapped: Uint8Array;
}

const encodeReaders = (readers: readonly WrappedKey[]): Uint8Array[][] =>
  readers.map(({ cipherText, wrapped }) => [cipherText, wrapped]);

/** Binds the body to its header and to the list of readers: none of them can be changed or exchanged. */
const associatedBytes = (headerPayload: Uint8Array, readers: readonly WrappedKey[]): Uint8Array =>
  encodeCbor([
    'hypermesh-sealed-body',
    BLOCK_VERSION,
    sha256(headerPayload),
    sha256(encodeCbor(encodeReaders(readers))),
  ]);

const wrappingKey = (shared: Uint8Array, headerPayload: Uint8Array): Uint8Array =>
  hkdfSha512(shared, sha256(headerPayload), KEY_INFO, AEAD_KEY_BYTES);

/** Chance that a seal needs; all of it fresh each time. */
export interface SealRandom {
  /** 32 bytes. */
  contentKey: Uint8Array;
  /** 12 bytes. */
  nonce: Uint8Array;
  /** 32 bytes for each reader. */
  encapsulation: readonly Uint8Array[];
}

/** Takes some milliseconds: only in a worker. @param readers - ML-KEM-1024 public keys */
export const sealBody = (
  body: Uint8Array,
  headerPayload: Uint8Array,
  readers: readonly Uint8Array[],
  random: SealRandom,
): { sealed: Uint8Array; compressedBytes: number; paddingBytes: number } => {
  if (readers.length === 0 || readers.length > READERS_MAX || random.encapsulation.length !== readers.length)
    throw strict.fail(`a body is sealed for 1 to ${READERS_MAX} readers`);
  const wrappedKeys = readers.map((reader, i): WrappedKey => {
    const { cipherText, shared } = kemEncapsulate(reader, random.encapsulation[i]!);
    return {
      cipherText,
      wrapped: aeadSeal(wrappingKey(shared, headerPayload), WRAP_NONCE, random.contentKey, cipherText),
    };
  });
  const { packed, compressedBytes } = packBody(body);
  const sealed = encodeCbor({
    v: BLOCK_VERSION,
    readers: encodeReaders(wrappedKeys),
    nonce: random.nonce,
    body: aeadSeal(random.contentKey, random.nonce, packed, associatedBytes(headerPayload, wrappedKeys)),
  });
  return { sealed, compressedBytes, paddingBytes: packed.length - LENGTH_BYTES - compressedBytes };
};

export interface SealedBody {
  readers: readonly WrappedKey[];
  nonce: Uint8Array;
  /** Ciphertext and tag. */
  body: Uint8Array;
}

/** @throws {BlockFormatError} `SEALED_MALFORMED` | `VERSION_UNKNOWN` */
export const decodeSealed = (bytes: Uint8Array): SealedBody => {
  const value = strict.decode(bytes, SEALED_BYTES_MAX);
  if (typeof value === 'object' && value !== null && 'v' in value) strict.version(value.v);
  const map = strict.map(value, ['v', 'readers', 'nonce', 'body'], 'the sealed body');
  const readers = strict.list(map['readers'], READERS_MAX, 'the readers').map((one): WrappedKey => {
    const pair = strict.list(one, 2, 'a reader');
    return {
      cipherText: strict.bytes(pair[0], KEM_CIPHERTEXT_BYTES, 'an encapsulated key'),
      wrapped: strict.bytes(pair[1], WRAPPED_BYTES, 'a wrapped key'),
    };
  });
  if (readers.length === 0) throw strict.fail('it has no readers');
  return {
    readers,
    nonce: strict.bytes(map['nonce'], AEAD_NONCE_BYTES, 'the nonce'),
    body: strict.bytesUpTo(map['body'], SEALED_BYTES_MAX, 'the body'),
  };
};

/**
 * The key of a body, for one of its readers. Which of the wrapped keys is whose is not told, so each is tried.
 *
 * @param decapsulate - of the reader's ML-KEM key
 * @throws {BlockFormatError} `NOT_A_READER`
 */
export const unwrapContentKey = async (
  sealed: SealedBody,
  headerPayload: Uint8Array,
  decapsulate: (cipherText: Uint8Array) => Promise<Uint8Array>,
): Promise<Uint8Array> => {
  for (const { cipherText, wrapped } of sealed.readers) {
    const shared = await decapsulate(cipherText);
    try {
      return aeadOpen(wrappingKey(shared, headerPayload), WRAP_NONCE, wrapped, cipherText);
    } catch (error) {
      if (!(error instanceof SealError)) throw error;
    }
  }
  throw new BlockFormatError(
    { code: 'NOT_A_READER', verdict: 'reject' },
    'This body is not sealed for the keys at hand, or its wrapped keys were changed.',
  );
};

/** @returns the canonical body @throws {SealError} `SEAL_BROKEN` @throws {BlockFormatError} `SEALED_MALFORMED` */
export const openSealed = (
  sealed: SealedBody,
  headerPayload: Uint8Array,
  contentKey: Uint8Array,
): { body: Uint8Array; compressedBytes: number; paddingBytes: number } => {
  const packed = aeadOpen(contentKey, sealed.nonce, sealed.body, associatedBytes(headerPayload, sealed.readers));
  const { body, compressedBytes } = unpackBody(packed);
  return { body, compressedBytes, paddingBytes: packed.length - LENGTH_BYTES - compressedBytes };
};
