import { IPV6_HEADER_BYTES } from './ipv6.ts';

// Packets between node and helper, each behind its length: docs/formats/tun-helper.md.

const LENGTH_BYTES = 2;

/** Cuts what the helper sends into packets. */
export interface FrameReader {
  /**
   * Packets are slices of `chunk` where they lie in it whole.
   *
   * @returns false when a length is none that a packet has: nothing after it can be read
   */
  push(chunk: Buffer, onPacket: (packet: Buffer) => void): boolean;
}

export const createFrameReader = (): FrameReader => {
  /** Start of a packet whose rest has not come, its length included. */
  let parts: Buffer[] = [];
  let partBytes = 0;
  return {
    push: (chunk, onPacket) => {
      let at = 0;
      if (partBytes > 0) {
        while (partBytes < LENGTH_BYTES && at < chunk.length) {
          parts.push(chunk.subarray(at, at + 1));
          partBytes += 1;
          at += 1;
        }
        if (partBytes < LENGTH_BYTES) return true;
        if (parts.length > 1 && parts[0]!.length < LENGTH_BYTES) parts = [Buffer.concat(parts)];
        const length = parts[0]!.readUInt16BE(0);
        if (length < IPV6_HEADER_BYTES) return false;
        const rest = Math.min(LENGTH_BYTES + length - partBytes, chunk.length - at);
        parts.push(chunk.subarray(at, at + rest));
        partBytes += rest;
        at += rest;
        if (partBytes < LENGTH_BYTES + length) return true;
        const whole = Buffer.concat(parts, partBytes);
        parts = [];
        partBytes = 0;
        onPacket(whole.subarray(LENGTH_BYTES));
      }
      while (chunk.length - at >= LENGTH_BYTES) {
        const length = chunk.readUInt16BE(at);
        if (length < IPV6_HEADER_BYTES) return false;
        if (chunk.length - at < LENGTH_BYTES + length) break;
        onPacket(chunk.subarray(at + LENGTH_BYTES, at + LENGTH_BYTES + length));
        at += LENGTH_BYTES + length;
      }
      if (at < chunk.length) {
        parts = [chunk.subarray(at)];
        partBytes = chunk.length - at;
      }
      return true;
    },
  };
};

/** Buffers that are kept for the next packets: fresh ones of this size are what the collector of memory has most work with. */
const SPARE_MAX = 16;

/** Where packets for this machine go. */
export interface PacketOutput {
  /** Room for one packet, to be filled at once; null when too much is on its way already. */
  reserve(bytes: number): Buffer | null;
  /** Whether nothing more should be made for now; whoever waits is told by the stack. */
  readonly full: boolean;
}
export interface FrameWriterInit {
  /** Size of one write. */
  bufferBytes: number;
  /** Bytes that may be on their way. */
  bytesMax: number;
  /** Takes one write. @param done - once the bytes are no longer needed */
  write(bytes: Buffer, done: () => void): void;
  /** There is room again after there was none. */
  onRoom(): void;
}

/**
 * Gathers packets, so that one write carries many. What was reserved leaves at the end of the turn or, while a write is under way, with
 * the next one.
 */
export const createFrameWriter = ({ bufferBytes, bytesMax, write, onRoom }: FrameWriterInit): PacketOutput => {
  const spare: Buffer[] = [];
  let buffer: Buffer | null = null;
  let used = 0;
  let underwayBytes = 0;
  let scheduled = false;
  let wasFull = false;

  const flush = (): void => {
    if (buffer === null || used === 0) return;
    const sent = buffer;
    const bytes = used;
    buffer = null;
    used = 0;
    underwayBytes += bytes;
    write(sent.subarray(0, bytes), () => {
      underwayBytes -= bytes;
      if (spare.length < SPARE_MAX && sent.length === bufferBytes) spare.push(sent);
      if (underwayBytes === 0) flush();
      if (wasFull && underwayBytes < bytesMax / 2) {
        wasFull = false;
        onRoom();
      }
    });
  };
  const isFull = (): boolean => {
    if (underwayBytes + used >= bytesMax) wasFull = true;
    return wasFull;
  };
  return {
    get full() {
      return isFull();
    },
    reserve: (bytes) => {
      if (isFull()) return null;
      if (buffer !== null && used + LENGTH_BYTES + bytes > buffer.length) flush();
      buffer ??= spare.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
      buffer.writeUInt16BE(bytes, used);
      const room = buffer.subarray(used + LENGTH_BYTES, used + LENGTH_BYTES + bytes);
      used += LENGTH_BYTES + bytes;
      if (!scheduled) {
        scheduled = true;
        queueMicrotask(() => {
          scheduled = false;
          if (underwayBytes === 0) flush();
        });
      }
      return room;
    },
  };
};
