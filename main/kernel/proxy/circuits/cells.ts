import { createCipheriv, createDecipheriv } from 'node:crypto';
import { Buffer } from 'node:buffer';
import { assert } from '../../../base/index.ts';
import { AEAD_NONCE_BYTES } from '../../../base/crypto/index.ts';
import { CELL_BODY_MAX, CELL_BYTES, CELL_HEADER_BYTES, CELLS_MAX, DEPTHS, TAG_BYTES } from './constants.ts';
import { cellBroken } from './errors.ts';

/** NIST SP 800-38D. */
const CIPHER = 'aes-256-gcm';
/** Numbers on the wire; never reused. */
export const CELL = {
  extend: 1,
  certificate: 2,
  create: 3,
  created: 4,
  refused: 5,
  begin: 6,
  begun: 7,
  data: 8,
  probe: 9,
  end: 10,
} as const;
const TYPE_MAX = 10;
const NOTHING = Buffer.alloc(CELL_BYTES);

export interface Frame {
  readonly type: number;
  readonly body: Uint8Array;
}

/** Writes a frame without any layer into a cell. Parts are put behind each other. */
export const packFrame = (cell: Buffer, type: number, ...parts: readonly Uint8Array[]): void => {
  let at = CELL_HEADER_BYTES;
  for (const part of parts) {
    assert(at + part.length <= CELL_HEADER_BYTES + CELL_BODY_MAX, 'a frame fits one cell');
    cell.set(part, at);
    at += part.length;
  }
  cell[0] = type;
  cell.writeUInt16BE(at - CELL_HEADER_BYTES, 1);
  cell.fill(0, at);
};

/** @param cell - with all layers off @returns a view into it @throws {CircuitError} `CELL_BROKEN` */
export const unpackFrame = (cell: Buffer): Frame => {
  const type = cell[0] ?? 0;
  const length = cell.readUInt16BE(1);
  if (type < 1 || type > TYPE_MAX) throw cellBroken(`there is no type ${type}`);
  if (length > CELL_BODY_MAX) throw cellBroken('it says that it holds more than it can');
  const end = CELL_HEADER_BYTES + length;
  // What is behind must be nothing: a place that nobody looks at is one to leave marks in.
  if (NOTHING.compare(cell, end, CELL_BYTES, 0, CELL_BYTES - end) !== 0) throw cellBroken('its filling is not empty');
  return { type, body: cell.subarray(CELL_HEADER_BYTES, end) };
};

/** One direction of one layer. Cells must come in the order in which they left: the counter is the nonce. */
export interface Layer {
  /** Puts the layer on, in place. What the cell holds must end where the layer's place begins; the rest becomes nothing. */
  seal(cell: Buffer): void;
  /** Takes it off, in place. @throws {CircuitError} `CELL_BROKEN`: it was changed, left out, repeated or moved */
  open(cell: Buffer): void;
}

/** @param key - 32 bytes, of this direction alone @param depth - 0 to 7: each place deeper has 16 bytes less */
export const createLayer = (key: Uint8Array, depth: number): Layer => {
  assert(depth >= 0 && depth < DEPTHS, 'a circuit has eight places');
  const plainBytes = CELL_BYTES - TAG_BYTES * (depth + 1);
  const sealedBytes = plainBytes + TAG_BYTES;
  const nonce = Buffer.alloc(AEAD_NONCE_BYTES);
  let count = 0;
  const next = (): void => {
    if (count >= CELLS_MAX) throw cellBroken('the key of the circuit is used up');
    nonce.writeUInt32BE(count, AEAD_NONCE_BYTES - 4);
    count += 1;
  };
  return {
    seal: (cell) => {
      next();
      const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
      cell.set(cipher.update(cell.subarray(0, plainBytes)));
      cipher.final();
      cell.set(cipher.getAuthTag(), plainBytes);
      cell.fill(0, sealedBytes);
    },
    open: (cell) => {
      next();
      if (NOTHING.compare(cell, sealedBytes, CELL_BYTES, 0, CELL_BYTES - sealedBytes) !== 0)
        throw cellBroken('its filling is not empty');
      const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAuthTag(cell.subarray(plainBytes, sealedBytes));
      const plain = decipher.update(cell.subarray(0, plainBytes));
      try {
        // Only here is the tag compared: nothing of `plain` leaves this function before.
        decipher.final();
      } catch {
        throw cellBroken('it does not open');
      }
      cell.set(plain);
      cell.fill(0, plainBytes);
    },
  };
};
