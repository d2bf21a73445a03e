import { createCipheriv, createDecipheriv } from 'node:crypto';
import { assert } from '../../../base/index.ts';
import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES, hkdfSha512 } from '../../../base/crypto/index.ts';
import type { CarrierStream } from '../carriers/interface.ts';
import { StreamError } from '../errors.ts';
import type { Session } from './interface.ts';

/** Plain bytes of one record. What is larger is sent in several. */
export const RECORD_PLAIN_BYTES_MAX = 64 * 1024;
/** Length of the plain bytes, the highest first; the highest bit says that it is the last record, which is empty. */
const HEADER_BYTES = 3;
/** NIST SP 800-38D. */
const CIPHER = 'aes-256-gcm';
const END = 0x80_0000;
/**
 * Records under one key. 2^20 of 64 KiB are 2^32 blocks of AES: an attacker tells GCM from random with a chance of 2^-64
 * (NIST SP 800-38D, section 8.3, allows 2^32 records).
 */
const RECORDS_PER_KEY = 2 ** 20;

export interface SealedStreamInit {
  /** Both ends must agree. @default 2^20; fewer in tests */
  recordsPerKey?: number;
}

/** Keys and counter of one direction. A nonce is never used twice: the counter is in it, and starts again only with another key. */
const createLane = (firstKey: Uint8Array, recordsPerKey: number): (() => { key: Uint8Array; nonce: Uint8Array }) => {
  let key = firstKey;
  let count = 0;
  return () => {
    if (count === recordsPerKey) {
      key = hkdfSha512(key, new Uint8Array(0), 'hypermesh stoq sealed stream next key', 32);
      count = 0;
    }
    const nonce = new Uint8Array(AEAD_NONCE_BYTES);
    new DataView(nonce.buffer).setUint32(AEAD_NONCE_BYTES - 4, count);
    count += 1;
    return { key, nonce };
  };
};

const broken = (problem: string, cause?: unknown): StreamError =>
  new StreamError(
    { code: 'MALFORMED', problem, verdict: 'reject' },
    `What came in a sealed stream is not what the peer sealed (${problem}): it was changed or cut off on the way, or the peer's program is at fault.`,
    cause === undefined ? undefined : { cause },
  );

/**
 * A second layer of encryption over a stream: AES-256-GCM records under keys of the session, so that what it carries stays secret and
 * whole even if the carrier's own encryption does not. Layout in docs/formats/stoq-handshake.md. Holds at most one record in
 * each direction; what nobody reads is not asked for.
 *
 * @param direction - `out` for the end that opened the stream
 * @param number - of the stream; never twice in one session
 * @returns a stream whose reads throw {StreamError} `MALFORMED` when a record was changed, left out, repeated or cut off, and which is
 *   reset then
 */
export const sealStream = (
  stream: CarrierStream,
  session: Pick<Session, 'deriveKey'>,
  direction: 'in' | 'out',
  number: number,
  init: SealedStreamInit = {},
): CarrierStream => {
  const recordsPerKey = init.recordsPerKey ?? RECORDS_PER_KEY;
  const lane = (by: 'opener' | 'handler'): ReturnType<typeof createLane> =>
    createLane(session.deriveKey(`sealed stream ${number} ${by}`), recordsPerKey);
  const sending = lane(direction === 'out' ? 'opener' : 'handler');
  const receiving = lane(direction === 'out' ? 'handler' : 'opener');

  let finished = false;
  /** Came from the stream and was not opened yet: less than a record and one read. */
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  /** Opened and not yet read. */
  let plain: Uint8Array = new Uint8Array(0);
  let ended = false;
  let failure: Error | null = null;

  const sealRecord = (bytes: Uint8Array, mark: number): Uint8Array => {
    const header = Uint8Array.of((mark | bytes.length) >> 16, (bytes.length >> 8) & 0xff, bytes.length & 0xff);
    const { key, nonce } = sending();
    // Not by aeadSeal and aeadOpen: each would copy the bytes once more, which takes as long as encrypting them.
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: AEAD_TAG_BYTES });
    cipher.setAAD(header);
    const sealed = cipher.update(bytes);
    cipher.final();
    const whole = Buffer.allocUnsafeSlow(HEADER_BYTES + sealed.length + AEAD_TAG_BYTES);
    const record = new Uint8Array(whole.buffer, whole.byteOffset, whole.length);
    record.set(header);
    record.set(sealed, HEADER_BYTES);
    record.set(cipher.getAuthTag(), HEADER_BYTES + sealed.length);
    return record;
  };

  /** @returns false where the stream has ended before */
  const fill = async (bytes: number): Promise<boolean> => {
    while (heldBytes < bytes) {
      // More than needed is asked for, up to a record: the header of the next one comes along.
      const part = await stream.read(HEADER_BYTES + RECORD_PLAIN_BYTES_MAX + AEAD_TAG_BYTES);
      if (part === null) return false;
      held.push(part);
      heldBytes += part.length;
    }
    return true;
  };
  /** @returns the first bytes of what is held, in one piece; they stay */
  const first = (bytes: number): Uint8Array => {
    const [part] = held;
    if (part === undefined || part.length < bytes) held = [new Uint8Array(Buffer.concat(held))];
    return (held[0] as Uint8Array).subarray(0, bytes);
  };
  const drop = (bytes: number): void => {
    const [part] = held;
    assert(part !== undefined && part.length >= bytes, 'what is dropped was looked at before');
    if (part.length === bytes) held.shift();
    else held[0] = part.subarray(bytes);
    heldBytes -= bytes;
  };

  /** @returns the next plain bytes, null at the end */
  const openRecord = async (): Promise<Uint8Array | null> => {
    if (!(await fill(HEADER_BYTES))) throw broken('it ended without its end');
    const header = first(HEADER_BYTES).slice();
    const word = ((header[0] as number) << 16) | ((header[1] as number) << 8) | (header[2] as number);
    const isEnd = (word & END) !== 0;
    const length = word & (END - 1);
    // Before anything is waited for or kept.
    if (isEnd ? length !== 0 : length === 0 || length > RECORD_PLAIN_BYTES_MAX)
      throw broken('a record has no such length');
    const whole = HEADER_BYTES + length + AEAD_TAG_BYTES;
    if (!(await fill(whole))) throw broken('it ended in the middle of a record');
    const { key, nonce } = receiving();
    const sealed = first(whole).subarray(HEADER_BYTES);
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: AEAD_TAG_BYTES });
    decipher.setAAD(header);
    decipher.setAuthTag(sealed.subarray(length));
    const opened = decipher.update(sealed.subarray(0, length));
    try {
      // Only here is the tag compared: nothing of `opened` leaves this function before.
      decipher.final();
    } catch (error) {
      throw broken('a record does not open', error);
    }
    drop(whole);
    if (!isEnd) return new Uint8Array(opened.buffer, opened.byteOffset, opened.length);
    if (await fill(1)) throw broken('something follows its end');
    return null;
  };

  return {
    read: async (maxBytes) => {
      assert(maxBytes >= 1, 'a read asks for one byte at least');
      if (failure !== null) throw failure;
      if (ended) return null;
      if (plain.length === 0) {
        let opened: Uint8Array | null;
        try {
          opened = await openRecord();
        } catch (error) {
          failure = error as Error;
          stream.reset();
          throw error;
        }
        if (opened === null) {
          ended = true;
          return null;
        }
        plain = opened;
      }
      const part = plain.subarray(0, maxBytes);
      plain = plain.subarray(part.length);
      return part;
    },
    write: async (bytes) => {
      assert(!finished, 'nothing is written behind the end of a stream');
      for (let place = 0; place < bytes.length; place += RECORD_PLAIN_BYTES_MAX)
        await stream.write(sealRecord(bytes.subarray(place, place + RECORD_PLAIN_BYTES_MAX), 0));
    },
    finish: async () => {
      if (finished) return;
      finished = true;
      await stream.write(sealRecord(new Uint8Array(0), END));
      await stream.finish();
    },
    reset: () => {
      held = [];
      heldBytes = 0;
      plain = new Uint8Array(0);
      stream.reset();
    },
  };
};
