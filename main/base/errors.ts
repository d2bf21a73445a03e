/** Whose fault bad data from a peer is: `reject` lowers the sender's standing, `ignore` does not. */
export type Verdict = 'ignore' | 'reject';

/**
 * An expected failure: a stable code with its data, and one sentence that says what happened and what to do.
 *
 * Subclasses list their codes as a union type and are documented on the method that throws them. Programs match on
 * `code`, never on `message`.
 */
export abstract class NodeError<T extends { code: string; verdict?: Verdict }> extends Error {
  readonly code: T['code'];
  /** Everything but the code. May reach faces and logs, so it holds no secret. */
  readonly data: Omit<T, 'code'>;

  constructor(type: T, message: string, options?: ErrorOptions) {
    super(message, options);
    const { code, ...data } = type;
    this.code = code;
    this.data = data;
  }
}

/** True for every expected failure, of whichever module. */
export const isNodeError = (value: unknown): value is NodeError<{ code: string }> => value instanceof NodeError;

/** What `assert` throws: a bug of ours. Nobody catches it but the top level, which logs it and stops the module. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** States what we believe. On in production. */
export function assert(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new AssertionError(sentence);
}

/** The message of anything thrown, for logs and for sentences that quote another program. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
