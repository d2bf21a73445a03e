import { sha256 } from '../../base/index.ts';
import { merkleRoot as rootOf } from '../../base/crypto/index.ts';
import { namesIn } from './attachments.ts';
import { BODY_BYTES_MAX, CHECK_BYTES_MAX } from './constants.ts';
import { BlockFormatError, findingOf } from './errors.ts';
import { bodyLeaves, bodyRoot, decodeBody, encodeBody } from './format/body.ts';
import { encodeHeader, openHeader, readHeader } from './format/header.ts';
import { decodeSealed, openSealed, sealBody } from './format/sealed.ts';
import { hex, same } from './format/strict.ts';
import { openTransaction, readTransaction } from './format/transaction.ts';
import type { Hash } from './interface.ts';
import type {
  BuildInput,
  BuildOutput,
  CheckInput,
  CheckItem,
  CheckOutput,
  CheckedHeader,
  OpenedBody,
} from './task-types.ts';

const openBody = (item: CheckItem, payload: Uint8Array, merkleRoot: Hash, signatures: boolean): OpenedBody | null => {
  if (item.sealed === null || item.contentKey === null) return null;
  const sealed = decodeSealed(item.sealed);
  const opened = openSealed(sealed, payload, item.contentKey);
  const body = decodeBody(opened.body);
  const leaves = bodyLeaves(body);
  if (!same(rootOf(leaves), merkleRoot))
    throw new BlockFormatError(
      { code: 'MERKLE_ROOT_WRONG', verdict: 'reject' },
      'What the body holds is not what the header was signed for.',
    );
  const names = body.attachments.map((data) => hex(sha256(data)));
  if (body.proof !== null && names.length > 0) {
    const named = namesIn(body.proof);
    if (names.some((name) => !named.has(name)))
      throw new BlockFormatError(
        { code: 'ATTACHMENT_UNNAMED', verdict: 'reject' },
        'The block carries an attachment that its proof does not name.',
      );
  }
  return {
    transactions: body.transactions.map((encoded) => (signatures ? openTransaction : readTransaction)(encoded)),
    updates: [...body.updates],
    proof: body.proof,
    attachments: [...body.attachments],
    names,
    leaves,
    readers: sealed.readers.length,
    canonicalBytes: opened.body.length,
    compressedBytes: opened.compressedBytes,
    paddingBytes: opened.paddingBytes,
  };
};

const checkItem = (item: CheckItem, signatures: boolean): CheckOutput => {
  let read: ReturnType<typeof openHeader>;
  try {
    read = signatures ? openHeader(item.header) : readHeader(item.header);
  } catch (error) {
    const finding = findingOf(error);
    if (finding === null) throw error;
    return { header: null, headerFinding: finding };
  }
  const header: CheckedHeader = { header: read.header, hash: read.hash };
  try {
    return { header, body: openBody(item, read.payload, read.header.merkleRoot, signatures), bodyFinding: null };
  } catch (error) {
    const finding = findingOf(error);
    if (finding === null) throw error;
    return { header, body: null, bodyFinding: finding };
  }
};

/** Merkle root, header and sealed body of a new block. */
export const buildBlock = ({ header, body, readers, random }: BuildInput): BuildOutput => {
  const encoded = encodeBody(body);
  if (encoded.length > BODY_BYTES_MAX) return { ok: false, bytes: encoded.length };
  const merkleRoot = bodyRoot(body);
  const payload = encodeHeader({ ...header, merkleRoot });
  const { sealed, compressedBytes, paddingBytes } = sealBody(encoded, payload, readers, random);
  return { ok: true, payload, merkleRoot, sealed, canonicalBytes: encoded.length, compressedBytes, paddingBytes };
};

/**
 * Takes blocks apart and says of each what holds by itself, without the blocks before it. Compressed bodies can grow a
 * thousandfold: once those so far have {@link CHECK_BYTES_MAX}, the rest is left for another time.
 *
 * @returns one for each block, or for as many as were looked at; at least one
 */
export const checkBlocks = ({ items, signatures }: CheckInput): CheckOutput[] => {
  const results: CheckOutput[] = [];
  let bytes = 0;
  for (const item of items) {
    if (bytes >= CHECK_BYTES_MAX) break;
    const result = checkItem(item, signatures);
    results.push(result);
    if (result.header !== null) bytes += result.body?.canonicalBytes ?? item.sealed?.length ?? 0;
  }
  return results;
};
