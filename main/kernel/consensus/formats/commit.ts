import { assert, encodeCbor, sha256 } from '../../../base/index.ts';
import { ED25519_SIGNATURE_BYTES, FALCON_SIGNATURE_BYTES } from '../../../base/crypto/index.ts';
import type { Hash } from '../../blocks/index.ts';
import { COMMIT_BYTES_MAX, LEDGER_VERSION, VALIDATORS_MAX } from '../constants.ts';
import type { Commit, VoteSignature } from '../interface.ts';
import { createReader, type Reader } from './reader.ts';

// docs/formats/ledger-block.md, section "Commit"

const read = createReader('The commit');
const ITEMS_MAX = 8 + 3 * VALIDATORS_MAX;

export const readSignature = (value: unknown, reader: Reader): VoteSignature => {
  const fields = reader.fields(value, ['ed25519', 'falcon1024'], 'a signature');
  return {
    ed25519: reader.bytes(fields.ed25519, ED25519_SIGNATURE_BYTES, 'an Ed25519 signature'),
    falcon1024: reader.bytes(fields.falcon1024, FALCON_SIGNATURE_BYTES, 'a FALCON-1024 signature'),
  };
};
export const signatureValue = ({ ed25519, falcon1024 }: VoteSignature): unknown => ({ ed25519, falcon1024 });

export const encodeCommit = (commit: Commit): Uint8Array => {
  assert(commit.signatures.length <= VALIDATORS_MAX, 'A commit has a place for each validator and no more.');
  return encodeCbor({
    v: LEDGER_VERSION,
    height: commit.height,
    round: commit.round,
    block: commit.block,
    signatures: commit.signatures.map((one) => (one === null ? null : signatureValue(one))),
  });
};

/** Form alone; whether it convinces tells `verifyCommit`. @throws {ConsensusFormatError} */
export const decodeCommit = (encoded: Uint8Array): Commit => {
  const fields = read.map(encoded, ['v', 'height', 'round', 'block', 'signatures'], {
    bytesMax: COMMIT_BYTES_MAX,
    itemsMax: ITEMS_MAX,
  });
  const signatures = read.list(fields.signatures, VALIDATORS_MAX, 'the list of signatures');
  if (signatures.every((one) => one === null)) throw read.malformed('nobody signed it');
  return {
    height: read.height(fields.height),
    round: read.round(fields.round),
    block: read.hash(fields.block, 'its block'),
    signatures: signatures.map((one) => (one === null ? null : readSignature(one, read))),
  };
};

/** What the next header names it by; null, at height 1, is nothing. */
export const commitHash = (commit: Commit | null): Hash =>
  sha256(commit === null ? new Uint8Array() : encodeCommit(commit));
