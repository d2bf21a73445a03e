/** Why the second reader does not take something. The codes are those of the format pages. */
export class Refusal extends Error {
  readonly code: string;

  constructor(code: string, what: string) {
    super(`${code}: ${what}`);
    this.code = code;
  }
}

/** Refuse with a code unless something holds. */
export function demand(holds: boolean, code: string, what: string): asserts holds {
  if (!holds) throw new Refusal(code, what);
}
