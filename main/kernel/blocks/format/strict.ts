import { decodeCbor, messageOf } from '../../../base/index.ts';
import { BLOCK_VERSION } from '../constants.ts';
import { BlockFormatError } from '../errors.ts';

type MalformedCode = `${'TRANSACTION' | 'HEADER' | 'BODY' | 'SEALED' | 'BLOCK' | 'PROOF'}_MALFORMED`;

const NAMES: Record<MalformedCode, string> = {
  TRANSACTION_MALFORMED: 'transaction',
  HEADER_MALFORMED: 'block header',
  BODY_MALFORMED: 'block body',
  SEALED_MALFORMED: 'sealed body',
  BLOCK_MALFORMED: 'block',
  PROOF_MALFORMED: 'combined proof',
};

/** Reads one canonical dag-cbor value field by field; whatever is not exactly as the page says is refused. */
export class Strict {
  readonly #code: MalformedCode;

  constructor(code: MalformedCode) {
    this.#code = code;
  }

  fail(problem: string): BlockFormatError {
    return new BlockFormatError(
      { code: this.#code, problem, verdict: 'reject' },
      `This is not a ${NAMES[this.#code]} as its format has it (${problem}).`,
    );
  }

  /** Size first, then decoding, which lets one encoding of each value through. */
  decode(bytes: Uint8Array, bytesMax: number): unknown {
    if (bytes.length > bytesMax) throw this.fail(`it has ${bytes.length} bytes, and at most ${bytesMax} are allowed`);
    try {
      return decodeCbor(bytes);
    } catch (error) {
      throw this.fail(`it is not dag-cbor in its one encoding: ${messageOf(error)}`);
    }
  }

  /** A map with exactly these fields. */
  map(value: unknown, names: readonly string[], what: string): Record<string, unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
      throw this.fail(`${what} is not a map`);
    const found = Object.keys(value);
    if (found.length !== names.length || names.some((name) => !Object.hasOwn(value, name)))
      throw this.fail(`${what} does not have exactly the fields ${names.join(', ')}`);
    return value as Record<string, unknown>;
  }

  /** Fails on any version but ours; a larger one is somebody newer and no lie. */
  version(value: unknown): void {
    if (value === BLOCK_VERSION) return;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1)
      throw this.fail('its version is no number');
    throw new BlockFormatError(
      { code: 'VERSION_UNKNOWN', what: NAMES[this.#code], found: value, verdict: 'ignore' },
      `This ${NAMES[this.#code]} has version ${value}, and this program knows ${BLOCK_VERSION}; a newer HyperMesh may read it.`,
    );
  }

  bytes(value: unknown, length: number, what: string): Uint8Array {
    if (!(value instanceof Uint8Array) || value.length !== length) throw this.fail(`${what} is not ${length} bytes`);
    return value;
  }
  bytesUpTo(value: unknown, lengthMax: number, what: string): Uint8Array {
    if (!(value instanceof Uint8Array) || value.length > lengthMax)
      throw this.fail(`${what} is not at most ${lengthMax} bytes`);
    return value;
  }
  bytesOrNull(value: unknown, length: number, what: string): Uint8Array | null {
    return value === null ? null : this.bytes(value, length, what);
  }
  integer(value: unknown, max: number, what: string): number {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max || Object.is(value, -0))
      throw this.fail(`${what} is not a whole number from 0 to ${max}`);
    return value;
  }
  text(value: unknown, pattern: RegExp, what: string): string {
    if (typeof value !== 'string' || !pattern.test(value)) throw this.fail(`${what} is not as it must be`);
    return value;
  }
  list(value: unknown, countMax: number, what: string): unknown[] {
    if (!Array.isArray(value) || value.length > countMax)
      throw this.fail(`${what} is not a list of at most ${countMax}`);
    return value;
  }
}

export const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
