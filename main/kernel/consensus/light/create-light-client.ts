import type { Hash } from '../../blocks/index.ts';
import { ConsensusProofError } from '../errors.ts';
import { networkOf } from '../formats/genesis.ts';
import { headerHash } from '../formats/header.ts';
import type { LightBlock } from '../formats/light-block.ts';
import { hexOf, sameBytes } from '../formats/reader.ts';
import { isMoreThanAThird, powerOf, setHash, sortValidators } from '../formats/validators.ts';
import type { Genesis, LedgerHeader, SignatureCheck, Validator } from '../interface.ts';
import { verifyStateProof } from '../state/index.ts';
import { decodeLedgerProof } from './ledger-proof.ts';
import { checkCommitForm, verifyCommit } from './verify-commit.ts';

/** Where a light client stands. */
export interface Trusted {
  height: number;
  /** Of the header; the network at height 0. */
  hash: Hash;
  timeMs: number;
  /** Hash of the set that signs the next block. */
  nextValidators: Hash;
  /** The set that signed this one; at height 0, that of the genesis. */
  validators: readonly Validator[];
}
export interface LightClient {
  readonly network: Hash;
  trusted(): Trusted;
  /**
   * Goes on to a later block: the next one, or any whose set is the one that is expected, or of which validators with more than a
   * third of the trusted power signed.
   *
   * @param nowMs - by the clock of whoever asks; for `trustMs`
   * @throws {ConsensusProofError} nothing has changed then. `NOT_TRUSTED`: a block in between may help
   */
  follow(block: LightBlock, nowMs: number): Promise<Trusted>;
  /**
   * Reads a value of the ledger, as of the block that the proof is about. What is trusted does not change.
   *
   * @returns `value`: null where there is none
   * @throws {ConsensusProofError | ConsensusFormatError | StateError}
   */
  read(proof: Uint8Array, nowMs: number): Promise<LedgerReading>;
}
export interface LedgerReading {
  header: LedgerHeader;
  key: string;
  value: Uint8Array | null;
  /** Who signed the block, of how much power in all. */
  signers: readonly Validator[];
  total: number;
}
export interface LightClientComponents {
  genesis: Genesis;
  check: SignatureCheck;
}
export interface LightClientInit {
  /**
   * For how long those who once were validators are believed: as long as their stake can still be taken for a lie. Null: for good, as
   * with a receipt that is read years later; whoever buys old keys of a third could deceive such a reader.
   */
  trustMs: number | null;
  /** Where it stood when it was last used. @default the genesis */
  trusted?: Trusted;
}

const notTrusted = (header: LedgerHeader, trusted: Trusted, problem: string): ConsensusProofError =>
  new ConsensusProofError(
    { code: 'NOT_TRUSTED', height: header.height, trustedHeight: trusted.height, problem, verdict: 'ignore' },
    `Nothing leads from height ${trusted.height}, which is trusted, to height ${header.height} (${problem}); a block in between may.`,
  );
const headerWrong = (problem: string): ConsensusProofError =>
  new ConsensusProofError(
    { code: 'HEADER_WRONG', problem, verdict: 'reject' },
    `The header does not follow the one that is trusted (${problem}); whoever sent it lies, or is of another network.`,
  );

/** Where everybody begins. */
export const genesisTrust = (genesis: Genesis): Trusted => {
  const validators = sortValidators(genesis.validators);
  return {
    height: 0,
    hash: networkOf(genesis),
    timeMs: genesis.createdAtMs,
    nextValidators: setHash(validators),
    validators,
  };
};

const checkSet = ({ header, validators }: Pick<LightBlock, 'header' | 'validators'>): void => {
  if (!sameBytes(setHash(validators), header.validators))
    throw new ConsensusProofError(
      { code: 'SET_WRONG', problem: 'the set is not the one that the header names', verdict: 'reject' },
      'The set of validators is not the one that the header names; ask somebody else for it.',
    );
};

/**
 * All but the signatures.
 *
 * @throws {ConsensusProofError} why nothing leads from what is trusted to that block
 */
export const checkLightStep = (
  network: Hash,
  trusted: Trusted,
  { header, commit, validators }: LightBlock,
  age: { nowMs: number; trustMs: number | null },
): void => {
  if (!sameBytes(header.network, network))
    throw new ConsensusProofError(
      { code: 'NETWORK_WRONG', verdict: 'reject' },
      'The header is of another network than the genesis that was given.',
    );
  if (header.height <= trusted.height) throw headerWrong('it is no later one');
  if (header.timeMs <= trusted.timeMs) throw headerWrong('its time is not later');
  checkSet({ header, validators });
  checkCommitForm(commit, { height: header.height, block: headerHash(header), validators });
  const isExpected = sameBytes(header.validators, trusted.nextValidators);
  if (header.height === trusted.height + 1) {
    if (!sameBytes(header.previous, trusted.hash)) throw headerWrong('it follows another block');
    if (!isExpected) throw headerWrong('another set signs it than was named before');
    return;
  }
  if (isExpected) return;
  if (age.trustMs !== null && age.nowMs - trusted.timeMs > age.trustMs)
    throw notTrusted(header, trusted, 'what is trusted is too old');
  const signers = new Set(validators.filter((_, place) => commit.signatures[place] != null).map(({ id }) => hexOf(id)));
  const power = powerOf(trusted.validators.filter(({ id }) => signers.has(hexOf(id))));
  if (!isMoreThanAThird(power, powerOf(trusted.validators)))
    throw notTrusted(header, trusted, 'too few of the validators that are trusted signed it');
};

/** Where a block leads whose step from what was trusted holds. */
export const trustIn = ({ header, validators }: LightBlock): Trusted => ({
  height: header.height,
  hash: headerHash(header),
  timeMs: header.timeMs,
  nextValidators: header.nextValidators,
  validators,
});

/** Follows from the genesis with headers and signatures alone. */
export const createLightClient = (components: LightClientComponents, init: LightClientInit): LightClient => {
  const { genesis, check } = components;
  const network = networkOf(genesis);
  let trusted = init.trusted ?? genesisTrust(genesis);

  const verifySignatures = ({ header, commit, validators }: LightBlock): Promise<void> =>
    verifyCommit({ check }, commit, { network, height: header.height, block: headerHash(header), validators });
  const step = async (from: Trusted, block: LightBlock, nowMs: number): Promise<Trusted> => {
    checkLightStep(network, from, block, { nowMs, trustMs: init.trustMs });
    await verifySignatures(block);
    return trustIn(block);
  };

  return {
    network,
    trusted: () => trusted,
    follow: async (block, nowMs) => {
      const next = await step(trusted, block, nowMs);
      // Two at once: the later one stays.
      if (next.height > trusted.height) trusted = next;
      return trusted;
    },
    read: async (encoded, nowMs) => {
      const { path, block, key, state } = decodeLedgerProof(encoded);
      const { header, commit, validators } = block;
      const isKnown = header.height === trusted.height && sameBytes(headerHash(header), trusted.hash);
      if (isKnown) {
        checkSet(block);
        await verifySignatures(block);
      } else {
        // A proof of a block before what is trusted is led from the genesis: those who signed it may not sign any more.
        let from = header.height > trusted.height ? trusted : genesisTrust(genesis);
        for (const one of path) if (one.header.height > from.height) from = await step(from, one, nowMs);
        await step(from, block, nowMs);
      }
      return {
        header,
        key,
        value: verifyStateProof(header.stateRoot, key, state),
        signers: validators.filter((_, place) => commit.signatures[place] != null),
        total: powerOf(validators),
      };
    },
  };
};

/** Reads one proof with nothing but the genesis. @throws as {@link LightClient.read} */
export const verifyLedgerProof = (
  components: LightClientComponents,
  proof: Uint8Array,
  options: { nowMs: number; trustMs: number | null },
): Promise<LedgerReading> => createLightClient(components, { trustMs: options.trustMs }).read(proof, options.nowMs);
