import { encodeCbor, sha256 } from '../../../base/index.ts';
import { merkleLeaf, merkleRoot } from '../../../base/crypto/index.ts';
import type { Hash } from '../../blocks/index.ts';
import {
  BLOCK_BYTES_MAX,
  COMMIT_BYTES_MAX,
  EVIDENCE_BYTES_MAX,
  EVIDENCE_MAX,
  HEADER_BYTES_MAX,
  LEDGER_VERSION,
  PARAM_BOUNDS,
} from '../constants.ts';
import type { Commit, LedgerBlock, LedgerHeader } from '../interface.ts';
import { commitHash, decodeCommit, encodeCommit } from './commit.ts';
import { decodeHeader, encodeHeader } from './header.ts';
import { createReader, sameBytes } from './reader.ts';

// docs/formats/ledger-block.md

const read = createReader('The block');
const TRANSACTIONS_MAX = PARAM_BOUNDS.transactionsMax[1];
const ITEMS_MAX = TRANSACTIONS_MAX + EVIDENCE_MAX + 16;
const FIELDS = ['v', 'header', 'evidence', 'lastCommit', 'transactions'] as const;

/** RFC 6962 root over encoded transactions, or over encoded evidence. */
export const rootOf = (encoded: readonly Uint8Array[]): Hash => merkleRoot(encoded.map(merkleLeaf));

/** Fills in what the header says of the rest. */
export const createBlock = (
  header: Omit<LedgerHeader, 'version' | 'transactions' | 'evidence' | 'lastCommit'>,
  body: { transactions: readonly Uint8Array[]; evidence: readonly Uint8Array[]; lastCommit: Commit | null },
): LedgerBlock => {
  const whole: LedgerHeader = {
    ...header,
    version: 1,
    transactions: rootOf(body.transactions),
    evidence: rootOf(body.evidence),
    lastCommit: commitHash(body.lastCommit),
  };
  return { header: whole, hash: sha256(encodeHeader(whole)), ...body };
};

export const encodeBlock = (block: LedgerBlock): Uint8Array =>
  encodeCbor({
    v: LEDGER_VERSION,
    header: encodeHeader(block.header),
    evidence: block.evidence,
    lastCommit: block.lastCommit === null ? null : encodeCommit(block.lastCommit),
    transactions: block.transactions,
  });

/**
 * Form, and that header and body belong together. The largest, of 4 MiB, takes some milliseconds.
 *
 * @throws {ConsensusFormatError}
 */
export const decodeBlock = (encoded: Uint8Array): LedgerBlock => {
  const fields = read.map(encoded, FIELDS, { bytesMax: BLOCK_BYTES_MAX, itemsMax: ITEMS_MAX });
  const headerBytes = read.bytesUpTo(fields.header, HEADER_BYTES_MAX, 'its header');
  const header = decodeHeader(headerBytes);
  const transactions = read
    .list(fields.transactions, TRANSACTIONS_MAX, 'the list of transactions')
    .map((one) => read.bytesUpTo(one, PARAM_BOUNDS.blockBytesMax[1], 'a transaction'));
  const evidence = read
    .list(fields.evidence, EVIDENCE_MAX, 'the list of evidence')
    .map((one) => read.bytesUpTo(one, EVIDENCE_BYTES_MAX, 'a piece of evidence'));
  const lastCommit =
    fields.lastCommit === null
      ? null
      : decodeCommit(read.bytesUpTo(fields.lastCommit, COMMIT_BYTES_MAX, 'the commit of the block before'));
  if ((lastCommit === null) !== (header.height === 1))
    throw read.malformed('the first block alone has no commit of the one before');
  if (lastCommit !== null && (lastCommit.height !== header.height - 1 || !sameBytes(lastCommit.block, header.previous)))
    throw read.malformed('its commit is not that of the block before');
  if (!sameBytes(header.transactions, rootOf(transactions))) throw read.malformed('its header has other transactions');
  if (!sameBytes(header.evidence, rootOf(evidence))) throw read.malformed('its header has other evidence');
  if (!sameBytes(header.lastCommit, commitHash(lastCommit))) throw read.malformed('its header has another commit');
  return { header, hash: sha256(headerBytes), transactions, evidence, lastCommit };
};

/** What counts against `blockBytesMax`. */
export const bodyBytesOf = (block: Pick<LedgerBlock, 'transactions' | 'evidence'>): number =>
  [...block.transactions, ...block.evidence].reduce((sum, { length }) => sum + length, 0);
