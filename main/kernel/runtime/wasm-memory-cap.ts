/**
 * Reads the outer structure of a WebAssembly binary and lowers the maxima of its memory and tables. V8 takes a maximum
 * from the module alone, and neither worker limits nor `--max-old-space-size` bear on it, so the bytes are changed
 * before they are compiled.
 *
 * Imports nothing that is not small: both the node and the job host use it.
 *
 * @see https://webassembly.github.io/spec/core/binary/modules.html
 */

import { sizeText } from './size-text.ts';

/** A page of linear memory. */
export const WASM_PAGE_BYTES = 65_536;
/**
 * Elements that one table may grow to. A table lies outside of linear memory at 8 to 24 bytes per element, so this is
 * at most 6 MiB; the largest table of a compiled C++ program that we met has 40 000.
 */
export const TABLE_ELEMENTS_MAX = 262_144;
/** Tables per module: programs have one, rarely two. */
export const TABLES_MAX = 8;
/** Imports and exports that are read; WASI programs have dozens of the first and a handful of the second. */
const NAMES_MAX = 100_000;

/** The module cannot be run here, in one sentence that says what to do. */
export class WasmFault extends Error {
  override readonly name = 'WasmFault';
  /** Set when the module asks for more memory than it is given, and would run with more. */
  readonly limit: 'memory' | undefined;
  constructor(reason: string, limit?: 'memory') {
    super(reason);
    this.limit = limit;
  }
}

/** What the structure says. */
export interface WasmFacts {
  imports: { module: string; name: string }[];
  exports: Map<string, 'function' | 'table' | 'memory' | 'global' | 'tag'>;
  /** Least pages of its memory; null without one. */
  memoryPagesMin: number | null;
  /** Where the memory and table sections lie, with their limits. */
  memory: Section<Limits> | null;
  tables: Section<Limits & { type: Uint8Array }> | null;
}
interface Limits {
  min: number;
  max: number | null;
}
interface Section<Entry> {
  start: number;
  end: number;
  entries: Entry[];
}

const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;
/** Order in which sections must come; `tag` and `dataCount` were added later and lie in between. */
const ORDER: readonly number[] = [
  SECTION.type,
  SECTION.import,
  SECTION.function,
  SECTION.table,
  SECTION.memory,
  SECTION.tag,
  SECTION.global,
  SECTION.export,
  SECTION.start,
  SECTION.element,
  SECTION.dataCount,
  SECTION.code,
  SECTION.data,
];
const EXPORT_KINDS = ['function', 'table', 'memory', 'global', 'tag'] as const;

class Cursor {
  at: number;
  readonly #bytes: Uint8Array;
  readonly #end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.at = at;
    this.#end = end;
  }

  get done(): boolean {
    return this.at >= this.#end;
  }

  byte(): number {
    if (this.at >= this.#end)
      throw new WasmFault(`The WebAssembly module ends in the middle, at byte ${this.at}; fetch or build it again.`);
    return this.#bytes[this.at++] as number;
  }

  /** Unsigned LEB128 of at most 32 bits. */
  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      if (shift === 28 && byte > 0x0f) break;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw damaged(this.at);
  }

  skip(length: number): number {
    if (this.at + length > this.#end)
      throw new WasmFault(`The WebAssembly module ends in the middle, at byte ${this.#end}; fetch or build it again.`);
    this.at += length;
    return this.at;
  }

  name(): string {
    const length = this.u32();
    const start = this.at;
    this.skip(length);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(this.#bytes.subarray(start, this.at));
    } catch {
      throw damaged(start);
    }
  }
}

const damaged = (at: number): WasmFault =>
  new WasmFault(`The WebAssembly module is damaged near byte ${at}; fetch or build it again.`);

/**
 * Reads what the module wants and offers. Cheap: bodies of functions are skipped, so that it takes well under a
 * millisecond for any size. It does not show that the module is valid: the host's compiler does.
 *
 * @throws {WasmFault}
 */
export const readWasm = (bytes: Uint8Array): WasmFacts => {
  if (bytes.length === 0) throw new WasmFault('The module is empty; give a file that holds a compiled program.');
  if (bytes.length < 8 || bytes[0] !== 0x00 || bytes[1] !== 0x61 || bytes[2] !== 0x73 || bytes[3] !== 0x6d) {
    throw new WasmFault(
      'The module is not WebAssembly: it does not begin with its four marking bytes. Compile the program to .wasm, or start it as JavaScript.',
    );
  }
  const version = bytes[4]! + bytes[5]! * 2 ** 8 + bytes[6]! * 2 ** 16 + bytes[7]! * 2 ** 24;
  if (version !== 1) {
    throw new WasmFault(
      version === 0x1000d
        ? 'The module is a WebAssembly component; build it for wasm32-wasip1, a core module, instead.'
        : `The module has WebAssembly version ${version}; only version 1 can be run.`,
    );
  }

  const facts: WasmFacts = { imports: [], exports: new Map(), memoryPagesMin: null, memory: null, tables: null };
  const cursor = new Cursor(bytes, 8, bytes.length);
  let last = -1;
  while (!cursor.done) {
    const start = cursor.at;
    const id = cursor.byte();
    const size = cursor.u32();
    const body = new Cursor(bytes, cursor.at, cursor.skip(size));
    if (id === SECTION.custom) continue;
    const order = ORDER.indexOf(id);
    // V8 refuses such modules too; refusing here keeps both of one opinion on which memory section counts.
    if (order <= last) throw damaged(start);
    last = order;
    if (id === SECTION.import) readImports(body, facts);
    else if (id === SECTION.table) facts.tables = { start, end: cursor.at, entries: readTables(bytes, body) };
    else if (id === SECTION.memory) facts.memory = { start, end: cursor.at, entries: readMemories(body) };
    else if (id === SECTION.export) readExports(body, facts);
  }
  facts.memoryPagesMin = facts.memory?.entries[0]?.min ?? null;
  return facts;
};

const readImports = (body: Cursor, facts: WasmFacts): void => {
  const count = body.u32();
  if (count > NAMES_MAX) throw damaged(body.at);
  for (let i = 0; i < count; i++) {
    const module = body.name();
    const name = body.name();
    const kind = body.byte();
    if (kind === 0) {
      body.u32();
      facts.imports.push({ module, name });
    } else if (kind <= 4) {
      const what = ['', 'table', 'memory', 'global', 'tag'][kind];
      throw new WasmFault(
        `The module imports the ${what} ${printable(module)}.${printable(name)}, which a job is not given; build it to define its own ${what}.`,
      );
    } else throw damaged(body.at);
  }
  if (!body.done) throw damaged(body.at);
};

const readExports = (body: Cursor, facts: WasmFacts): void => {
  const count = body.u32();
  if (count > NAMES_MAX) throw damaged(body.at);
  for (let i = 0; i < count; i++) {
    const name = body.name();
    const kind = EXPORT_KINDS[body.byte()];
    body.u32();
    if (kind === undefined || facts.exports.has(name)) throw damaged(body.at);
    facts.exports.set(name, kind);
  }
  if (!body.done) throw damaged(body.at);
};

const readMemories = (body: Cursor): Limits[] => {
  const count = body.u32();
  if (count > 1)
    throw new WasmFault(
      `The module declares ${count} memories; a job has one. Build it without the multi-memory feature.`,
    );
  const entries: Limits[] = [];
  for (let i = 0; i < count; i++) {
    const flags = body.byte();
    if ((flags & 0x08) !== 0)
      throw new WasmFault('The module uses its own page size; build it without the custom-page-sizes feature.');
    if ((flags & 0x04) !== 0) throw new WasmFault('The module uses 64-bit memory; build it for wasm32.');
    if ((flags & 0x02) !== 0)
      throw new WasmFault(
        'The module uses shared memory, so threads, which a job does not have; build it without them.',
      );
    if (flags > 1) throw damaged(body.at);
    entries.push({ min: body.u32(), max: flags === 1 ? body.u32() : null });
  }
  if (!body.done) throw damaged(body.at);
  return entries;
};

const readTables = (bytes: Uint8Array, body: Cursor): (Limits & { type: Uint8Array })[] => {
  const count = body.u32();
  if (count > TABLES_MAX) throw new WasmFault(`The module declares ${count} tables; a job may have ${TABLES_MAX}.`);
  const entries: (Limits & { type: Uint8Array })[] = [];
  for (let i = 0; i < count; i++) {
    const start = body.at;
    const type = body.byte();
    if (type === 0x40)
      throw new WasmFault(
        'The module declares a table with an initial value; build it without the typed function references feature.',
      );
    // 0x63 and 0x64 are followed by a heap type, a LEB128 of at most 33 bits.
    if (type === 0x63 || type === 0x64) for (let length = 0; length < 5 && body.byte() >= 0x80; length++);
    const end = body.at;
    const flags = body.byte();
    if (flags > 1)
      throw new WasmFault(
        'The module declares a shared or 64-bit table, which a job does not have; build it for wasm32 without threads.',
      );
    entries.push({ type: bytes.subarray(start, end), min: body.u32(), max: flags === 1 ? body.u32() : null });
  }
  if (!body.done) throw damaged(body.at);
  return entries;
};

/** Names come from strangers: what a terminal might obey is left out. */
export const printable = (name: string): string => name.slice(0, 64).replace(/[^\x20-\x7e]/g, '?');

/** Unsigned LEB128. */
const leb = (value: number): number[] => {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return out;
};

const sectionBytes = (id: number, body: number[]): Uint8Array => Uint8Array.from([id, ...leb(body.length), ...body]);

/**
 * Lowers the maxima of memory and tables; nothing else changes. A maximum that is lower already stays.
 *
 * @param memoryBytesMax - rounded down to whole pages
 * @returns the same bytes when there is nothing to lower, otherwise a copy
 * @throws {WasmFault} with `limit: 'memory'` when the module's minimum is above the maximum
 */
export const capWasm = (bytes: Uint8Array, facts: WasmFacts, memoryBytesMax: number): Uint8Array => {
  const pagesMax = Math.floor(memoryBytesMax / WASM_PAGE_BYTES);
  const pieces: Uint8Array[] = [];
  let from = 0;
  const replace = (section: { start: number; end: number }, id: number, body: number[]): void => {
    pieces.push(bytes.subarray(from, section.start), sectionBytes(id, body));
    from = section.end;
  };
  // Tables come before memory in the binary.
  if (facts.tables !== null) {
    const body = leb(facts.tables.entries.length);
    for (const { type, min, max } of facts.tables.entries) {
      if (min > TABLE_ELEMENTS_MAX)
        throw new WasmFault(
          `The module asks for a table of ${min} elements; a job's table holds ${TABLE_ELEMENTS_MAX} at most.`,
        );
      body.push(...type, 1, ...leb(min), ...leb(Math.min(max ?? TABLE_ELEMENTS_MAX, TABLE_ELEMENTS_MAX)));
    }
    replace(facts.tables, SECTION.table, body);
  }
  const memory = facts.memory?.entries[0];
  if (facts.memory !== null && memory !== undefined) {
    if (memory.min > pagesMax) {
      const neededBytes = memory.min * WASM_PAGE_BYTES;
      throw new WasmFault(
        `The module needs at least ${sizeText(neededBytes)} of memory and was promised ${sizeText(memoryBytesMax)}; start it with more memory.`,
        'memory',
      );
    }
    replace(facts.memory, SECTION.memory, [
      1,
      1,
      ...leb(memory.min),
      ...leb(Math.min(memory.max ?? pagesMax, pagesMax)),
    ]);
  }
  if (pieces.length === 0) return bytes;
  pieces.push(bytes.subarray(from));
  const result = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    result.set(piece, at);
    at += piece.length;
  }
  return result;
};
