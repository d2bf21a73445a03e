import type { Check } from '../../../preload/contract/index.ts';
import type { Identity } from '../../apps/satchel/index.ts';
import { isNodeError } from '../../base/errors.ts';
import type { Chain } from '../../kernel/blocks/index.ts';
import type { ClockWatch } from '../../kernel/proof/index.ts';
import type { Plots } from '../../kernel/proof/space/index.ts';
import type { Prover } from '../../kernel/prover/index.ts';

const MIB = 1024 * 1024;
const day = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

/** There is an identity, it is unlocked, and its owner has shown lately that it could be brought back. */
export const checkIdentity = (identity: Pick<Identity, 'view'>): Check => {
  const title = 'Identity';
  const id = 'identity';
  const { status, lockedReason, drillDue, lastDrill, sealedBy } = identity.view();
  if (status === 'none')
    return {
      id,
      title,
      status: 'warning',
      finding: 'There is none, so nothing is proved and no block is made.',
      fix: 'Create one: hypermesh identity create, or bring one back: hypermesh identity restore',
    };
  if (status === 'locked')
    return {
      id,
      title,
      status: 'warning',
      finding: `Its keys are locked, so nothing is proved. ${lockedReason ?? ''}`.trim(),
      fix: 'Unlock them: hypermesh identity unlock',
    };
  if (lastDrill !== null && !lastDrill.passed)
    return {
      id,
      title,
      status: 'problem',
      finding: `Unlocked, but the restore drill of ${day(lastDrill.atMs)} failed: what was entered does not bring back these keys.`,
      fix: 'Look for the right phrase, or make a backup file while the keys are unlocked: hypermesh identity backup',
    };
  if (drillDue)
    return {
      id,
      title,
      status: 'warning',
      finding:
        lastDrill === null
          ? 'Unlocked; nobody has tried yet whether the recovery phrase brings it back.'
          : `Unlocked; the last restore drill was on ${day(lastDrill.atMs)}.`,
      fix: 'Try it, which changes nothing: hypermesh identity drill',
    };
  return {
    id,
    title,
    status: 'ok',
    finding: `Unlocked, sealed on disk by ${sealedBy === 'keyStore' ? 'the key store of the system' : 'a passphrase'}${lastDrill === null ? '' : `, drilled on ${day(lastDrill.atMs)}`}.`,
    fix: null,
  };
};

/** The newest block can be read back with its proof and its transactions; all of them are checked on demand only. */
export const checkChain = async (chain: Pick<Chain, 'head' | 'block' | 'verification'>): Promise<Check> => {
  const title = 'Chain of blocks';
  const id = 'chain';
  const { height, blocks, blocked, awaitsImport } = chain.head();
  if (awaitsImport)
    return {
      id,
      title,
      status: 'warning',
      finding: 'The identity was not created in this folder and its chain is not here, so nothing is proved.',
      fix: 'Bring it: hypermesh chain import FILE, or, if there is none, begin a new one: hypermesh chain begin',
    };
  if (height === null)
    return { id, title, status: 'ok', finding: 'There is no block yet; the first proof makes one.', fix: null };
  const verification = chain.verification();
  if (verification.status === 'done' && !verification.holds)
    return {
      id,
      title,
      status: 'problem',
      finding: `The last verification found ${verification.problems.length} problems, the first: ${verification.problems[0]?.reason ?? 'not told'}`,
      fix: 'Put back a copy of hypermesh.db, or import a file of this chain: hypermesh chain import',
    };
  try {
    const head = await chain.block(height);
    const holds = head.proof === null || head.proof.passed;
    const readable =
      head.body === 'readable' ? '' : ` Its body is ${head.body}${blocked === null ? '' : ` (${blocked})`}.`;
    return holds
      ? {
          id,
          title,
          status: 'ok',
          finding: `${blocks} blocks; the newest, of height ${height}, holds.${readable}`,
          fix: null,
        }
      : {
          id,
          title,
          status: 'problem',
          finding: `The proof in the newest block, of height ${height}, does not hold: ${head.proof?.checks.find(({ passed }) => !passed)?.reason ?? ''}`,
          fix: 'Check all of it: hypermesh chain verify',
        };
  } catch (error) {
    if (!isNodeError(error)) throw error;
    return { id, title, status: 'problem', finding: error.message, fix: 'Check all of it: hypermesh chain verify' };
  }
};

/** Whether the clock was set while the node ran. */
export const checkClockWatch = (watch: Pick<ClockWatch, 'look' | 'warning' | 'events'>): Check => {
  const title = 'Clock while running';
  const id = 'clock-jumps';
  watch.look();
  const warning = watch.warning();
  if (warning !== null)
    return {
      id,
      title,
      status: 'warning',
      finding: warning.sentence,
      fix: 'Let the system set its clock: timedatectl set-ntp true',
    };
  const jumps = watch.events().filter(({ kind }) => kind !== 'slept').length;
  return {
    id,
    title,
    status: 'ok',
    finding: jumps === 0 ? 'It was not set since the start.' : `Set ${jumps} times since the start, not lately.`,
    fix: null,
  };
};

/** The space that proofs are made of is there and whole. */
export const checkPlots = (plots: Pick<Plots, 'list'>, prover: Pick<Prover, 'state'>): Check => {
  const title = 'Space of proofs';
  const id = 'plots';
  const all = plots.list();
  const bad = all.reduce((sum, { badWindows }) => sum + badWindows.length, 0);
  const { status, plot } = prover.state();
  if (bad > 0)
    return {
      id,
      title,
      status: 'problem',
      finding: `${bad} windows of plotted space are damaged or missing, and their plots do not answer.`,
      fix: 'They are made again by themselves; if it happens again, test the disk.',
    };
  const finding = `${Math.floor(plot.plottedBytes / MIB)} of ${Math.floor(plot.wantedBytes / MIB)} MiB plotted.`;
  return all.length === 0 && status !== 'off'
    ? {
        id,
        title,
        status: 'warning',
        finding: `${finding} Without any, nothing can be proved.`,
        fix: 'Wait for it, or see what it waits for: hypermesh proof state',
      }
    : { id, title, status: 'ok', finding, fix: null };
};

/** Every asset that is there has four fresh marks. */
export const checkProver = (prover: Pick<Prover, 'state' | 'assets'>): Check => {
  const title = 'Proofs';
  const id = 'proofs';
  const { status, reason } = prover.state();
  const there = prover.assets().filter(({ present }) => present);
  const failed = there.filter(({ marks }) => marks.some((mark) => mark.status === 'failed'));
  const proved = there.filter(({ marks }) => marks.every((mark) => mark.status === 'passed'));
  const finding = `${proved.length} of ${there.length} assets have four fresh proofs. ${reason}`;
  if (failed.length > 0)
    return {
      id,
      title,
      status: 'problem',
      finding: `The last proof of ${failed.map(({ resource }) => resource).join(', ')} failed.`,
      fix: 'See why: hypermesh proof show',
    };
  // Off is told by the identity's own line.
  return status === 'waiting'
    ? { id, title, status: 'warning', finding, fix: 'Raise the level that it waits for: hypermesh share levels' }
    : { id, title, status: 'ok', finding, fix: null };
};
