import { decodeCbor } from '../../main/base/index.ts';

/** Header bytes inside an encoded block; what the store on disk keeps when the rest is dropped. */
export const encodedHeaderOf = (block: Uint8Array): Uint8Array =>
  (decodeCbor(block, 65_536) as { header: Uint8Array }).header;
