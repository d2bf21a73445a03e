import type { ValidatorReport } from './interface.ts';

/** How a validator is doing: `out` has lost its power, and nobody can prove what the others say. */
export interface ValidatorState {
  state: 'signing' | 'slow' | 'silent' | 'censoring' | 'out';
  /** In words, with numbers. */
  sentence: string;
}

/** Fewer blocks say nothing about anybody. */
const BLOCKS_MIN = 5;
const SLOW_PERMILLE = 800;
/** Transactions that waited through proposals with room for them: one may be chance. */
const LEFT_OUT_MIN = 5;

/** How a validator has been doing, by what this node saw. */
export const stateOfValidator = (
  report: Pick<ValidatorReport, 'signed' | 'blocks' | 'missedProposals' | 'leftOut'> | null,
  { down, power }: { down: boolean; power: number },
): ValidatorState => {
  if (down || power === 0)
    return {
      state: 'out',
      sentence: 'It signed too few of the last 100 blocks and has no power until its owner lets it join again.',
    };
  if (report === null || report.blocks < BLOCKS_MIN)
    return { state: 'signing', sentence: 'Too few blocks were made to say how it is doing.' };
  const { signed, blocks, missedProposals, leftOut } = report;
  const share = `It signed ${signed} of the last ${blocks} blocks`;
  if (signed === 0) return { state: 'silent', sentence: `${share}: its node is off, or cannot be reached.` };
  if (leftOut >= LEFT_OUT_MIN)
    return {
      state: 'censoring',
      sentence: `${leftOut} transactions that waited here were left out of proposals of its own that had room for them.`,
    };
  if (signed * 1000 < blocks * SLOW_PERMILLE || missedProposals > blocks / 4)
    return { state: 'slow', sentence: `${share} and proposed nothing in time ${missedProposals} times.` };
  return { state: 'signing', sentence: `${share}.` };
};
