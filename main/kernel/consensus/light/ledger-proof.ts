import { encodeCbor } from '../../../base/index.ts';
import { LEDGER_PROOF_BYTES_MAX, LEDGER_VERSION, PROOF_PATH_MAX } from '../constants.ts';
import { type LightBlock, lightBlockValue, readLightBlock } from '../formats/light-block.ts';
import { createReader } from '../formats/reader.ts';
import { PROOF_BYTES_MAX, type StateProof } from '../state/index.ts';

// docs/formats/ledger-proof.md

/** Convinces whoever has the network's genesis of one value of the ledger, or of its absence. */
export interface LedgerProof {
  /** Leads from the genesis' set to the one that signed `block`; empty where enough of the first signed it. */
  path: readonly LightBlock[];
  /** The block whose state it is about. */
  block: LightBlock;
  key: string;
  state: StateProof;
}

const read = createReader('The proof about the ledger');
/** Printable ASCII, as keys of every state here. */
const STATE_KEY = /^[\x21-\x7e]{1,256}$/;

export const encodeLedgerProof = ({ path, block, key, state }: LedgerProof): Uint8Array =>
  encodeCbor({ v: LEDGER_VERSION, path: path.map(lightBlockValue), block: lightBlockValue(block), key, state });

/** Form alone. @throws {ConsensusFormatError} */
export const decodeLedgerProof = (encoded: Uint8Array): LedgerProof => {
  const fields = read.map(encoded, ['v', 'path', 'block', 'key', 'state'], {
    bytesMax: LEDGER_PROOF_BYTES_MAX,
    itemsMax: 16 + 4 * PROOF_PATH_MAX,
  });
  return {
    path: read.list(fields.path, PROOF_PATH_MAX, 'its path').map((one) => readLightBlock(one, read)),
    block: readLightBlock(fields.block, read),
    key: read.text(fields.key, STATE_KEY, 'its key'),
    state: read.bytesUpTo(fields.state, PROOF_BYTES_MAX, 'its proof of the state'),
  };
};
