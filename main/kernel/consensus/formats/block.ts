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
import type { LedgerBlock, LedgerHeader } from '../interface.ts';
import { atOnce, type Steps } from '../turns.ts';
import { commitHash, decodeCommit, encodeCommit } from './commit.ts';
import { decodeHeader, encodeHeader } from './header.ts';
import { createReader, sameBytes } from './reader.ts';

// docs/formats/ledger-block.md

const read = createReader('The block');
const TRANSACTIONS_MAX = PARAM_BOUNDS.transactionsMax[1];
const ITEMS_MAX = TRANSACTIONS_MAX + EVIDENCE_MAX + 16;
const FIELDS = ['v', 'header', 'evidence', 'lastCommit', 'transactions'] as const;

/** RFC 6962 root over encoded transactions, or over encoded evidence. */
const rootSteps = function* (encoded: readonly Uint8Array[]): Steps<Hash> {
  const leaves: Hash[] = [];
  for (const one of encoded) {
    leaves.push(merkleLeaf(one));
    yield;
  }
  return merkleRoot(leaves);
};
export const rootOf = (encoded: readonly Uint8Array[]): Hash => atOnce(rootSteps(encoded));

type HeaderInit = Omit<LedgerHeader, 'version' | 'transactions' | 'evidence' | 'lastCommit'>;
type BlockBody = Pick<LedgerBlock, 'transactions' | 'evidence' | 'lastCommit'>;
/** Fills in what the header says of the rest. */
export const createBlockSteps = function* (header: HeaderInit, body: BlockBody): Steps<LedgerBlock> {
  const whole: LedgerHeader = {
    ...header,
    version: 1,
    transactions: yield* rootSteps(body.transactions),
    evidence: rootOf(body.evidence),
    lastCommit: commitHash(body.lastCommit),
  };
  return { header: whole, hash: sha256(encodeHeader(whole)), ...body };
};
export const createBlock = (header: HeaderInit, body: BlockBody): LedgerBlock => atOnce(createBlockSteps(header, body));

export const encodeBlock = (block: LedgerBlock): Uint8Array =>
  encodeCbor({
    v: LEDGER_VERSION,
    header: encodeHeader(block.header),
    evidence: block.evidence,
    lastCommit: block.lastCommit === null ? null : encodeCommit(block.lastCommit),
    transactions: block.transactions,
  });

/**
 * Form, and that header and body belong together. The largest, of 4 MiB, takes some 20 ms, its longest step some five.
 *
 * @throws {ConsensusFormatError}
 */
export const decodeBlockSteps = function* (encoded: Uint8Array): Steps<LedgerBlock> {
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
  yield;
  if (!sameBytes(header.transactions, yield* rootSteps(transactions)))
    throw read.malformed('its header has other transactions');
  if (!sameBytes(header.evidence, rootOf(evidence))) throw read.malformed('its header has other evidence');
  if (!sameBytes(header.lastCommit, commitHash(lastCommit))) throw read.malformed('its header has another commit');
  return { header, hash: sha256(headerBytes), transactions, evidence, lastCommit };
};
/** The same at once. @throws {ConsensusFormatError} */
export const decodeBlock = (encoded: Uint8Array): LedgerBlock => atOnce(decodeBlockSteps(encoded));

/** What counts against `blockBytesMax`. */
export const bodyBytesOf = (block: Pick<LedgerBlock, 'transactions' | 'evidence'>): number =>
  [...block.transactions, ...block.evidence].reduce((sum, { length }) => sum + length, 0);
