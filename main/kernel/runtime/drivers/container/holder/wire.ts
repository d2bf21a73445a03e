import type { Duplex } from 'node:stream';
import { holderLost } from '../../../errors.ts';
import type { HolderWire } from './session.ts';

const HEADER_BYTES = 8;
const STDOUT = 1;

/** stdin and stdout of an attached container: what it says comes in pieces, each with a header that tells its stream and length. */
export const createAttachedWire = (stream: Duplex): HolderWire => {
  const header = Buffer.alloc(HEADER_BYTES);
  let headerBytes = 0;
  let left = 0;
  let isOutput = false;
  let over = false;
  return {
    write: (bytes) => {
      if (!over) stream.write(bytes);
    },
    listen: ({ data, ended }) => {
      const end = (): void => {
        if (over) return;
        over = true;
        stream.destroy();
        ended();
      };
      stream.on('data', (chunk: Buffer) => {
        for (let at = 0; at < chunk.length && !over; ) {
          if (left === 0) {
            const count = Math.min(HEADER_BYTES - headerBytes, chunk.length - at);
            chunk.copy(header, headerBytes, at, at + count);
            headerBytes += count;
            at += count;
            if (headerBytes < HEADER_BYTES) continue;
            headerBytes = 0;
            left = header.readUInt32BE(4);
            isOutput = header[0] === STDOUT;
            if (header[0]! > 3 || header[1] !== 0 || header[2] !== 0 || header[3] !== 0) {
              end();
              return;
            }
          } else {
            const piece = chunk.subarray(at, at + left);
            left -= piece.length;
            at += piece.length;
            if (isOutput) data(piece);
          }
        }
      });
      stream.on('end', end);
      stream.on('close', end);
      stream.on('error', end);
    },
    close: () => {
      over = true;
      stream.destroy();
    },
  };
};

/** @throws {RuntimeError} `HOLDER_LOST` for what no key is */
export const readKey = (text: string | undefined): Uint8Array => {
  if (text === undefined || !/^[0-9a-f]{32}$/.test(text)) throw holderLost('it has no key');
  return Buffer.from(text, 'hex');
};
