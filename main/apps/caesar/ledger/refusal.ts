/** Why a transaction cannot stand in a block. Thrown inside this room only; becomes a verdict at its border. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: string;
  /** @param reason - one sentence for the person who signed: what is wrong and what to do */
  constructor(code: string, reason: string) {
    super(reason);
    this.code = code;
  }
}
export const refuseUnless: (holds: boolean, code: string, reason: string) => asserts holds = (holds, code, reason) => {
  if (!holds) throw new Refusal(code, reason);
};
