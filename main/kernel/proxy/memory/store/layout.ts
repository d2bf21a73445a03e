/** Layout of a store in far memory, docs/formats/far-memory.md. Numbers are big-endian. */

/** In front of a segment: magic, version, generation, order. */
export const SEGMENT_HEADER_BYTES = 32;
const MAGIC = 0x484d_4653;
const VERSION = 1;
export const GENERATION_BYTES = 8;

/** In front of each record, and of its key and value. */
export const RECORD_HEADER_BYTES = 36;
const TOMBSTONE = 1;

export interface SegmentHeader {
  /** 8 random bytes, fresh whenever a segment is used again: what lay there before does not count. */
  generation: Uint8Array;
  /** Grows with every segment that is begun. */
  order: number;
}
export interface RecordHeader {
  /** Grows with every change; of two records of one key the higher one counts. */
  version: number;
  /** The key has no value since this version. */
  tombstone: boolean;
  keyBytes: number;
  /** Bytes of the value in this record; a large value has several. */
  partBytes: number;
  totalBytes: number;
  /** Where the part begins in the value. */
  partAt: number;
  /** Wall clock, ms; 0: never. */
  expiresAtMs: number;
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const encodeSegmentHeader = ({ generation, order }: SegmentHeader): Uint8Array => {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt16BE(VERSION, 4);
  header.set(generation, 8);
  header.writeUIntBE(order, 18, 6);
  return header;
};
/** @returns null where no segment begins */
export const decodeSegmentHeader = (bytes: Uint8Array): SegmentHeader | null => {
  const header = bufferOf(bytes);
  if (header.readUInt32BE(0) !== MAGIC || header.readUInt16BE(4) !== VERSION) return null;
  return { generation: bytes.slice(8, 8 + GENERATION_BYTES), order: header.readUIntBE(18, 6) };
};

export const encodeRecordHeader = (generation: Uint8Array, record: RecordHeader): Uint8Array => {
  const header = Buffer.alloc(RECORD_HEADER_BYTES);
  header.set(generation, 0);
  header.writeUIntBE(record.version, 8, 6);
  header[14] = record.tombstone ? TOMBSTONE : 0;
  header.writeUInt16BE(record.keyBytes, 16);
  header.writeUInt32BE(record.partBytes, 18);
  header.writeUInt32BE(record.totalBytes, 22);
  header.writeUInt32BE(record.partAt, 26);
  header.writeUIntBE(record.expiresAtMs, 30, 6);
  return header;
};
/** @returns null where there is no record of this generation */
export const decodeRecordHeader = (generation: Uint8Array, bytes: Uint8Array, at: number): RecordHeader | null => {
  const header = bufferOf(bytes);
  if (header.compare(generation, 0, GENERATION_BYTES, at, at + GENERATION_BYTES) !== 0) return null;
  return {
    version: header.readUIntBE(at + 8, 6),
    tombstone: header[at + 14] === TOMBSTONE,
    keyBytes: header.readUInt16BE(at + 16),
    partBytes: header.readUInt32BE(at + 18),
    totalBytes: header.readUInt32BE(at + 22),
    partAt: header.readUInt32BE(at + 26),
    expiresAtMs: header.readUIntBE(at + 30, 6),
  };
};
export const recordBytes = ({ keyBytes, partBytes }: Pick<RecordHeader, 'keyBytes' | 'partBytes'>): number =>
  RECORD_HEADER_BYTES + keyBytes + partBytes;
