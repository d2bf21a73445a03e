import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { COUNTER_MAX, REPLAY_WINDOW, SEALED_HEADER_BYTES, SEALED_TAG_BYTES } from './constants.ts';

// Packets of the side socket, docs/formats/stoq-side-socket.md. AES straight from `node:crypto`: the front door of base/crypto would
// load post-quantum code of 20 MiB into a thread that uses none of it.

const TAG_BYTES = 8;

/** @param id - of a session, 16 bytes, equal at both ends @returns 8 bytes that its packets carry in the open */
export const tagOf = (id: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync('sha512', id, new Uint8Array(0), 'hypermesh side socket tag', TAG_BYTES));

/** @returns text to find a session by, empty where the packet is too short for a tag */
export const tagText = (packet: Uint8Array, start = 0): string =>
  packet.length < start + TAG_BYTES
    ? ''
    : Buffer.from(packet.buffer, packet.byteOffset + start, TAG_BYTES).toString('latin1');

/** Remembers the last {@link REPLAY_WINDOW} counters, RFC 6479. */
export interface ReplayWindow {
  /** Whether a counter is new. Changes nothing. */
  isNew(counter: number): boolean;
  /** Remembers a counter of a packet that was found to be authentic. @returns whether it is the highest so far */
  add(counter: number): boolean;
}
export const createReplayWindow = (): ReplayWindow => {
  let highest = -1;
  const seen = new Uint8Array(REPLAY_WINDOW);
  return {
    isNew: (counter) => counter > highest || (counter > highest - REPLAY_WINDOW && seen[counter % REPLAY_WINDOW] === 0),
    add: (counter) => {
      const isHighest = counter > highest;
      if (isHighest) {
        // What lies between was not seen yet, and its places still hold counters of a window ago.
        const from = Math.max(highest + 1, counter - REPLAY_WINDOW + 1);
        for (let between = from; between < counter; between++) seen[between % REPLAY_WINDOW] = 0;
        highest = counter;
      }
      seen[counter % REPLAY_WINDOW] = 1;
      return isHighest;
    },
  };
};

export interface Sealer {
  /** @returns a packet; null once the key has sealed all that it may */
  seal(plain: Uint8Array): Uint8Array | null;
}
/** @param key - 32 bytes, of this direction alone @param firstByte - kind of packet */
export const createSealer = (firstByte: number, tag: Uint8Array, key: Uint8Array): Sealer => {
  let counter = 0;
  const nonce = new Uint8Array(12);
  const nonceView = new DataView(nonce.buffer);
  return {
    seal: (plain) => {
      if (counter >= COUNTER_MAX) return null;
      const packet = new Uint8Array(SEALED_HEADER_BYTES + plain.length + SEALED_TAG_BYTES);
      packet[0] = firstByte;
      packet.set(tag, 1);
      const high = Math.floor(counter / 2 ** 32);
      nonceView.setUint32(4, high);
      nonceView.setUint32(8, counter % 2 ** 32);
      packet.set(nonce.subarray(4), 9);
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: SEALED_TAG_BYTES });
      cipher.setAAD(packet.subarray(0, SEALED_HEADER_BYTES));
      packet.set(cipher.update(plain), SEALED_HEADER_BYTES);
      cipher.final();
      packet.set(cipher.getAuthTag(), packet.length - SEALED_TAG_BYTES);
      counter += 1;
      return packet;
    },
  };
};

export interface Opener {
  /** @returns null for what does not open, or came before; `highest` when none with a higher counter came yet */
  open(packet: Uint8Array): { plain: Uint8Array; highest: boolean } | null;
}
export const createOpener = (key: Uint8Array): Opener => {
  const window = createReplayWindow();
  const nonce = new Uint8Array(12);
  return {
    open: (packet) => {
      if (packet.length < SEALED_HEADER_BYTES + SEALED_TAG_BYTES) return null;
      const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
      const counter = view.getUint32(9) * 2 ** 32 + view.getUint32(13);
      if (counter >= COUNTER_MAX || !window.isNew(counter)) return null;
      nonce.set(packet.subarray(9, SEALED_HEADER_BYTES), 4);
      const end = packet.length - SEALED_TAG_BYTES;
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: SEALED_TAG_BYTES });
      decipher.setAAD(packet.subarray(0, SEALED_HEADER_BYTES));
      decipher.setAuthTag(packet.subarray(end));
      const plain = decipher.update(packet.subarray(SEALED_HEADER_BYTES, end));
      try {
        // Only here is the tag compared: nothing of `plain` is used before.
        decipher.final();
      } catch {
        return null;
      }
      return { plain, highest: window.add(counter) };
    },
  };
};
