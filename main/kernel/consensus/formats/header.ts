import { encodeCbor, sha256 } from '../../../base/index.ts';
import type { Hash } from '../../blocks/index.ts';
import { HEADER_BYTES_MAX, LEDGER_VERSION, TIME_MS_MAX } from '../constants.ts';
import type { LedgerHeader } from '../interface.ts';
import { createReader } from './reader.ts';

// docs/formats/ledger-block.md

const read = createReader('The header');
const HASHES = [
  'network',
  'previous',
  'proposer',
  'transactions',
  'evidence',
  'lastCommit',
  'stateRoot',
  'validators',
  'nextValidators',
] as const;
const FIELDS = ['v', 'height', 'timeMs', ...HASHES] as const;

export const encodeHeader = (header: LedgerHeader): Uint8Array =>
  encodeCbor({
    v: LEDGER_VERSION,
    height: header.height,
    timeMs: header.timeMs,
    ...Object.fromEntries(HASHES.map((name) => [name, header[name]])),
  });

/** @throws {ConsensusFormatError} */
export const decodeHeader = (encoded: Uint8Array): LedgerHeader => {
  const fields = read.map(encoded, FIELDS, { bytesMax: HEADER_BYTES_MAX, itemsMax: FIELDS.length + 1 });
  const hash = (name: (typeof HASHES)[number]): Hash => read.hash(fields[name], name);
  return {
    version: 1,
    network: hash('network'),
    height: read.height(fields.height),
    previous: hash('previous'),
    timeMs: read.whole(fields.timeMs, 0, TIME_MS_MAX, 'its time'),
    proposer: hash('proposer'),
    transactions: hash('transactions'),
    evidence: hash('evidence'),
    lastCommit: hash('lastCommit'),
    stateRoot: hash('stateRoot'),
    validators: hash('validators'),
    nextValidators: hash('nextValidators'),
  };
};

/** What a block is named by, and what is voted for. @param header - or its encoding */
export const headerHash = (header: LedgerHeader | Uint8Array): Hash =>
  sha256(header instanceof Uint8Array ? header : encodeHeader(header));
