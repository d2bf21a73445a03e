import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRuntimeBench, runToEnd, specOf, type RuntimeBench } from '../../../support/runtime.ts';
import { compileWat, wasmFixture } from '../../../support/wasm.ts';

let bench: RuntimeBench;
beforeAll(async () => {
  bench = await createRuntimeBench({ governors: ['duty-cycle'] });
});
afterAll(() => bench.close());

/** Error numbers of WASI preview 1. */
const [SUCCESS, BADF, FBIG, NOENT, NOSPC, NOTCAPABLE] = [0, 8, 22, 44, 51, 76];

describe('a WebAssembly job', () => {
  it('gets its arguments and stdin, and its output is kept', async () => {
    const { view, stdout } = await runToEnd(
      bench.runtime,
      specOf(await wasmFixture('hello'), {
        name: 'hello',
        args: ['zwei', 'trés 😀'],
        stdin: Buffer.from('some input\n').toString('base64'),
      }),
    );
    expect(stdout.toString()).toBe('hello\nzwei\ntrés 😀\nsome input\n');
    expect(view).toMatchObject({
      state: 'ended',
      end: { why: 'exited', exitCode: 0 },
      kind: 'wasm',
      moduleBytes: (await wasmFixture('hello')).length,
    });
    expect(view.measured.cpuMs).toBeGreaterThan(0);
    expect(view.measured.startMs).toBeGreaterThan(0);
    expect(view.measured.outputBytes).toBe(stdout.length);
    expect(view.startedAtMs! >= view.createdAtMs && view.endedAtMs! >= view.startedAtMs!).toBe(true);
    expect([bench.runtime.running, bench.book.size, bench.pids.size]).toEqual([0, 0, 0]);
  });

  it('ends with its own exit code', async () => {
    expect((await runToEnd(bench.runtime, specOf(await wasmFixture('exit-seven')))).view.end).toEqual({
      why: 'exited',
      exitCode: 7,
    });
  });

  it('ends as crashed with the trap and where it happened', async () => {
    const { end } = (await runToEnd(bench.runtime, specOf(await wasmFixture('trap')))).view;
    expect(end).toMatchObject({
      why: 'crashed',
      message: expect.stringMatching(/^Trap: divide by zero\n.*at divide/s),
    });
    expect(JSON.stringify(end)).not.toContain(process.cwd());
  });

  it('ends as crashed when it calls itself too deeply', async () => {
    expect((await runToEnd(bench.runtime, specOf(await wasmFixture('recursion')))).view.end).toEqual({
      why: 'crashed',
      message: 'The program ran out of stack: it calls itself too deeply.',
    });
  });

  it('is held to its memory', async () => {
    const { view } = await runToEnd(
      bench.runtime,
      specOf(await wasmFixture('memory-hog'), { memoryBytes: 32 * 1024 * 1024 }),
    );
    expect(view.end).toMatchObject({
      why: 'limit',
      limit: 'memory',
      message: expect.stringContaining('32.0 MiB of 32.0 MiB of memory'),
    });
    expect(view.measured.memoryBytesPeak).toBeGreaterThan(28 * 1024 * 1024);
    expect(view.measured.memoryBytesPeak).toBeLessThan(48 * 1024 * 1024);
  });

  it('is ended when it writes more than it may, and what fits is kept', async () => {
    const { view, stdout } = await runToEnd(
      bench.runtime,
      specOf(await wasmFixture('printer'), { outputBytesMax: 3_000_001 }),
    );
    expect(view.end).toMatchObject({ why: 'limit', limit: 'output' });
    expect(stdout.length).toBe(3_000_001);
    expect(view.measured.outputBytes).toBe(3_000_001);
    expect(stdout.every((byte) => byte === 120)).toBe(true);
  });

  it.each([
    ['clock_time_get', '(param i32 i64 i32)', '(i32.const 1) (i64.const 1) (i32.const 8)', 3_000_000, 0],
    [
      'fd_write',
      '(param i32 i32 i32 i32)',
      '(i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)',
      200_000,
      1_200_000,
    ],
    ['random_get', '(param i32 i32)', '(i32.const 200) (i32.const 10000)', 100_000, 0],
  ])(
    'is charged with no garbage of its host when it calls %s in a tight loop',
    async (name, type, given, calls, bytes) => {
      const module = await compileWat(`(module
      (import "wasi_snapshot_preview1" "${name}" (func $call ${type} (result i32)))
      (memory (export "memory") 1) (data (i32.const 0) "\\64\\00\\00\\00\\06\\00\\00\\00") (data (i32.const 100) "hello\\n")
      (func (export "_start") (local $i i32)
        (loop $next
          (if (call $call ${given}) (then (unreachable)))
          (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const ${calls}))))))`);
      const { view, stdout } = await runToEnd(
        bench.runtime,
        specOf(module, { timeMsMax: 600_000, outputBytesMax: 16 * 1024 * 1024 }),
      );
      expect([view.end, stdout.length]).toEqual([{ why: 'exited', exitCode: 0 }, bytes]);
      expect(view.measured.memoryBytesPeak).toBeLessThan(32 * 1024 * 1024);
    },
  );

  it('is ended when its time is up', async () => {
    const { view } = await runToEnd(bench.runtime, specOf(await wasmFixture('spin'), { timeMsMax: 300 }));
    expect(view.end).toMatchObject({ why: 'limit', limit: 'time' });
    expect(view.measured.cpuMs).toBeGreaterThan(100);
  });

  it('finds its scratch folder bounded in every way to write, and room again after deleting', async () => {
    const { view, stdout } = await runToEnd(
      bench.runtime,
      specOf(await wasmFixture('scratch'), { scratchBytesMax: 100_000 }),
    );
    expect([...stdout]).toEqual([
      SUCCESS,
      SUCCESS,
      NOSPC,
      NOSPC,
      NOSPC,
      NOSPC,
      SUCCESS,
      SUCCESS,
      SUCCESS,
      ...Buffer.from('abcd'),
      SUCCESS,
      SUCCESS,
      SUCCESS,
      SUCCESS,
    ]);
    expect(view.end).toEqual({ why: 'exited', exitCode: 0 });
    expect(FBIG).toBe(22);
  });

  it('finds no room at all in a scratch folder of 0 bytes', async () => {
    const { stdout } = await runToEnd(bench.runtime, specOf(await wasmFixture('scratch'), { scratchBytesMax: 0 }));
    expect([...stdout.subarray(0, 6)]).toEqual([SUCCESS, NOSPC, NOSPC, NOSPC, NOSPC, NOSPC]);
  });

  it('reaches no file of the machine and sees no environment', async () => {
    const { stdout } = await runToEnd(bench.runtime, specOf(await wasmFixture('files-outside')));
    expect([...stdout]).toEqual([NOTCAPABLE, NOTCAPABLE, NOTCAPABLE, NOENT, BADF, 0]);
  });

  it('has clocks and chance, and sleeps without using the processor', async () => {
    const before = BigInt(Date.now());
    const { view, stdout } = await runToEnd(bench.runtime, specOf(await wasmFixture('clock-random')));
    const wallMs = stdout.readBigUInt64LE(0) / 1_000_000n;
    expect(wallMs >= before - 1n && wallMs <= BigInt(Date.now()) + 1n).toBe(true);
    expect(new Set(stdout.subarray(8, 40)).size).toBeGreaterThan(8);
    expect(Number(stdout.readBigUInt64LE(40)) / 1e6).toBeGreaterThanOrEqual(49);
    expect(view.end).toEqual({ why: 'exited', exitCode: 0 });
  });
});
