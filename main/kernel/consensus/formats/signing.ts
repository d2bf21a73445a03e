import { decodeCbor, encodeCbor } from '../../../base/index.ts';
import { type Domain, RECORD_VERSION, type Signer, type SignerKeys } from '../../../base/crypto/index.ts';
import type { ProposalContent, VoteContent, VoteSignature, VoteSigner } from '../interface.ts';
import { proposalPayload, votePayload } from './vote.ts';

// docs/formats/consensus-vote.md, section "What is signed"

/** The signed record that a signature was taken out of: keys are known from the set, and the words from the vote. */
const recordOf = (
  domain: Domain,
  keys: SignerKeys,
  payload: Uint8Array,
  { ed25519, falcon1024 }: VoteSignature,
): Uint8Array =>
  encodeCbor({
    v: RECORD_VERSION,
    domain,
    payload,
    signer: { ed25519: keys.ed25519, falcon1024: keys.falcon1024 },
    signatures: { ed25519, falcon1024 },
  });
export const voteRecord = (keys: SignerKeys, content: VoteContent, signature: VoteSignature): Uint8Array =>
  recordOf('consensus-vote', keys, votePayload(content), signature);
export const proposalRecord = (keys: SignerKeys, content: ProposalContent, signature: VoteSignature): Uint8Array =>
  recordOf('consensus-proposal', keys, proposalPayload(content), signature);

/** Signs as a validator. Nothing here keeps it from contradicting itself: that is the core's part, and the store's. */
export const createVoteSigner = (signer: Signer): VoteSigner => {
  const sign = async (domain: Domain, payload: Uint8Array): Promise<VoteSignature> => {
    const record = decodeCbor(await signer.sign(domain, payload)) as { signatures: VoteSignature };
    return { ed25519: record.signatures.ed25519, falcon1024: record.signatures.falcon1024 };
  };
  return {
    id: signer.keyIdBytes,
    keys: signer.keys,
    vote: (content) => sign('consensus-vote', votePayload(content)),
    propose: (content) => sign('consensus-proposal', proposalPayload(content)),
  };
};
