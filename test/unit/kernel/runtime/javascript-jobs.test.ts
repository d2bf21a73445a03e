import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRuntimeBench, runToEnd, specOf, type RuntimeBench } from '../../../support/runtime.ts';
import type { SandboxSpec } from '../../../../preload/contract/index.ts';

let bench: RuntimeBench;
beforeAll(async () => {
  bench = await createRuntimeBench({ governors: ['duty-cycle'] });
});
afterAll(() => bench.close());

const run = async (code: string, given: Partial<SandboxSpec> = {}) => {
  const { view, stdout, stderr } = await runToEnd(bench.runtime, specOf(code, given));
  return { view, end: view.end, stdout: stdout.toString(), stderr: stderr.toString() };
};

describe('a JavaScript job', () => {
  it('has its arguments, stdin, both streams, and exits with 0', async () => {
    const { end, stdout, stderr } = await run(
      'print(args.join("+"), stdin.lines().length); console.log({ a: [1, "x", null] }, new Map([[1, { b: 2n }]])); console.error("oh", new TypeError("no").message);',
      {
        args: ['ä', '2'],
        stdin: Buffer.from('one\ntwo\n').toString('base64'),
      },
    );
    expect(end).toEqual({ why: 'exited', exitCode: 0 });
    expect(stdout).toBe('ä+2 2\n{ a: [1, "x", null] } Map {1 => { b: 2n }}\n');
    expect(stderr).toBe('oh no\n');
  });

  it('runs sloppy scripts, modules, top-level await and timers in order', async () => {
    expect((await run('undeclared = 08; print(undeclared, this === globalThis)')).stdout).toBe('8 true\n');
    const { end, stdout } = await run(`
      export const answer = await new Promise((resolve) => setTimeout(resolve, 20, 42));
      setTimeout(() => print('last'), 30); setTimeout(() => print('first'), 10);
      const id = setTimeout(() => print('never'), 5); clearTimeout(id);
      let n = 0; const every = setInterval(() => { if (++n === 3) clearInterval(every); }, 1);
      queueMicrotask(() => print('micro')); print(answer);`);
    expect(stdout).toBe('42\nmicro\nfirst\nlast\n');
    expect(end).toEqual({ why: 'exited', exitCode: 0 });
  });

  it('exits at once where it says so, even inside try and finally', async () => {
    const { end, stdout } = await run(
      'try { print("a"); exit(300); } catch { print("caught") } finally { print("after") } while (true);',
    );
    expect([end, stdout]).toEqual([{ why: 'exited', exitCode: 300 }, 'a\n']);
  });

  it('has a bounded scratch folder', async () => {
    const { stdout, end } = await run(
      `
      scratch.writeFile('a', 'text'); scratch.writeFile('b/c', new Uint8Array([1, 2, 3]).subarray(1));
      print(scratch.list(), scratch.readText('a'), scratch.readFile('b/c'));
      scratch.remove('a'); try { scratch.readFile('a') } catch (e) { print(e.message) }
      try { scratch.readFile('/etc/passwd') } catch (e) { print(e.message) }
      scratch.writeFile('big', new Uint8Array(900)); scratch.writeFile('big', new Uint8Array(990));
      try { scratch.writeFile('more', new Uint8Array(100)) } catch (e) { print(e.message) }
      scratch.writeFile('more', new Uint8Array(100));`,
      { scratchBytesMax: 1024 },
    );
    expect(stdout).toBe(
      '["a", "b/c"] text Uint8Array [2, 3]\nthere is no such file in the scratch folder\nthere is no such file in the scratch folder\nthe scratch folder is full\n',
    );
    expect(end).toMatchObject({ why: 'limit', limit: 'scratch' });
  });

  it('has chance, time, and text as bytes', async () => {
    const { stdout } = await run(`
      const a = crypto.getRandomValues(new Uint8Array(32)); print(new Set(a).size > 8);
      const t = performance.now(); setTimeout(() => print(performance.now() - t >= 19), 20);
      print(new TextDecoder().decode(new TextEncoder().encode('ü€😀')), Math.abs(Date.now() - ${Date.now()}) < 60000);`);
    expect(stdout).toBe('true\nü€😀 true\ntrue\n');
  });

  it('ends as crashed with message and stack', async () => {
    const { end } = await run('function inner() { throw new RangeError("too far") }\ninner();');
    expect(end).toMatchObject({
      why: 'crashed',
      message: expect.stringMatching(/^RangeError: too far\n\s*at inner \(job\.js:1.*job\.js:2/s),
    });
    expect((await run('async function main() { await null; throw new Error("later") }\nmain();')).end).toMatchObject({
      why: 'crashed',
      message: expect.stringContaining('Error: later'),
    });
    expect((await run('await Promise.reject(new Error("rejected"))')).end).toMatchObject({
      why: 'crashed',
      message: expect.stringContaining('Error: rejected'),
    });
    expect((await run('throw { toString() { throw 1 } }')).end).toMatchObject({
      why: 'crashed',
      message: expect.stringContaining('Uncaught'),
    });
    expect((await run('await new Promise(() => {})')).end).toMatchObject({
      why: 'crashed',
      message: expect.stringContaining('can never be answered'),
    });
    expect((await run('setTimeout(() => { throw new Error("in timer") }, 1)')).end).toMatchObject({
      why: 'crashed',
      message: expect.stringContaining('in timer'),
    });
    await expect(bench.runtime.submit(specOf('import x from "./other.js"; print(x)'))).rejects.toMatchObject({
      code: 'MODULE_INVALID',
      message: expect.stringContaining('other.js finds nothing'),
    });
  });

  it('is held to its memory, its stack, its time and its output', async () => {
    expect(
      (await run('const a = []; for (;;) a.push(new Uint8Array(65536).fill(1));', { memoryBytes: 8 * 1024 * 1024 }))
        .end,
    ).toMatchObject({ why: 'limit', limit: 'memory' });
    expect((await run('let s = "x"; for (;;) s += s;', { memoryBytes: 8 * 1024 * 1024 })).end).toMatchObject({
      why: 'crashed',
      message: expect.stringContaining('string too long'),
    });
    expect(
      (await run('const f = () => f(); try { f() } catch (e) { print(e.name) } const g = () => 1 + g(); g();')).end,
    ).toMatchObject({ why: 'crashed', message: expect.stringMatching(/stack overflow|call stack|too deeply/i) });
    expect((await run('for (;;);', { timeMsMax: 300 })).end).toMatchObject({ why: 'limit', limit: 'time' });
    expect(
      (
        await run('Promise.resolve().then(function again() { return Promise.resolve().then(again) })', {
          timeMsMax: 300,
        })
      ).end,
    ).toMatchObject({ why: 'limit', limit: 'time' });
    expect((await run('for (;;) print("x".repeat(1000))', { outputBytesMax: 50_000 })).end).toMatchObject({
      why: 'limit',
      limit: 'output',
    });
    expect((await run('JSON.parse("[".repeat(1e6))')).end).toMatchObject({ why: 'crashed' });
    expect((await run('print(new RegExp("(a+)+b").test("a".repeat(60)))', { timeMsMax: 300 })).end).toMatchObject({
      why: 'limit',
      limit: 'time',
    });
  });

  it.each([
    [
      'asks for the time in a tight loop',
      'for (let i = 0; i < 3e6; i++) performance.now(); print(performance.now() > 0)',
    ],
    ['writes many short lines', 'for (let i = 0; i < 200_000; i++) console.log(i); console.log(true)'],
    [
      'writes them with its memory almost full',
      'const a = []; for (let i = 0; i < 13; i++) a.push(new Uint8Array(1 << 20).fill(1)); for (let i = 0; i < 100_000; i++) print(i); print(true)',
    ],
    [
      'writes one file again and again',
      'for (let i = 0; i < 3000; i++) scratch.writeFile("a", new Uint8Array(1e6)); print(true)',
    ],
    [
      'draws much chance',
      'for (let i = 0; i < 10_000; i++) crypto.getRandomValues(new Uint8Array(65536)); print(true)',
    ],
    [
      'turns much text into bytes and back',
      'const b = new TextEncoder(), d = new TextDecoder(); for (let i = 0; i < 3000; i++) d.decode(b.encode("ü".repeat(10_000))); print(true)',
    ],
  ])('is charged with no garbage of its host when it %s', async (_, code) => {
    const { end, stdout, view } = await run(code, { timeMsMax: 600_000, outputBytesMax: 16 * 1024 * 1024 });
    expect(end).toEqual({ why: 'exited', exitCode: 0 });
    expect(stdout.endsWith('true\n')).toBe(true);
    expect(view.measured.memoryBytesPeak).toBeLessThan(48 * 1024 * 1024);
  });

  it('writes text of any length and kind as it is', async () => {
    const { stdout } = await run('print("ü€😀".repeat(50_000)); print(""); print("x".repeat(65_536))');
    expect(stdout === `${'ü€😀'.repeat(50_000)}\n\n${'x'.repeat(65_536)}\n`).toBe(true);
  });

  it('reaches nothing but its globals, whatever it tries', async () => {
    const { stdout, end } = await run(`
      print(['process', 'require', 'fetch', 'module', 'Deno', 'Buffer', 'WebAssembly', 'XMLHttpRequest', 'WebSocket', 'std', 'os', 'host', '__dirname', 'navigator', 'Worker', 'SharedArrayBuffer' in globalThis && 'Atomics.never'].filter((name) => typeof globalThis[name] !== 'undefined'));
      const reach = (f) => { try { return f() } catch (e) { return e.name } };
      print(reach(() => (function () {}).constructor('return typeof process + typeof require')()));
      print(reach(() => print.constructor('return this')() === globalThis));
      print(reach(() => console.log.constructor.constructor('return typeof process')()));
      print(reach(() => Object.getPrototypeOf(async function () {}).constructor('return typeof process')() instanceof Promise));
      try { scratch.readFile('none') } catch (e) { print(e.constructor.constructor('return typeof process')(), e.constructor === Error, typeof e.stack); }
      const m = await import('node:fs').then(() => 'loaded', (e) => e.name); print(m);
      const n = await import('std').then(() => 'loaded', (e) => e.name); print(n);`);
    expect(stdout.split('\n')).toEqual([
      '[]',
      'undefinedundefined',
      'true',
      'undefined',
      'true',
      'undefined true string',
      expect.stringMatching(/Error$/),
      expect.stringMatching(/Error$/),
      '',
    ]);
    expect(end).toEqual({ why: 'exited', exitCode: 0 });
  });

  it('harms no one but itself when it changes what everything rests on', async () => {
    const { stdout, end } = await run(`
      const write = print;
      Array.prototype.map = () => { throw new Error('mine') }; Object.prototype.message = 'inherited'; Object.defineProperty(Object.prototype, 'get', { get() { throw 1 } });
      Function.prototype.call = null; Map.prototype.set = null; String.prototype.split = null; Promise.prototype.then = null; JSON.stringify = null;
      globalThis.print = null; globalThis.console = null;
      try { write({}) } catch {}
      stdout.write('still here\\n');
      throw new Error('the end');`);
    expect(stdout).toContain('still here\n');
    expect(end).toMatchObject({ why: 'crashed', message: expect.any(String) });
  });

  it('is refused with the place when it is no JavaScript', async () => {
    await expect(bench.runtime.submit(specOf('let x = ;'))).rejects.toMatchObject({
      code: 'MODULE_INVALID',
      message: expect.stringMatching(/not valid JavaScript: SyntaxError.*job\.js:1/s),
    });
    await expect(bench.runtime.submit(specOf('('.repeat(200_000)))).rejects.toMatchObject({ code: 'MODULE_INVALID' });
    await bench.runtime.idle();
    expect(await bench.runtime.list()).not.toContainEqual(expect.objectContaining({ state: 'starting' }));
    expect([bench.runtime.running, bench.book.size, bench.pids.size]).toEqual([0, 0, 0]);
  });
});
