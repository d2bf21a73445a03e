import { type Clock, isNodeError } from '../../../base/index.ts';
import { bodyBytesOf } from '../formats/block.ts';
import { decodeEvidence } from '../formats/evidence.ts';
import { hexOf, sameBytes } from '../formats/reader.ts';
import { placeOf, setHash } from '../formats/validators.ts';
import type { Evidence, LedgerBlock, Validator } from '../interface.ts';
import type { Tip } from './interface.ts';
import type { Verify } from './verify.ts';

/** What is checked of a block that may follow the newest one before it is carried out. */
export interface BlockChecks {
  /**
   * All that can be said of its header without its body.
   *
   * @param vouched - more than two thirds judged its time already
   * @returns what is wrong with it
   */
  header(block: LedgerBlock, at: Tip, vouched: boolean): string | null;
  /** Takes its evidence apart and checks it. @returns what is wrong with it, where something is */
  evidence(block: LedgerBlock, at: Tip): Promise<Evidence[] | string>;
}
export interface BlockChecksComponents {
  clock: Pick<Clock, 'nowMs'>;
  verify: Pick<Verify, 'evidence'>;
  /** The set that signs the block of that height, where it is known. */
  validatorsAt(height: number): Promise<readonly Validator[] | null>;
}

export const createBlockChecks = (
  { clock, verify, validatorsAt }: BlockChecksComponents,
  { network }: { network: Uint8Array },
): BlockChecks => {
  const header = (block: LedgerBlock, at: Tip, vouched: boolean): string | null => {
    const { header: said } = block;
    if (!sameBytes(said.network, network)) return 'it is of another network';
    if (said.height !== at.height + 1 || !sameBytes(said.previous, at.hash))
      return 'it does not follow the newest block';
    if (said.timeMs <= at.timeMs) return 'its time is not after the block before';
    if (!vouched && said.timeMs > clock.nowMs() + at.params.clockAheadMs)
      return 'its time is too far ahead of the clock here';
    if (placeOf(at.validators, said.proposer) < 0) return 'its proposer is no validator';
    if (!sameBytes(said.validators, setHash(at.validators))) return 'it names another set of validators';
    if (block.transactions.length > at.params.transactionsMax) return 'it has too many transactions';
    if (bodyBytesOf(block) > at.params.blockBytesMax) return 'it is too large';
    return null;
  };
  const checkEvidence = async (evidence: Evidence, at: Tip): Promise<string | null> => {
    const height = at.height + 1;
    if (evidence.height > at.height + 1 || evidence.height < height - at.params.evidenceBlocksMax)
      return 'its evidence is of a height that is too far away';
    const set =
      evidence.height === height
        ? at.validators
        : evidence.height === at.height
          ? at.signers
          : await validatorsAt(evidence.height);
    if (set === null) return 'its evidence is of a height that is not known here';
    return await verify.evidence(evidence, set);
  };
  const evidence = async (block: LedgerBlock, at: Tip): Promise<Evidence[] | string> => {
    const found: Evidence[] = [];
    const names = new Set<string>();
    for (const encoded of block.evidence) {
      if (names.has(hexOf(encoded))) return 'it has the same evidence twice';
      names.add(hexOf(encoded));
      let one: Evidence;
      try {
        one = decodeEvidence(encoded);
      } catch (error) {
        if (!isNodeError(error)) throw error;
        return error.message;
      }
      const problem = await checkEvidence(one, at);
      if (problem !== null) return problem;
      found.push(one);
    }
    return found;
  };

  return { header, evidence };
};
