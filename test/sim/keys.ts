import { createHash } from 'node:crypto';
import { decodeCbor, encodeCbor } from '../../main/base/index.ts';
import {
  ed25519PublicKey,
  FALCON_PUBLIC_BYTES,
  FALCON_SIGNATURE_BYTES,
  keyIdBytesOf,
  type KeyIdBytes,
  type SignerKeys,
} from '../../main/base/crypto/index.ts';
import {
  encodeTransaction,
  readTransaction,
  type SignedTransaction,
  type Transaction,
} from '../../main/kernel/blocks/index.ts';
import type {
  ProposalContent,
  SignatureCheck,
  VoteContent,
  VoteSignature,
  VoteSigner,
} from '../../main/kernel/consensus/interface.ts';

// Signatures of a simulation: hashes with a key that only the signer and this file know. Nobody in a run can make another's, which
// is all that the ledger relies on; the real ones cost 15 ms each and have tests of their own.

/** Keys of somebody in a run. */
export interface SimKeys {
  /** For people: `n0`, `alice`. */
  readonly name: string;
  readonly id: KeyIdBytes;
  /** `id` in hex. */
  readonly hex: string;
  readonly keys: SignerKeys;
  readonly secret: Uint8Array;
}

const hash = (...parts: readonly (string | Uint8Array)[]): Buffer => {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part);
  return sum.digest();
};

const known = new Map<string, SimKeys>();
const byId = new Map<string, SimKeys>();
const byPublic = new Map<string, SimKeys>();
/** The same keys for a name in every run, so that they are made once. */
export const keysOf = (name: string): SimKeys => {
  let found = known.get(name);
  if (found === undefined) {
    const secret = hash('secret', name);
    const keys: SignerKeys = {
      ed25519: ed25519PublicKey(secret),
      falcon1024: new Uint8Array(FALCON_PUBLIC_BYTES).fill(secret[0]!, 32),
    };
    // First byte as in every FALCON-1024 key: its degree, 2^10.
    keys.falcon1024[0] = 0x0a;
    keys.falcon1024.set(hash('falcon', secret).subarray(0, 31), 1);
    const id = keyIdBytesOf(keys);
    found = { name, id, hex: Buffer.from(id).toString('hex'), keys, secret };
    known.set(name, found);
    byId.set(found.hex, found);
    byPublic.set(latin(keys.ed25519), found);
  }
  return found;
};
export const keysOfId = (id: Uint8Array): SimKeys | undefined => byId.get(Buffer.from(id).toString('hex'));

const FILLER = new Uint8Array(FALCON_SIGNATURE_BYTES);
const signatureHash = (keys: SimKeys, domain: string, payload: string | Uint8Array): Buffer =>
  hash(keys.secret, domain, payload);
/** The hash twice in one, once in the other, and nothing else: every bit of either counts. */
const seal = (keys: SimKeys, domain: string, payload: string | Uint8Array): VoteSignature => {
  const sum = signatureHash(keys, domain, payload);
  const ed25519 = new Uint8Array(64);
  ed25519.set(sum);
  ed25519.set(sum, 32);
  const falcon1024 = new Uint8Array(FALCON_SIGNATURE_BYTES);
  falcon1024.set(sum);
  return { ed25519, falcon1024 };
};
const holds = (
  keys: SimKeys | undefined,
  domain: string,
  payload: string | Uint8Array,
  { ed25519, falcon1024 }: VoteSignature,
): boolean => {
  if (keys === undefined || ed25519.length !== 64 || falcon1024.length !== FALCON_SIGNATURE_BYTES) return false;
  const sum = signatureHash(keys, domain, payload);
  return (
    sum.compare(ed25519, 0, 32) === 0 &&
    sum.compare(ed25519, 32, 64) === 0 &&
    sum.compare(falcon1024, 0, 32) === 0 &&
    Buffer.compare(FILLER.subarray(32), falcon1024.subarray(32)) === 0
  );
};

const hexOf = (bytes: Uint8Array | null): string =>
  bytes === null ? '-' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
const voteText = ({ network, kind, height, round, block }: VoteContent): string =>
  `${hexOf(network)} ${kind} ${height} ${round} ${hexOf(block)}`;
const proposalText = ({ network, height, round, validRound, block }: ProposalContent): string =>
  `${hexOf(network)} ${height} ${round} ${validRound} ${hexOf(block)}`;

/** @param onSign - hears of everything that is signed, before it is */
export const createVoteSigner = (
  keys: SimKeys,
  onSign: (what: { kind: 'vote'; content: VoteContent } | { kind: 'proposal'; content: ProposalContent }) => void,
): VoteSigner => ({
  id: keys.id,
  keys: keys.keys,
  vote: (content) => {
    onSign({ kind: 'vote', content });
    return Promise.resolve(seal(keys, 'vote', voteText(content)));
  },
  propose: (content) => {
    onSign({ kind: 'proposal', content });
    return Promise.resolve(seal(keys, 'proposal', proposalText(content)));
  },
});

const latin = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
const keysFor = (keys: SignerKeys): SimKeys | undefined => {
  const found = byPublic.get(latin(keys.ed25519));
  return found !== undefined && Buffer.compare(found.keys.falcon1024, keys.falcon1024) === 0 ? found : undefined;
};

/** Whether a vote's signature holds; also for those who judge a run. */
export const isVoteSigned = (keys: SignerKeys, content: VoteContent, signature: VoteSignature): boolean =>
  holds(keysFor(keys), 'vote', voteText(content), signature);

export const isProposalSigned = (keys: SignerKeys, content: ProposalContent, signature: VoteSignature): boolean =>
  holds(keysFor(keys), 'proposal', proposalText(content), signature);
export const sealVote = (keys: SimKeys, content: VoteContent): VoteSignature => seal(keys, 'vote', voteText(content));

export const sealProposal = (keys: SimKeys, content: ProposalContent): VoteSignature =>
  seal(keys, 'proposal', proposalText(content));

/** A signed record as base/crypto writes it, but for the signatures. */
export const sealRecord = (keys: SimKeys, domain: string, payload: Uint8Array): Uint8Array =>
  encodeCbor({ v: 1, domain, payload, signer: keys.keys, signatures: seal(keys, `record ${domain}`, payload) });

export const signTransaction = (keys: SimKeys, transaction: Omit<Transaction, 'version'>): Uint8Array =>
  sealRecord(keys, 'transaction', encodeTransaction({ version: 1, ...transaction }));

/** What is known of a record is known of it on every node: checked once in a run, as long as it lies around. */
const read = new Map<string, SignedTransaction | null>();
const READ_MAX = 4096;
const openRecord = (encoded: Uint8Array): SignedTransaction | null => {
  const name = hash(encoded).toString('base64');
  let found = read.get(name);
  if (found === undefined) {
    found = openFresh(encoded);
    if (read.size >= READ_MAX) read.clear();
    read.set(name, found);
  }
  return found;
};
const openFresh = (encoded: Uint8Array): SignedTransaction | null => {
  try {
    const signed = readTransaction(encoded);
    const { domain, payload, signatures } = recordParts(encoded);
    return domain === 'transaction' && holds(keysOfId(signed.signerBytes), 'record transaction', payload, signatures)
      ? signed
      : null;
  } catch {
    return null;
  }
};
const recordParts = (encoded: Uint8Array): { domain: string; payload: Uint8Array; signatures: VoteSignature } =>
  decodeCbor(encoded) as { domain: string; payload: Uint8Array; signatures: VoteSignature };

export const createSignatureCheck = (): SignatureCheck => ({
  votes: (items) =>
    Promise.resolve(items.map(({ keys, content, signature }) => isVoteSigned(keys, content, signature))),
  proposal: (keys, content, signature) => Promise.resolve(isProposalSigned(keys, content, signature)),
  transactions: (encoded) => Promise.resolve(encoded.map(openRecord)),
});
