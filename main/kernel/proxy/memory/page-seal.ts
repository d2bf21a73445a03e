import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import { assert } from '../../../base/index.ts';
import { SEAL_BYTES, STAMP_BYTES } from './constants.ts';

/**
 * Seals pages for a lender: AES-256-GCM, NIST SP 800-38D, nonce of four zero bytes and the page's stamp, the page's number as
 * associated bytes. A stamp is used once under a key, so no nonce comes twice; a page in another's place, or one of before, does not
 * open. A sealed page is its stamp (8), the tag (16) and as many bytes as it had.
 */
export interface PageSeal {
  readonly pageBytes: number;
  readonly slotBytes: number;
  /** Writes the sealed page to `into` from `at` on. */
  seal(page: number, stamp: number, plain: Uint8Array, into: Uint8Array, at: number): void;
  /** @returns stamp that a sealed page claims; anything else than a safe integer is none of ours */
  stampOf(slots: Uint8Array, at: number): number;
  /** @returns the page, or null where the bytes are not those that were sealed for this page with this stamp */
  open(page: number, stamp: number, slots: Uint8Array, at: number): Uint8Array | null;
}

const CIPHER = 'aes-256-gcm';
const TAG = { authTagLength: 16 } as const;
const WORD = 2 ** 32;
const putUint64 = (into: Buffer, value: number, at: number): void => {
  into.writeUInt32BE(Math.floor(value / WORD), at);
  into.writeUInt32BE(value % WORD, at + 4);
};

export const createPageSeal = (key: KeyObject, pageBytes: number): PageSeal => {
  const nonce = Buffer.alloc(12);
  const associated = Buffer.alloc(8);
  const prepare = (page: number, stamp: number): void => {
    putUint64(nonce, stamp, 4);
    putUint64(associated, page, 0);
  };
  return {
    pageBytes,
    slotBytes: pageBytes + SEAL_BYTES,
    seal: (page, stamp, plain, into, at) => {
      assert(plain.length === pageBytes && stamp > 0, 'Whole pages are sealed, with a stamp.');
      prepare(page, stamp);
      const cipher = createCipheriv(CIPHER, key, nonce, TAG);
      cipher.setAAD(associated);
      into.set(cipher.update(plain), at + SEAL_BYTES);
      cipher.final();
      into.set(nonce.subarray(4), at);
      into.set(cipher.getAuthTag(), at + STAMP_BYTES);
    },
    stampOf: (slots, at) => {
      const view = new DataView(slots.buffer, slots.byteOffset + at, STAMP_BYTES);
      return view.getUint32(0) * WORD + view.getUint32(4);
    },
    open: (page, stamp, slots, at) => {
      prepare(page, stamp);
      const decipher = createDecipheriv(CIPHER, key, nonce, TAG);
      decipher.setAAD(associated);
      decipher.setAuthTag(slots.subarray(at + STAMP_BYTES, at + SEAL_BYTES));
      const plain = decipher.update(slots.subarray(at + SEAL_BYTES, at + SEAL_BYTES + pageBytes));
      try {
        // Only here is the tag compared: nothing of `plain` leaves before.
        decipher.final();
        // Not as a Buffer, whose `slice` is no copy: who changes a copy of a page must not change the page.
        return new Uint8Array(plain.buffer, plain.byteOffset, plain.length);
      } catch {
        return null;
      }
    },
  };
};
