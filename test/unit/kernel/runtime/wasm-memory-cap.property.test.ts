import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { inspectModule } from '../../../../main/kernel/runtime/inspect-module.ts';
import {
  capWasm,
  readWasm,
  TABLE_ELEMENTS_MAX,
  WASM_PAGE_BYTES,
  WasmFault,
} from '../../../../main/kernel/runtime/wasm-memory-cap.ts';
import { compileWat, wasmFixture } from '../../../support/wasm.ts';

const PAGES_MAX = 65_536;
let hello: Uint8Array;
beforeAll(async () => {
  hello = await wasmFixture('hello');
});

const leb = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...leb(Math.floor(value / 128))];
const section = (id: number, body: number[]): number[] => [id, ...leb(body.length), ...body];
const limits = (min: number, max: number | null): number[] =>
  max === null ? [0, ...leb(min)] : [1, ...leb(min), ...leb(max)];
const HEAD = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
/** A module with one table, one memory, both exported, and a custom section before and after. */
const moduleOf = (
  memory: { min: number; max: number | null },
  table: { min: number; max: number | null } | null,
): Uint8Array =>
  Uint8Array.from([
    ...HEAD,
    ...section(0, [1, 0x61, 9, 9]),
    ...(table === null ? [] : section(4, [1, 0x70, ...limits(table.min, table.max)])),
    ...section(5, [1, ...limits(memory.min, memory.max)]),
    ...section(7, [1, 1, 0x6d, 2, 0]),
    ...section(0, [1, 0x62, 1, 2, 3]),
  ]);

const bounds = (max: number): fc.Arbitrary<{ min: number; max: number | null }> =>
  fc
    .tuple(fc.nat(max), fc.option(fc.nat(max)))
    .map(([a, b]) => ({ min: b === null ? a : Math.min(a, b), max: b === null ? null : Math.max(a, b) }));

/** What `run` throws; null when it does not. */
const thrownBy = (run: () => unknown): unknown => {
  try {
    run();
    return null;
  } catch (error) {
    return error;
  }
};
const isValid = (bytes: Uint8Array): boolean => WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>);

describe('capWasm', () => {
  const fits = fc
    .record({
      memory: bounds(200),
      table: fc.option(bounds(TABLE_ELEMENTS_MAX * 2)),
      room: fc.nat(50),
      extra: fc.nat(WASM_PAGE_BYTES - 1),
    })
    .filter(({ table }) => (table?.min ?? 0) <= TABLE_ELEMENTS_MAX);

  it('gives a valid module whose memory and table never grow beyond the cap, and changes nothing else', () => {
    fc.assert(
      fc.property(fits, ({ memory, table, room, extra }) => {
        const before = moduleOf(memory, table);
        const facts = readWasm(before);
        expect(facts.memoryPagesMin).toBe(memory.min);
        const capPages = memory.min + room;
        const after = capWasm(before, facts, capPages * WASM_PAGE_BYTES + extra);
        expect(isValid(after)).toBe(true);
        // What is written is what one would write oneself.
        const max = Math.min(memory.max ?? PAGES_MAX, capPages);
        expect(after).toEqual(
          moduleOf(
            { min: memory.min, max },
            table && { min: table.min, max: Math.min(table.max ?? TABLE_ELEMENTS_MAX, TABLE_ELEMENTS_MAX) },
          ),
        );
        expect(capWasm(after, readWasm(after), capPages * WASM_PAGE_BYTES)).toEqual(after);
        const { m } = new WebAssembly.Instance(new WebAssembly.Module(after as Uint8Array<ArrayBuffer>)).exports as {
          m: WebAssembly.Memory;
        };
        expect(() => m.grow(max - memory.min + 1)).toThrow(RangeError);
        expect(m.grow(max - memory.min)).toBe(memory.min);
      }),
      { numRuns: 300 },
    );
  });

  it('refuses a minimum above the cap', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65_536 }), fc.nat(WASM_PAGE_BYTES - 1), (pages, extra) => {
        const bytes = moduleOf({ min: pages, max: null }, null);
        expect(thrownBy(() => capWasm(bytes, readWasm(bytes), (pages - 1) * WASM_PAGE_BYTES + extra))).toMatchObject({
          name: 'WasmFault',
          limit: 'memory',
        });
        const table = moduleOf({ min: 1, max: null }, { min: TABLE_ELEMENTS_MAX + pages, max: null });
        expect(thrownBy(() => capWasm(table, readWasm(table), WASM_PAGE_BYTES))).toMatchObject({
          name: 'WasmFault',
          limit: undefined,
        });
      }),
    );
  });

  it('says no more than a fault to any bytes, and to any change of a real module', () => {
    const judge = (bytes: Uint8Array): void => {
      let bounded = true;
      const thrown = thrownBy(() => {
        const facts = readWasm(bytes);
        const capped = capWasm(bytes, facts, 64 * WASM_PAGE_BYTES);
        // Where we and V8 both accept a module, its memory is bounded.
        bounded = !isValid(capped) || (readWasm(capped).memory?.entries[0]?.max ?? 0) <= 64;
      });
      expect(bounded).toBe(true);
      expect(thrown === null || thrown instanceof WasmFault).toBe(true);
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => judge(Uint8Array.from([...HEAD, ...bytes]))),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (changes) => {
          const bytes = hello.slice();
          for (const [at, value] of changes) bytes[at] = value;
          judge(bytes);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('never takes a module that was cut off anywhere for a whole one', () => {
    for (let length = 0; length < hello.length; length++) {
      const cut = hello.subarray(0, length);
      const result = inspectModule({ kind: 'wasm', module: Buffer.from(cut).toString('base64'), memoryBytes: 2 ** 24 });
      // What follows the code is custom sections: without them the module is whole.
      const whole = result.ok && isValid(cut) && hello[length] !== 0;
      expect([length, whole, result.ok || result.code]).toEqual([length, false, result.ok || 'MODULE_INVALID']);
    }
  });
});

describe('readWasm refuses, saying why', () => {
  it.each([
    [
      'an imported memory',
      '(module (import "env" "memory" (memory 1)) (func (export "_start")))',
      /imports the memory env\.memory/,
    ],
    [
      'an imported table',
      '(module (import "env" "t" (table 1 funcref)) (func (export "_start")))',
      /imports the table env\.t/,
    ],
    [
      'an imported global',
      '(module (import "env" "g" (global i32)) (func (export "_start")))',
      /imports the global env\.g/,
    ],
    ['64-bit memory', '(module (memory i64 1) (func (export "_start")))', /64-bit memory/],
    ['shared memory', '(module (memory 1 2 shared) (func (export "_start")))', /shared memory/],
    [
      'a huge table',
      '(module (memory 1) (table 1000000 funcref) (func (export "_start")))',
      /table of 1000000 elements/,
    ],
  ])('%s', async (_, text, expected) => {
    const bytes = await compileWat(text);
    expect(() => capWasm(bytes, readWasm(bytes), 2 ** 24)).toThrow(expected);
  });

  it.each([
    ['nothing', [], /is empty/],
    ['text', [...Buffer.from('console.log(1)')], /is not WebAssembly/],
    ['three bytes', [0, 0x61, 0x73], /is not WebAssembly/],
    ['a component', [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0], /component/],
    ['another version', [0, 0x61, 0x73, 0x6d, 2, 0, 0, 0], /version 2/],
    ['two memories', [...HEAD, ...section(5, [2, 0, 1, 0, 1])], /declares 2 memories/],
    ['two memory sections', [...HEAD, ...section(5, [1, 0, 1]), ...section(5, [1, 0, 1])], /damaged/],
    ['sections out of order', [...HEAD, ...section(7, [0]), ...section(5, [1, 0, 1])], /damaged/],
    ['a custom page size', [...HEAD, ...section(5, [1, 8, 1, 0])], /page size/],
    ['nine tables', [...HEAD, ...section(4, [9])], /9 tables/],
    ['a number of 33 bits', [...HEAD, 5, 0xff, 0xff, 0xff, 0xff, 0x1f], /damaged/],
    ['bytes after the last memory', [...HEAD, ...section(5, [1, 0, 1, 7])], /damaged/],
  ])('%s', (_, bytes, expected) => {
    expect(() => readWasm(Uint8Array.from(bytes))).toThrow(expected);
  });
});

describe('inspectModule', () => {
  const inspect = (program: Uint8Array | string, given: { kind?: 'wasm' | 'javascript'; memoryBytes?: number } = {}) =>
    inspectModule({ kind: 'wasm', memoryBytes: 2 ** 24, module: Buffer.from(program).toString('base64'), ...given });
  const reasonOf = (result: ReturnType<typeof inspectModule>): string =>
    result.ok ? 'accepted' : result.code === 'MODULE_INVALID' ? result.reason : result.code;

  it('names what a module wants and does not get', async () => {
    expect(
      reasonOf(inspect(await compileWat('(module (import "env" "system" (func)) (func (export "_start")))'))),
    ).toMatch(/imports env\.system, which a job is not given/);
    expect(
      reasonOf(
        inspect(
          await compileWat('(module (import "wasi_snapshot_preview1" "sock_open" (func)) (func (export "_start")))'),
        ),
      ),
    ).toMatch(/sock_open, which is no function of WASI/);
    expect(reasonOf(inspect(await compileWat('(module (func (export "main")))')))).toMatch(/no function `_start`/);
    expect(
      reasonOf(
        inspect(
          await compileWat(
            '(module (memory 1) (import "wasi_snapshot_preview1" "sched_yield" (func)) (func (export "_start")))',
          ).catch(() =>
            compileWat(
              '(module (import "wasi_snapshot_preview1" "sched_yield" (func (result i32))) (memory 1) (func (export "_start")))',
            ),
          ),
        ),
      ),
    ).toMatch(/does not export its memory/);
    expect(inspect(await compileWat('(module (memory 300) (func (export "_start")))'))).toMatchObject({
      ok: false,
      limit: 'memory',
      reason: expect.stringContaining('needs at least 18.8 MiB of memory and was promised 16.0 MiB'),
    });
  });

  it('refuses what is no base64, too large, or no text', () => {
    expect(reasonOf(inspectModule({ kind: 'wasm', module: '!!!!', memoryBytes: 1 }))).toMatch(/not base64/);
    expect(reasonOf(inspectModule({ kind: 'wasm', module: 'A'.repeat(500 * 1024 * 1024), memoryBytes: 1 }))).toBe(
      'MODULE_TOO_LARGE',
    );
    expect(reasonOf(inspect('', { kind: 'javascript' }))).toMatch(/empty/);
    expect(reasonOf(inspect(' \n', { kind: 'javascript' }))).toMatch(/empty/);
    expect(reasonOf(inspect(Uint8Array.from([0xff, 0xfe, 0x41]), { kind: 'javascript' }))).toMatch(/UTF-8/);
    expect(reasonOf(inspect('a\0b', { kind: 'javascript' }))).toMatch(/zero byte/);
    expect(reasonOf(inspect(hello, { kind: 'javascript' }))).toMatch(/start it as one/);
  });

  it('gives bytes and name of what it accepts', () => {
    expect(inspect(hello)).toMatchObject({
      ok: true,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      bytes: expect.any(Uint8Array),
    });
  });
});
