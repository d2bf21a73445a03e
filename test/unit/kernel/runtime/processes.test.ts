import { spawn } from 'node:child_process';
import { getPriority } from 'node:os';
import { describe, expect, it } from 'vitest';
import { giveWay } from '../../../../main/kernel/runtime/processes.ts';

describe('giveWay', () => {
  it("puts a process behind the owner's programs", async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
    const gone = new Promise((resolve) => child.once('exit', resolve));
    giveWay(child.pid!);
    expect(getPriority(child.pid)).toBe(10);
    child.stdin.end();
    await gone;
    // There is no such process any more, which is no reason to fail.
    giveWay(child.pid!);
  });
});
