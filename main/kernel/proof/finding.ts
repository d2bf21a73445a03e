import type { ProofKind } from '../../../preload/contract/index.ts';
import { isNodeError, messageOf } from '../../base/errors.ts';
import type { ProofFinding } from './interface.ts';

export const refused = (kind: ProofKind, code: string, reason: string): ProofFinding => ({
  kind,
  passed: false,
  code,
  reason,
  shown: {},
});
export const held = (kind: ProofKind, reason: string, shown: Record<string, number>): ProofFinding => ({
  kind,
  passed: true,
  code: null,
  reason,
  shown,
});

/**
 * Runs a verifier so that it never throws: a typed error becomes its code, and anything else, which is a bug of ours or
 * something that a hostile proof has found, refuses the proof.
 */
export const findingOf = (kind: ProofKind, check: () => ProofFinding): ProofFinding => {
  try {
    return check();
  } catch (error) {
    if (isNodeError(error)) return refused(kind, error.code, error.message);
    return refused(kind, 'CHECK_FAILED', `The check itself failed (${messageOf(error)}), so nothing was shown.`);
  }
};

/** `4 194 304`: figures in sentences, with narrow no-break spaces. */
export const figure = (value: number): string =>
  Math.round(value)
    .toString()
    .replaceAll(/\B(?=(?:\d{3})+$)/g, ' ');
