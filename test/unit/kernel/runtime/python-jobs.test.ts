import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../main/base/index.ts';
import type { SandboxSpec } from '../../../../preload/contract/index.ts';
import { createRuntimeBench, runToEnd, specOf, type RuntimeBench } from '../../../support/runtime.ts';

const { clock } = createSystemOutside();
const MIB = 1024 * 1024;

let bench: RuntimeBench;
beforeAll(async () => {
  bench = await createRuntimeBench({ governors: ['duty-cycle'] });
});
afterAll(() => bench.close());

const run = async (code: string, given: Partial<SandboxSpec> = {}) => {
  const { view, stdout, stderr } = await runToEnd(
    bench.runtime,
    specOf(code, { kind: 'python', memoryBytes: 96 * MIB, ...given }),
  );
  return { view, end: view.end, stdout: stdout.toString(), stderr: stderr.toString() };
};

describe('a Python job', () => {
  it('is __main__, with its arguments, variables and the standard library', async () => {
    const { stdout, end } = await run(
      [
        'import sys, os, json, hashlib',
        'if __name__ == "__main__":',
        '  print(json.dumps([sys.argv, os.environ["NAME"], os.getcwd(), sorted(globals())[:3]]))',
        '  print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:8])',
      ].join('\n'),
      { args: ['a', 'ü "x"'], env: { NAME: 'vå\\lue' }, stdin: Buffer.from('abc').toString('base64') },
    );
    expect(end).toEqual({ why: 'exited', exitCode: 0 });
    expect(JSON.parse(stdout.split('\n')[0]!)).toEqual([
      ['main.py', 'a', 'ü "x"'],
      'vå\\lue',
      '/',
      ['__annotations__', '__builtins__', '__doc__'],
    ]);
    expect(stdout.split('\n')[1]).toBe('ba7816bf');
  });

  it('ends with its own code, and with 1 and where it happened when it throws', async () => {
    expect((await run('import sys\nsys.exit(7)')).end).toEqual({ why: 'exited', exitCode: 7 });
    const { end, stderr } = await run('def inner():\n  return 1 / 0\ninner()');
    expect(end).toEqual({ why: 'exited', exitCode: 1 });
    expect(stderr).toBe(
      'Traceback (most recent call last):\n  File "main.py", line 3, in <module>\n    inner()\n  File "main.py", line 2, in inner\n    return 1 / 0\n           ~~^~~\nZeroDivisionError: division by zero\n',
    );
    expect((await run('print("x')).stderr).toContain('SyntaxError: unterminated string literal');
  });

  it('reaches neither files nor network of the machine, nor anything of its host', async () => {
    const { stdout } = await run(
      [
        'import os, sys',
        'def attempt(name, what):',
        '  try:',
        '    what()',
        '    print(name, "worked")',
        '  except BaseException as error: print(name, type(error).__name__)',
        'attempt("read", lambda: open("/etc/passwd"))',
        'attempt("up", lambda: open("../../../../etc/passwd"))',
        'attempt("socket", lambda: __import__("socket").create_connection(("127.0.0.1", 80)))',
        'attempt("process", lambda: __import__("subprocess").run(["ls"]))',
        'attempt("native", lambda: __import__("ctypes"))',
        'attempt("threads", lambda: __import__("_thread").start_new_thread(print, ()))',
        'print(os.listdir("/"), dict(os.environ))',
      ].join('\n'),
    );
    expect(stdout).not.toContain('worked');
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('[] {}');
  });

  it('ends with a reason, whatever it breaks', async () => {
    expect((await run('all = []\nwhile True: all.append(bytes(1000000))')).end).toMatchObject({
      why: 'limit',
      limit: 'memory',
      message: expect.stringContaining('used up its 96.0 MiB'),
    });
    expect((await run('while True: pass', { timeMsMax: 500 })).end).toMatchObject({ why: 'limit', limit: 'time' });
    expect((await run('while True: print("x" * 1000)', { outputBytesMax: 50_000 })).end).toMatchObject({
      why: 'limit',
      limit: 'output',
    });
    const deep = await run('def f(n): return f(n + 1)\nf(0)');
    expect([deep.end, deep.stderr.includes('RecursionError')]).toEqual([{ why: 'exited', exitCode: 1 }, true]);
    expect((await run('print(1)', { memoryBytes: 4 * MIB }).catch((error: unknown) => error)) as object).toMatchObject({
      code: 'MODULE_INVALID',
    });
    expect([bench.book.size, bench.runtime.running]).toEqual([0, 0]);
  });

  it('ends with a reason when it goes deeper than there is room for', async () => {
    const unbound = (program: string) => run(`import sys\nsys.setrecursionlimit(10**9)\n${program}`);
    const calls = await unbound('def f(n): return f(n + 1)\nf(0)');
    // Whether memory is left to say so is chance.
    const isSaid = calls.end?.why === 'exited' && calls.end.exitCode === 1 && calls.stderr.length > 0;
    expect(isSaid || (calls.end?.why === 'limit' && calls.end.limit === 'memory')).toBe(true);
    expect((await unbound('class A:\n  def __repr__(self): return repr(self)\nrepr(A())')).end).toMatchObject({
      why: 'crashed',
      message: expect.stringContaining('called itself too deep'),
    });
    const parsed = await unbound('eval("(" * 10**5 + ")" * 10**5)');
    expect([parsed.end, parsed.stderr.includes('too complex')]).toEqual([{ why: 'exited', exitCode: 1 }, true]);
    expect([bench.book.size, bench.runtime.running]).toEqual([0, 0]);
  });

  it('begins at once when another came shortly before, and the host that waits is nobody’s', async () => {
    await run('print("one")');
    // Nothing runs, so that the one process there is waits for a job.
    while (bench.pids.size !== 1) await clock.sleep(20);
    const [waiting] = bench.pids;
    expect([bench.book.size, bench.runtime.running]).toEqual([0, 0]);
    const { stdout } = await run('import sys\nprint(sys.argv)', { args: ['two'] });
    expect(stdout).toBe("['main.py', 'two']\n");
    // It was that host which ran it.
    expect(existsSync(`/proc/${waiting}`)).toBe(false);
  });
});
