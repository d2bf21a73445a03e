import { PROOF_PATH_MAX } from '../constants.ts';
import { ConsensusProofError } from '../errors.ts';
import { networkOf } from '../formats/genesis.ts';
import type { LightBlock } from '../formats/light-block.ts';
import type { Genesis } from '../interface.ts';
import { checkLightStep, genesisTrust, trustIn } from './create-light-client.ts';

/**
 * Finds blocks that lead a reader with nothing but the genesis to `block`, few of them: none while enough of the first validators
 * sign. Looks at signatures that the store has checked, and checks none again.
 *
 * @param lookUp - the final block of a height below; null: not kept
 * @throws {ConsensusProofError} `NOT_TRUSTED` what is kept does not lead there, or only in too many steps
 */
export const buildLightPath = async (
  genesis: Genesis,
  block: LightBlock,
  lookUp: (height: number) => Promise<LightBlock | null>,
): Promise<LightBlock[]> => {
  const network = networkOf(genesis);
  const path: LightBlock[] = [];
  let trusted = genesisTrust(genesis);
  let next = block;
  for (;;) {
    try {
      checkLightStep(network, trusted, next, { nowMs: 0, trustMs: null });
      if (next === block) return path;
      path.push(next);
      trusted = trustIn(next);
      next = block;
    } catch (error) {
      const isFar = error instanceof ConsensusProofError && error.code === 'NOT_TRUSTED';
      const middle = Math.floor((trusted.height + next.header.height) / 2);
      const found = isFar && middle > trusted.height ? await lookUp(middle) : null;
      if (found === null) throw error;
      next = found;
    }
    if (path.length > PROOF_PATH_MAX)
      throw new ConsensusProofError(
        {
          code: 'NOT_TRUSTED',
          height: block.header.height,
          trustedHeight: trusted.height,
          problem: 'the validators changed too often',
          verdict: 'ignore',
        },
        `The validators changed so often since the genesis that no proof of at most ${PROOF_PATH_MAX} headers leads to this block.`,
      );
  }
};
