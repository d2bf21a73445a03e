import { assert } from '../../../base/errors.ts';

// Writes the WebAssembly module of create-engine.ts: SHA-256 (FIPS 180-4) of one block, unrolled, with every operation
// whose operands are known here (padding, initial state, first rounds) left out. Sequential hashing is all that counts
// in a chain, so the loop runs inside the module: what crosses between JavaScript and WebAssembly costs more than a hash.

/** First 32 bits of the fractional parts of the cube roots of the first 64 primes, FIPS 180-4, 4.2.2. */
const ROUND_CONSTANTS: readonly number[] = Object.freeze([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
]);
/** The same of the square roots of the first 8 primes, FIPS 180-4, 5.3.3. */
const INITIAL_STATE: readonly number[] = Object.freeze([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

/** Magic and version 1, WebAssembly Core Specification 2.0, section 5.5.16. */
const MAGIC: readonly number[] = Object.freeze([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
// Opcodes and types, WebAssembly Core Specification 2.0, section 5.4.
const I32 = 0x7f;
const EMPTY = 0x40;
const OP = {
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  branchIf: 0x0d,
  return: 0x0f,
  localGet: 0x20,
  localSet: 0x21,
  load: 0x28,
  store: 0x36,
  constant: 0x41,
  isZero: 0x45,
  lessUnsigned: 0x49,
  clz: 0x67,
  add: 0x6a,
  sub: 0x6b,
  and: 0x71,
  xor: 0x73,
  shiftRight: 0x76,
  rotateRight: 0x78,
} as const;

const unsignedLeb = (value: number): number[] => {
  const out: number[] = [];
  let rest = value;
  do {
    const part = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? part | 0x80 : part);
  } while (rest > 0);
  return out;
};
const signedLeb = (value: number): number[] => {
  const out: number[] = [];
  let rest = value | 0;
  for (;;) {
    const part = rest & 0x7f;
    rest >>= 7;
    const last = (rest === 0 && (part & 0x40) === 0) || (rest === -1 && (part & 0x40) !== 0);
    out.push(last ? part : part | 0x80);
    if (last) return out;
  }
};

/** A 32-bit word: known while the module is written, or held by a local variable of the function. */
type Word = { known: number } | { local: number };
const known = (value: number): Word => ({ known: value | 0 });
const isKnown = (word: Word): word is { known: number } => 'known' in word;

const rotate = (value: number, by: number): number => (value >>> by) | (value << (32 - by));

/** Collects the code of one function, and hands out its local variables. */
class FunctionWriter {
  readonly code: number[] = [];
  private readonly parameters: number;
  private locals: number;

  constructor(parameters: number) {
    this.parameters = parameters;
    this.locals = parameters;
  }

  local(): number {
    this.locals += 1;
    return this.locals - 1;
  }
  push(word: Word): this {
    if (isKnown(word)) this.code.push(OP.constant, ...signedLeb(word.known));
    else this.code.push(OP.localGet, ...unsignedLeb(word.local));
    return this;
  }
  op(...codes: number[]): this {
    this.code.push(...codes);
    return this;
  }
  set(local: number): this {
    this.code.push(OP.localSet, ...unsignedLeb(local));
    return this;
  }
  load(address: number, offset: number): this {
    return this.push({ local: address }).op(OP.load, 2, ...unsignedLeb(offset));
  }
  /** The value to store is on the stack above the address. */
  store(offset: number): this {
    return this.op(OP.store, 2, ...unsignedLeb(offset));
  }
  /** Keeps what is on the stack in a local of its own. */
  keep(): Word {
    const local = this.local();
    this.set(local);
    return { local };
  }
  /** Size, locals and code, as the code section wants it. */
  body(): number[] {
    const declared = this.locals - this.parameters;
    const content = [...(declared === 0 ? [0] : [1, ...unsignedLeb(declared), I32]), ...this.code, OP.end];
    return [...unsignedLeb(content.length), ...content];
  }

  sum(...words: readonly Word[]): Word {
    let base = 0;
    const rest: Word[] = [];
    for (const word of words) {
      if (isKnown(word)) base = (base + word.known) | 0;
      else rest.push(word);
    }
    const [first, ...others] = rest;
    if (first === undefined) return known(base);
    if (others.length === 0 && base === 0) return first;
    this.push(first);
    for (const word of others) this.push(word).op(OP.add);
    if (base !== 0) this.push(known(base)).op(OP.add);
    return this.keep();
  }
  private binary(op: number, compute: (a: number, b: number) => number, a: Word, b: Word): Word {
    if (isKnown(a) && isKnown(b)) return known(compute(a.known, b.known));
    return this.push(a).push(b).op(op).keep();
  }
  xor(a: Word, b: Word): Word {
    return this.binary(OP.xor, (x, y) => x ^ y, a, b);
  }
  and(a: Word, b: Word): Word {
    return this.binary(OP.and, (x, y) => x & y, a, b);
  }
  /** XOR of two rotations and a third, or of two and a shift. */
  mix(word: Word, first: number, second: number, third: number, shiftsThird: boolean): Word {
    if (isKnown(word)) {
      const value = word.known;
      return known(
        rotate(value, first) ^ rotate(value, second) ^ (shiftsThird ? value >>> third : rotate(value, third)),
      );
    }
    return this.push(word)
      .push(known(first))
      .op(OP.rotateRight)
      .push(word)
      .push(known(second))
      .op(OP.rotateRight, OP.xor)
      .push(word)
      .push(known(third))
      .op(shiftsThird ? OP.shiftRight : OP.rotateRight, OP.xor)
      .keep();
  }

  /** SHA-256 of a message of one block. @param block - 16 words @returns 8 words */
  hash(block: readonly Word[]): Word[] {
    const schedule = [...block];
    const at = (index: number): Word => {
      const word = schedule[index];
      assert(word !== undefined, 'a round uses the words of the schedule that were made before');
      return word;
    };
    let [a, b, c, d, e, f, g, h] = INITIAL_STATE.map(known) as [Word, Word, Word, Word, Word, Word, Word, Word];
    // Majority is ((a ^ b) & (b ^ c)) ^ b, and b ^ c is the a ^ b of the round before.
    let bc = this.xor(b, c);
    for (const [round, constant] of ROUND_CONSTANTS.entries()) {
      if (round >= 16)
        schedule.push(
          this.sum(
            at(round - 16),
            this.mix(at(round - 15), 7, 18, 3, true),
            at(round - 7),
            this.mix(at(round - 2), 17, 19, 10, true),
          ),
        );
      const choice = this.xor(this.and(this.xor(f, g), e), g);
      const step = this.sum(this.sum(h, at(round), known(constant)), choice, this.mix(e, 6, 11, 25, false));
      const ab = this.xor(a, b);
      const majority = this.xor(this.and(ab, bc), b);
      [h, g, f, e, d, c, b, a] = [
        g,
        f,
        e,
        this.sum(d, step),
        c,
        b,
        a,
        this.sum(step, this.sum(this.mix(a, 2, 13, 22, false), majority)),
      ];
      bc = ab;
    }
    return [a, b, c, d, e, f, g, h].map((word, index) => this.sum(word, known(INITIAL_STATE[index] as number)));
  }
}

/** What follows a message of so many words in its one block: a bit, zeros and its length in bits, FIPS 180-4, 5.1.1. */
const padding = (words: number): Word[] => {
  const rest = Array.from({ length: 16 - words }, () => known(0));
  rest[0] = known(0x80000000);
  rest[rest.length - 1] = known(words * 32);
  return rest;
};

/** `chain(address, steps)`: replaces the eight words at the address by their SHA-256, so many times. */
const chainBody = (): number[] => {
  const writer = new FunctionWriter(2);
  const [address, steps] = [0, 1];
  const state = Array.from({ length: 8 }, () => writer.local());
  for (const [index, local] of state.entries()) writer.load(address, index * 4).set(local);
  writer.push({ local: steps }).op(OP.if, EMPTY, OP.loop, EMPTY);
  const next = writer.hash([...state.map((local) => ({ local })), ...padding(8)]);
  for (const [index, word] of next.entries()) writer.push(word).set(state[index] as number);
  writer.push({ local: steps }).push(known(1)).op(OP.sub).set(steps);
  writer.push({ local: steps }).op(OP.branchIf, 0, OP.end, OP.end);
  for (const [index, local] of state.entries())
    writer
      .push({ local: address })
      .push({ local })
      .store(index * 4);
  return writer.body();
};

/**
 * `search(address, first, count, bits)`: SHA-256 of the eight words at the address, a zero word and a number counted up from
 * `first`; gives how many numbers were tried before one whose hash begins with so many zero bits, or `count`.
 *  is 1 to 32, as only the first word is looked at.
 */
const searchBody = (): number[] => {
  const writer = new FunctionWriter(4);
  const [address, first, count, bits] = [0, 1, 2, 3];
  const head = Array.from({ length: 8 }, (_, index): Word => writer.load(address, index * 4).keep());
  const tried = writer.local();
  writer.push({ local: count }).op(OP.if, EMPTY, OP.loop, EMPTY);
  const number = writer.sum({ local: first }, { local: tried });
  const [word] = writer.hash([...head, known(0), number, ...padding(10)]) as [Word];
  writer.push(word).op(OP.clz).push({ local: bits }).op(OP.lessUnsigned, OP.isZero);
  writer.op(OP.if, EMPTY).push({ local: tried }).op(OP.return, OP.end);
  writer.push({ local: tried }).push(known(1)).op(OP.add).set(tried);
  writer.push({ local: tried }).push({ local: count }).op(OP.lessUnsigned, OP.branchIf, 0, OP.end, OP.end);
  writer.push({ local: count });
  return writer.body();
};

const section = (id: number, content: readonly number[]): number[] => [id, ...unsignedLeb(content.length), ...content];
const nameOf = (text: string): number[] => [text.length, ...new TextEncoder().encode(text)];

/** @returns a module that exports `chain`, `search` and the `memory` that both read and write */
export const emitModule = (): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([
    ...MAGIC,
    ...section(1, [2, 0x60, 2, I32, I32, 0, 0x60, 4, I32, I32, I32, I32, 1, I32]),
    ...section(3, [2, 0, 1]),
    ...section(5, [1, 0x01, 1, 1]),
    ...section(7, [3, ...nameOf('memory'), 2, 0, ...nameOf('chain'), 0, 0, ...nameOf('search'), 0, 1]),
    ...section(10, [2, ...chainBody(), ...searchBody()]),
  ]);
