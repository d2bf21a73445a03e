import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { countBuffer } from '../../../base/index.ts';
import { BLOCK_BYTES } from './constants.ts';
import { contentTooLarge } from './errors.ts';

/** A file on its way into the store: hashed while it is written, beside the others until it is whole. */
export interface Intake {
  readonly path: string;
  /** Bytes that were given so far. */
  readonly bytes: number;
  /** @throws {ContentError} `CONTENT_TOO_LARGE` | `CONTENT_FULL`, or what the disk says; it is then of no use any more */
  write(chunk: Uint8Array): Promise<void>;
  /** Everything is on the disk. @returns the hash of all that was written */
  seal(): Promise<string>;
  /** What it took of the room counts as the store's from now on. */
  handOver(): void;
  /** Takes the temporary file away. May be called twice, and after it was moved elsewhere. */
  drop(): Promise<void>;
}

/**
 * @param room - asked before bytes are written; throws where there is none
 * @param freed - told of all bytes that were taken, once they are the store's or gone
 */
export const openIntake = async (
  path: string,
  bytesMax: number,
  room: (bytes: number) => Promise<void>,
  freed: (bytes: number) => void,
): Promise<Intake> => {
  const file = await open(path, 'wx', 0o600);
  const hash = createHash('sha256');
  let block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let filled = 0;
  let bytes = 0;
  let reserved = 0;
  let isOpen = true;

  const flush = async (): Promise<void> => {
    if (filled === 0) return;
    const piece = block.subarray(0, filled);
    await room(piece.length);
    reserved += piece.length;
    hash.update(piece);
    for (let done = 0; done < piece.length; ) done += (await file.write(piece, done)).bytesWritten;
    filled = 0;
  };
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    block = Buffer.alloc(0);
    await file.close();
  };
  const handOver = (): void => {
    freed(reserved);
    reserved = 0;
  };
  return {
    path,
    get bytes() {
      return bytes;
    },
    write: async (chunk) => {
      if (chunk.length > bytesMax - bytes) throw contentTooLarge(bytesMax);
      bytes += chunk.length;
      countBuffer(chunk.length);
      for (let done = 0; done < chunk.length; ) {
        const part = chunk.subarray(done, done + BLOCK_BYTES - filled);
        block.set(part, filled);
        filled += part.length;
        done += part.length;
        if (filled === BLOCK_BYTES) await flush();
      }
    },
    seal: async () => {
      await flush();
      await file.sync();
      await close();
      return hash.digest('hex');
    },
    handOver,
    drop: async () => {
      await close().catch(() => undefined);
      handOver();
      await rm(path, { force: true }).catch(() => undefined);
    },
  };
};
