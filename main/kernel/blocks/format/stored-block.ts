import { encodeCbor } from '../../../base/index.ts';
import { BLOCK_VERSION, FRAME_BYTES_MAX, HEADER_BYTES_MAX, SEALED_BYTES_MAX } from '../constants.ts';
import { Strict } from './strict.ts';

const strict = new Strict('BLOCK_MALFORMED');

/** A block as it is kept and handed on. docs/formats/block.md */
export interface StoredBlock {
  /** Signed record in the domain `block`. */
  header: Uint8Array;
  /** Null when the body was pruned. */
  sealed: Uint8Array | null;
}

export const encodeStoredBlock = ({ header, sealed }: StoredBlock): Uint8Array =>
  encodeCbor({ v: BLOCK_VERSION, header, sealed });

/** @throws {BlockFormatError} `BLOCK_MALFORMED` | `VERSION_UNKNOWN` */
export const decodeStoredBlock = (bytes: Uint8Array): StoredBlock => {
  const value = strict.decode(bytes, FRAME_BYTES_MAX);
  if (typeof value === 'object' && value !== null && 'v' in value) strict.version(value.v);
  const map = strict.map(value, ['v', 'header', 'sealed'], 'the block');
  return {
    header: strict.bytesUpTo(map['header'], HEADER_BYTES_MAX, 'the header'),
    sealed: map['sealed'] === null ? null : strict.bytesUpTo(map['sealed'], SEALED_BYTES_MAX, 'the sealed body'),
  };
};
