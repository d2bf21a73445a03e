import { encodeCbor, sha256 } from '../../../base/codec.ts';
import { isNodeError } from '../../../base/errors.ts';
import { combinedFields, parseCombined } from '../combined/format.ts';
import { ProofFileError } from '../errors.ts';
import type { Attachments, CombinedProof } from '../interface.ts';
import { bytesUpTo, decodeStrict, fieldsOf, literalOf, malformed, versionOf } from '../strict.ts';

// The format of docs/formats/proof-file.md.

export const PROOF_FILE_VERSION = 1;
export const PROOF_FILE_KIND = 'hypermesh-proof';
/** Largest proof file that is read at all; the contract has the same number for faces. */
export const PROOF_FILE_BYTES_LIMIT = 4 * 1024 * 1024;
/** As many openings as a proof of space has plots. */
export const ATTACHMENTS_MAX = 4;
export const ATTACHMENT_BYTES_MAX = 3 * 1024 * 1024;

export interface ProofFile {
  proof: CombinedProof;
  /** What the proofs refer to, by the SHA-256 (hex) of the bytes. */
  attachments: Attachments;
}

const NAME = /^[0-9a-f]{64}$/;

/** Each is named by its own bytes, and one of the four proofs names it: nothing rides along that nobody signed for. */
const checkAttachments = ({ proof, attachments }: ProofFile): void => {
  if (attachments.size > ATTACHMENTS_MAX) throw malformed(`there are more than ${ATTACHMENTS_MAX} attachments`);
  for (const [name, bytes] of attachments) {
    if (!NAME.test(name)) throw malformed('an attachment is not named by 64 hex digits');
    const hash = Buffer.from(sha256(bytes));
    if (hash.toString('hex') !== name) throw malformed('an attachment is not what its name says');
    const isNamed = [proof.space, proof.work, proof.time, proof.stake].some((part) => Buffer.from(part).includes(hash));
    if (!isNamed) throw malformed('an attachment is there that no proof names');
  }
};

/** @throws {ProofFormatError} when something breaks a limit of the format */
export const encodeProofFile = (file: ProofFile): Uint8Array => {
  checkAttachments(file);
  const encoded = encodeCbor({
    v: PROOF_FILE_VERSION,
    kind: PROOF_FILE_KIND,
    proof: combinedFields(file.proof),
    attachments: Object.fromEntries(file.attachments),
  });
  // Whatever is written can be read.
  decodeProofFile(encoded);
  return encoded;
};

/** @throws {ProofFileError} `PROOF_UNREADABLE` when it is not a proof file in its one encoding */
export const decodeProofFile = (encoded: Uint8Array): ProofFile => {
  try {
    return parse(encoded);
  } catch (error) {
    if (!isNodeError(error)) throw error;
    const problem =
      'problem' in error.data && typeof error.data.problem === 'string' ? error.data.problem : error.message;
    throw new ProofFileError(
      { code: 'PROOF_UNREADABLE', problem, verdict: 'reject' },
      `This is not a proof file that can be read (${problem}); ask for it again.`,
      { cause: error },
    );
  }
};

const parse = (encoded: Uint8Array): ProofFile => {
  const value = decodeStrict(encoded, PROOF_FILE_BYTES_LIMIT, 'The proof file');
  const fields = fieldsOf(value, ['v', 'kind', 'proof', 'attachments'], 'the proof file');
  literalOf(fields.kind, PROOF_FILE_KIND, 'the kind of the file');
  versionOf(fields.v, PROOF_FILE_VERSION, 'The proof file');
  const named = fields.attachments;
  if (typeof named !== 'object' || named === null || Array.isArray(named) || named instanceof Uint8Array)
    throw malformed('the attachments are not a map');
  const attachments = new Map(
    Object.entries(named).map(
      ([name, bytes]) => [name, bytesUpTo(bytes, ATTACHMENT_BYTES_MAX, 'an attachment')] as const,
    ),
  );
  const file: ProofFile = { proof: parseCombined(fields.proof), attachments };
  checkAttachments(file);
  return file;
};
