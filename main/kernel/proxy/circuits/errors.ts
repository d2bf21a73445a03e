import { NodeError } from '../../../base/index.ts';

/** Why a relay or the far end would not do the next step; its number crosses the wire, so names are never reused. */
export const CIRCUIT_REFUSALS = ['off', 'full', 'unreachable', 'notAllowed', 'malformed', 'unknownSession'] as const;
export type CircuitRefusal = (typeof CIRCUIT_REFUSALS)[number];

export type CircuitErrorType =
  /** A cell that does not open, or that its format does not allow. Whoever changed it is not known. */
  | { code: 'CELL_BROKEN'; problem: string; verdict: 'ignore' }
  /** Keys that do not hold: a relay, or what it showed, is not who was asked for. */
  | { code: 'WRONG_KEYS'; problem: string; verdict: 'ignore' }
  | { code: 'CIRCUIT_REFUSED'; reason: CircuitRefusal }
  | { code: 'CIRCUIT_CLOSED' }
  | { code: 'CIRCUIT_LATE'; afterMs: number }
  | { code: 'TOO_MANY_LINKS'; max: number }
  | { code: 'NOT_RUNNING' };
/** Why there is no circuit, or none any more. */
export class CircuitError extends NodeError<CircuitErrorType> {
  override readonly name = 'CircuitError';
}

export const cellBroken = (problem: string): CircuitError =>
  new CircuitError(
    { code: 'CELL_BROKEN', problem, verdict: 'ignore' },
    `A cell of a circuit is not as it was sent (${problem}); the circuit was ended and another one is made.`,
  );
export const wrongKeys = (problem: string): CircuitError =>
  new CircuitError(
    { code: 'WRONG_KEYS', problem, verdict: 'ignore' },
    `Whoever answered in a circuit does not hold the keys of the node that was asked for (${problem}); other relays are tried.`,
  );
export const circuitClosed = (): CircuitError =>
  new CircuitError({ code: 'CIRCUIT_CLOSED' }, 'The circuit ended before its work was done; try again.');

const SENTENCES: Readonly<Record<CircuitRefusal, string>> = {
  off: 'it carries no circuits',
  full: 'it carries as many circuits as it can',
  unreachable: 'it could not reach the next node',
  notAllowed: 'it does not lead circuits there',
  malformed: 'it did not understand what it was asked',
  unknownSession: 'it knows nothing of what was to go on',
};
export const circuitRefused = (reason: CircuitRefusal): CircuitError =>
  new CircuitError(
    { code: 'CIRCUIT_REFUSED', reason },
    `A node of the circuit refused: ${SENTENCES[reason]}. Other relays are tried; if none work, take a direct route.`,
  );
