import { decodeCbor } from '../../../base/index.ts';

/** The payload of a record that was checked before it was kept. */
export const insideOf = (record: Uint8Array): Uint8Array => (decodeCbor(record) as { payload: Uint8Array }).payload;
