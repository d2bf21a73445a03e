import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../main/base/index.ts';
import { CpuMeter } from '../../main/kernel/runtime/governor/cpu-meter.ts';
import type { CpuGovernor, CpuHold, GovernedProcess } from '../../main/kernel/runtime/governor/index.ts';

const { clock } = createSystemOutside();

/** A process that uses all it gets, on one thread. */
const startBusy = async (): Promise<{ child: ChildProcess; process: GovernedProcess; meter: CpuMeter }> => {
  const child = spawn(process.execPath, ['-e', 'process.stdout.write("r"); for (;;);'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  await once(child.stdout, 'data');
  const pid = child.pid!;
  return {
    child,
    meter: new CpuMeter(pid),
    process: {
      pid,
      signal: (signal) => {
        if (child.exitCode === null && child.signalCode === null) process.kill(-pid, signal);
      },
    },
  };
};

/** Idle time of all processors and all time, in ticks. */
const machineTicks = (): { idle: number; all: number } => {
  const fields = readFileSync('/proc/stat', 'latin1').split('\n')[0]!.trim().split(/\s+/).slice(1, 9).map(Number);
  return { idle: fields[3]! + fields[4]!, all: fields.reduce((sum, ticks) => sum + ticks, 0) };
};

/**
 * Expects a share within 3 points. A share is a ceiling: when other programs take all that the machine has, nobody can
 * promise more, so then only the upper side is checked.
 */
const expectShare = async (meter: CpuMeter, wantedPercent: number, ms: number): Promise<void> => {
  const before = machineTicks();
  const share = await measureShare(meter, ms);
  const after = machineTicks();
  // Over 20 s, 3 points; a shorter time may also hold what is caught up on, half a second of the share.
  expect(share).toBeLessThan(wantedPercent + 3 + (wantedPercent * 500) / ms);
  const idle = (after.idle - before.idle) / (after.all - before.all);
  if (idle > 0.25) expect(share).toBeGreaterThan(wantedPercent - 3);
  else expect(share).toBeGreaterThan(0);
};

/** Share of one core, in percent, that the process really takes over `ms`. */
const measureShare = async (meter: CpuMeter, ms: number): Promise<number> => {
  const before = { cpuMs: meter.read()!, atMs: clock.monotonicMs() };
  await clock.sleep(ms);
  return ((meter.read()! - before.cpuMs) / (clock.monotonicMs() - before.atMs)) * 100;
};

/** State letter of /proc/<pid>/stat. */
const isStopped = (pid: number): boolean => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.startsWith('T');

/** A process that is throttled by its group takes the signal when its next period begins. */
const untilStopped = async (pid: number): Promise<void> => {
  while (!isStopped(pid)) await clock.sleep(10);
};

/**
 * What every governor promises. Needs /proc, so Linux.
 *
 * @param create - a governor, or null where this kind cannot work on this machine
 */
export const cpuGovernorCompliance = (name: string, create: () => Promise<CpuGovernor | null>): void => {
  describe(`${name} holds a share`, () => {
    let governor: CpuGovernor | null;
    let hold: CpuHold | null = null;
    let busy: Awaited<ReturnType<typeof startBusy>> | null = null;
    beforeAll(async () => {
      governor = await create();
    });
    afterEach(async () => {
      hold?.release();
      busy?.meter.close();
      if (busy !== null && busy.child.exitCode === null && busy.child.signalCode === null) {
        process.kill(-busy.process.pid, 'SIGKILL');
        await once(busy.child, 'exit');
      }
      governor?.close();
    });

    it('and keeps it through changes, down to nothing and back', async (context) => {
      if (governor === null) return context.skip(`${name} cannot be used by this user on this machine`);
      busy = await startBusy();
      hold = governor.govern(busy.process, 300);
      hold.begin();
      expect(hold.kind).toBe(governor.kind);
      // The first moments pay back what starting took.
      await clock.sleep(500);
      await expectShare(busy.meter, 30, 4000);
      hold.setMillicores(700);
      await clock.sleep(1000);
      await expectShare(busy.meter, 70, 4000);
      hold.setMillicores(100);
      await clock.sleep(1000);
      await expectShare(busy.meter, 10, 4000);
      hold.setMillicores(0);
      await untilStopped(busy.process.pid);
      // V8's other threads stop a moment after the first, and the kernel books their last slice then: microseconds.
      expect(await measureShare(busy.meter, 500)).toBeLessThan(1);
      hold.setMillicores(500);
      await clock.sleep(1000);
      await expectShare(busy.meter, 50, 3000);
    });

    it('lets a starting process run freely, but not for long', async (context) => {
      if (governor === null) return context.skip(`${name} cannot be used by this user on this machine`);
      busy = await startBusy();
      hold = governor.govern(busy.process, 50);
      const before = busy.meter.read()!;
      await clock.sleep(200);
      // At 5 % it would have got 10 ms.
      expect(busy.meter.read()! - before).toBeGreaterThan(30);
      // It never begins, and still is held once the allowance is gone.
      await clock.sleep(1500);
      expect(await measureShare(busy.meter, 3000)).toBeLessThan(9);
    });

    it('freezes from the start, and can be released twice and after the process has gone', async (context) => {
      if (governor === null) return context.skip(`${name} cannot be used by this user on this machine`);
      busy = await startBusy();
      hold = governor.govern(busy.process, 0);
      hold.begin();
      await untilStopped(busy.process.pid);
      process.kill(-busy.process.pid, 'SIGKILL');
      await once(busy.child, 'exit');
      hold.setMillicores(100);
      hold.release();
      hold.release();
      hold.setMillicores(200);
    });
  });
};
