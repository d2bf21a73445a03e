import type { ContentStore } from '../content/interface.ts';
import { type ContentRef } from './sent-spec.ts';

/** Multiple of three, so that pieces of base64 join; encoding one takes below a millisecond. */
const PIECE_BYTES = 768 * 1024;

async function* decodePieces(text: string): AsyncGenerator<Uint8Array> {
  const step = (PIECE_BYTES / 3) * 4;
  for (let at = 0; at < text.length; at += step) {
    yield Buffer.from(text.slice(at, at + step), 'base64');
    // Others get their turn between two pieces of a module of 32 MiB.
    if (at + step < text.length) await new Promise(setImmediate);
  }
}
/** Puts base64 into the store, piece by piece. @returns null for no bytes at all @throws {ContentError} */
export const storeBase64 = async (
  content: Pick<ContentStore, 'put'>,
  text: string,
  bytesMax: number,
): Promise<ContentRef | null> =>
  text === '' ? null : await content.put(decodePieces(text), { expected: null, bytesMax });

/** Reads content as base64. @throws {ContentError} `CONTENT_MISSING` */
export const readBase64 = async (content: Pick<ContentStore, 'open'>, ref: ContentRef | null): Promise<string> => {
  if (ref === null) return '';
  const parts: string[] = [];
  let rest: Uint8Array = new Uint8Array(0);
  for await (const chunk of (await content.open(ref.sha256)) as AsyncIterable<Uint8Array>) {
    const joined = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = joined.length - (joined.length % 3);
    parts.push(Buffer.from(joined.buffer, joined.byteOffset, whole).toString('base64'));
    rest = joined.subarray(whole);
  }
  parts.push(Buffer.from(rest).toString('base64'));
  return parts.join('');
};
