import { Buffer } from 'node:buffer';
import type { Stream } from '../../transport/stoq/index.ts';
import { DATAGRAM_PAYLOAD_MAX, DATAGRAMS_WAITING_BYTES_MAX } from './constants.ts';

/** Length of a datagram, big-endian, in front of it; docs/formats/forward.md. */
const LENGTH_BYTES = 2;

/** Datagrams into a stream: what comes while a write is under way leaves together in the next one. */
export interface DatagramWriter {
  /** @returns false where it was dropped: too large, or too much waits already */
  send(payload: Uint8Array): boolean;
}
export const createDatagramWriter = (
  stream: Pick<Stream, 'write'>,
  { onError, gate }: { onError: (error: unknown) => void; gate?: (bytes: number) => Promise<void> | void },
): DatagramWriter => {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let writing = false;
  let failed = false;

  const flush = async (): Promise<void> => {
    writing = true;
    try {
      while (waiting.length > 0) {
        const batch = Buffer.concat(waiting, waitingBytes);
        waiting = [];
        waitingBytes = 0;
        const wait = gate?.(batch.length);
        if (wait !== undefined) await wait;
        await stream.write(batch);
      }
    } catch (error) {
      failed = true;
      waiting = [];
      onError(error);
    } finally {
      writing = false;
    }
  };
  return {
    send: (payload) => {
      const bytes = LENGTH_BYTES + payload.length;
      if (failed || payload.length > DATAGRAM_PAYLOAD_MAX || waitingBytes + bytes > DATAGRAMS_WAITING_BYTES_MAX)
        return false;
      const header = Buffer.allocUnsafe(LENGTH_BYTES);
      header.writeUInt16BE(payload.length);
      waiting.push(header, payload);
      waitingBytes += bytes;
      // In a turn of its own, so that datagrams that came together leave together.
      if (!writing) {
        writing = true;
        queueMicrotask(() => void flush());
      }
      return true;
    },
  };
};

/**
 * Reads datagrams out of a stream until it ends.
 *
 * @param onDatagram - gets bytes that stay as they are
 * @throws what reading throws
 */
export const readDatagrams = async (
  stream: Pick<Stream, 'read'>,
  onDatagram: (payload: Uint8Array) => Promise<void> | void,
): Promise<void> => {
  let rest: Uint8Array = new Uint8Array(0);
  for (;;) {
    const chunk = await stream.read();
    if (chunk === null) return;
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let place = 0;
    while (bytes.length - place >= LENGTH_BYTES) {
      const length = ((bytes[place] ?? 0) << 8) | (bytes[place + 1] ?? 0);
      const end = place + LENGTH_BYTES + length;
      if (end > bytes.length) break;
      const wait = onDatagram(bytes.subarray(place + LENGTH_BYTES, end));
      if (wait !== undefined) await wait;
      place = end;
    }
    rest = bytes.subarray(place);
  }
};
