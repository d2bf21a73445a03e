import { BLOCK_BYTES, COPY_BYTES_MAX } from './constants.ts';

/** Bytes that came for one stream and were not read yet. */
export interface ReceiveQueue {
  /** @param part - may be kept as it is */
  push(part: Uint8Array): void;
  /** @returns 1 to `maxBytes` bytes, which the caller may keep; null when there are none */
  take(maxBytes: number): Uint8Array | null;
  readonly bytes: number;
  /** @returns how many bytes there were */
  clear(): number;
}

/**
 * Holds large parts as they came and copies small ones together: neither many small frames nor small parts of large buffers may
 * cost more memory than about twice what they carry.
 */
export const createReceiveQueue = (): ReceiveQueue => {
  let parts: Uint8Array[] = [];
  /** Index of the first part; the array is cut now and then, as shifting it costs its length each time. */
  let first = 0;
  let bytes = 0;
  /** Where small parts go: the last of `parts` is its used piece. */
  let block: { space: Uint8Array; used: number } | null = null;

  const drop = (): void => {
    first += 1;
    if (first === parts.length) {
      parts = [];
      first = 0;
      block = null;
    } else if (first >= 64) {
      parts = parts.slice(first);
      first = 0;
    }
  };
  return {
    get bytes() {
      return bytes;
    },
    push: (part) => {
      bytes += part.length;
      if (part.length >= COPY_BYTES_MAX && 2 * part.length >= part.buffer.byteLength) {
        parts.push(part);
        block = null;
        return;
      }
      let at = 0;
      while (at < part.length) {
        if (block === null || block.used === block.space.length) {
          // A lone small message gets what it needs, a stream of them whole blocks.
          const rest = part.length - at;
          block = { space: new Uint8Array(first === parts.length ? rest : Math.max(rest, BLOCK_BYTES)), used: 0 };
          parts.push(block.space.subarray(0, 0));
        }
        const end = Math.min(part.length, at + block.space.length - block.used);
        block.space.set(part.subarray(at, end), block.used);
        const last = parts[parts.length - 1] as Uint8Array;
        block.used += end - at;
        parts[parts.length - 1] = block.space.subarray(last.byteOffset - block.space.byteOffset, block.used);
        at = end;
      }
    },
    take: (maxBytes) => {
      const part = parts[first];
      if (part === undefined) return null;
      if (part.length > maxBytes) {
        bytes -= maxBytes;
        parts[first] = part.subarray(maxBytes);
        return part.subarray(0, maxBytes);
      }
      bytes -= part.length;
      drop();
      return part;
    },
    clear: () => {
      const cleared = bytes;
      parts = [];
      first = 0;
      bytes = 0;
      block = null;
      return cleared;
    },
  };
};
