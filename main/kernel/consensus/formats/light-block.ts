import { encodeCbor } from '../../../base/index.ts';
import { COMMIT_BYTES_MAX, HEADER_BYTES_MAX, LEDGER_VERSION, SET_BYTES_MAX } from '../constants.ts';
import type { Commit, LedgerHeader, Validator } from '../interface.ts';
import { decodeCommit, encodeCommit } from './commit.ts';
import { decodeHeader, encodeHeader } from './header.ts';
import { createReader, type Reader } from './reader.ts';
import { decodeValidators, encodeValidators } from './validators.ts';

// docs/formats/ledger-proof.md, section "Light block"

/** What shows that a block is final, without what is in it. */
export interface LightBlock {
  header: LedgerHeader;
  commit: Commit;
  /** The set that signed. */
  validators: readonly Validator[];
}

const FIELDS = ['header', 'commit', 'validators'] as const;
/** Header, commit and set of the largest size, and the frame. */
export const LIGHT_BLOCK_BYTES_MAX: number = HEADER_BYTES_MAX + COMMIT_BYTES_MAX + SET_BYTES_MAX + 64;

export const lightBlockValue = ({ header, commit, validators }: LightBlock): Record<string, unknown> => ({
  header: encodeHeader(header),
  commit: encodeCommit(commit),
  validators: encodeValidators(validators),
});
export const readLightBlock = (value: unknown, reader: Reader): LightBlock => {
  const fields = reader.fields(value, FIELDS, 'a light block');
  return {
    header: decodeHeader(reader.bytesUpTo(fields.header, HEADER_BYTES_MAX, 'a header')),
    commit: decodeCommit(reader.bytesUpTo(fields.commit, COMMIT_BYTES_MAX, 'a commit')),
    validators: decodeValidators(reader.bytesUpTo(fields.validators, SET_BYTES_MAX, 'a set of validators')),
  };
};

const read = createReader('The light block');
export const encodeLightBlock = (block: LightBlock): Uint8Array =>
  encodeCbor({ v: LEDGER_VERSION, ...lightBlockValue(block) });
/** @throws {ConsensusFormatError} */
export const decodeLightBlock = (encoded: Uint8Array): LightBlock => {
  const { v: _, ...rest } = read.map(encoded, ['v', ...FIELDS], { bytesMax: LIGHT_BLOCK_BYTES_MAX, itemsMax: 8 });
  return readLightBlock(rest, read);
};
