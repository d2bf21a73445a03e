import type { GuardProbe, GuardState } from '../../../../preload/contract/index.ts';
import { PROBES_MAX } from './constants.ts';

export const NEVER: GuardState = {
  running: false,
  done: 0,
  total: 0,
  ranAtMs: null,
  verdict: 'none',
  cause: 'none',
  probes: [],
};
const VERSION = 1;
const RESULTS: readonly unknown[] = ['refused', 'unreachable', 'reached', 'notTried'];
const VERDICTS: readonly unknown[] = ['none', 'green', 'red'];
const CAUSES: readonly unknown[] = ['none', 'asked', 'levelChanged', 'started'];

const isProbe = (value: unknown): value is GuardProbe => {
  if (typeof value !== 'object' || value === null) return false;
  const { from, target, result, sentence, tookMs } = value as Record<string, unknown>;
  return (
    [from, target, sentence].every((text) => typeof text === 'string') &&
    RESULTS.includes(result) &&
    typeof tookMs === 'number'
  );
};

/** The last whole run, as it is kept in the settings. */
export const encodeState = ({ ranAtMs, verdict, cause, probes }: GuardState): unknown => ({
  version: VERSION,
  ranAtMs,
  verdict,
  cause,
  probes: probes.map((probe) => ({ ...probe })),
});
/** @returns null for what an older version wrote, or nobody: the next run writes it anew */
export const decodeState = (value: unknown): GuardState | null => {
  if (typeof value !== 'object' || value === null) return null;
  const { version, ranAtMs, verdict, cause, probes } = value as Record<string, unknown>;
  const isWhole =
    version === VERSION &&
    typeof ranAtMs === 'number' &&
    VERDICTS.includes(verdict) &&
    CAUSES.includes(cause) &&
    Array.isArray(probes) &&
    probes.length <= PROBES_MAX &&
    probes.every(isProbe);
  if (!isWhole) return null;
  return {
    ...NEVER,
    done: probes.length,
    total: probes.length,
    ranAtMs,
    verdict: verdict as GuardState['verdict'],
    cause: cause as GuardState['cause'],
    probes,
  };
};
/**
 * `red` as soon as anything was reached. `green` only when everything that there was to try was tried: what was not tried because a
 * way could not be taken leaves no verdict. What does not exist here, such as a router, is no reason against green.
 */
export const verdictOf = (probes: readonly GuardProbe[], untried: number): GuardState['verdict'] => {
  if (probes.some(({ result }) => result === 'reached')) return 'red';
  return untried === 0 && probes.some(({ result }) => result !== 'notTried') ? 'green' : 'none';
};
