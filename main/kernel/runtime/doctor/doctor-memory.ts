import type { ContainerDoctorState, DoctorCheck } from '../../../../preload/contract/index.ts';

/** What the doctor keeps over restarts of the node. */
export interface DoctorMemory {
  /** The engine that was examined last; empty for none. */
  engine: string;
  /** What was said of which check, so that it is not said again. */
  said: Record<string, string>;
  state: Pick<ContainerDoctorState, 'ranAtMs' | 'verdict' | 'sentence' | 'checks' | 'fixed'>;
}
export const DOCTOR_SETTING = 'container-doctor';
const VERSION = 1;

export const NEVER_RAN: DoctorMemory['state'] = {
  ranAtMs: null,
  verdict: 'none',
  sentence: 'The container engine has not been examined yet.',
  checks: [],
  fixed: [],
};

const CHECKS_MAX = 64;
const RESULTS = ['good', 'warning', 'bad', 'skipped'] as const;
const VERDICTS = ['none', 'good', 'warning', 'bad'] as const;

const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const timeOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
const listOf = (value: unknown): Record<string, unknown>[] =>
  Array.isArray(value) ? value.slice(0, CHECKS_MAX).map(objectOf) : [];

/** @param stored - of any version; what cannot be read was never there, and is found out anew */
export const readMemory = (stored: unknown): DoctorMemory => {
  const memory = objectOf(stored);
  if (memory['version'] !== VERSION) return { engine: '', said: {}, state: NEVER_RAN };
  const state = objectOf(memory['state']);
  const checks = listOf(state['checks']).flatMap((check): DoctorCheck[] => {
    const result = RESULTS.find((known) => known === check['result']);
    const tookMs = check['tookMs'];
    return result === undefined || textOf(check['id']) === ''
      ? []
      : [
          {
            id: textOf(check['id']),
            title: textOf(check['title']),
            result,
            sentence: textOf(check['sentence']),
            fix: textOf(check['fix']),
            command: textOf(check['command']),
            fixable: check['fixable'] === true,
            tookMs: typeof tookMs === 'number' && Number.isFinite(tookMs) ? tookMs : 0,
          },
        ];
  });
  const ranAtMs = timeOf(state['ranAtMs']);
  return {
    engine: textOf(memory['engine']),
    said: Object.fromEntries(
      Object.entries(objectOf(memory['said'])).filter(
        (entry): entry is [string, string] => typeof entry[1] === 'string',
      ),
    ),
    state:
      ranAtMs === null || checks.length === 0
        ? NEVER_RAN
        : {
            ranAtMs,
            verdict: VERDICTS.find((known) => known === state['verdict']) ?? 'none',
            sentence: textOf(state['sentence']),
            checks,
            fixed: listOf(state['fixed']).flatMap((one) => {
              const atMs = timeOf(one['atMs']);
              return atMs === null ? [] : [{ atMs, sentence: textOf(one['sentence']) }];
            }),
          },
  };
};

export const storedMemory = (memory: DoctorMemory): Record<string, unknown> => ({ version: VERSION, ...memory });
