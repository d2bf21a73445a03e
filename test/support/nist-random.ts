import { createCipheriv } from 'node:crypto';

/** AES-256 CTR_DRBG as NIST's generator of known answers uses it: 48 bytes of entropy, no derivation function, no reseeding. */
export const createNistRandom = (entropy: Uint8Array): ((length: number) => Uint8Array) => {
  let key: Uint8Array = new Uint8Array(32);
  let value: Uint8Array = new Uint8Array(16);
  const block = (): Uint8Array => {
    value = value.slice();
    for (let place = 15; place >= 0; place--) {
      const next = ((value[place] ?? 0) + 1) & 0xff;
      value[place] = next;
      if (next !== 0) break;
    }
    const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
    return new Uint8Array(cipher.update(value));
  };
  const update = (given: Uint8Array): void => {
    const mixed = Buffer.concat([block(), block(), block()]).map((byte, place) => byte ^ (given[place] ?? 0));
    key = mixed.subarray(0, 32);
    value = mixed.subarray(32);
  };
  update(entropy);
  return (length) => {
    const blocks: Uint8Array[] = [];
    for (let made = 0; made < length; made += 16) blocks.push(block());
    update(new Uint8Array(48));
    return new Uint8Array(Buffer.concat(blocks).subarray(0, length));
  };
};
