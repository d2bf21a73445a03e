import { decodeCbor } from '../../../base/index.ts';
import type { SignerKeys } from '../../../base/crypto/index.ts';

/** Payload and keys of a record that was checked before it was kept. */
export const recordParts = (record: Uint8Array): { payload: Uint8Array; signer: SignerKeys } =>
  decodeCbor(record) as { payload: Uint8Array; signer: SignerKeys };
/** The payload of a record that was checked before it was kept. */
export const insideOf = (record: Uint8Array): Uint8Array => recordParts(record).payload;
