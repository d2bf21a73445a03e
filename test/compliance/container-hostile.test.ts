import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../main/base/index.ts';
import type { RuntimeDriver } from '../../main/kernel/runtime/drivers/interface.ts';
import { containersMissing, type ContainerWorld, openContainerWorld } from '../support/engine/container-world.ts';
import { makeProbeImage, probeMissing } from '../support/engine/wall-probe.ts';
import { cpuPercentOver, type DriverRun, startDriven, until } from '../support/runtime-driver.ts';

const { clock } = createSystemOutside();
const MIB = 1024 * 1024;

/** Bytes of all files beneath a folder that may change meanwhile. */
const bytesBeneath = (folder: string): number => {
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    try {
      if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size;
    } catch {
      // Rotated away in between.
    }
  }
  return bytes;
};

describe.skipIf(containersMissing !== null || probeMissing !== null)(
  `jobs in containers that mean harm (${containersMissing ?? probeMissing ?? 'engine here'})`,
  () => {
    let world: ContainerWorld;
    let driver: RuntimeDriver;
    const runs: DriverRun[] = [];
    const start = async (
      line: string,
      more: Parameters<ContainerWorld['shell']>[1] = {},
      millicores = 1000,
    ): Promise<DriverRun> => {
      const run = await startDriven(driver, world.shell(line, more), { millicores });
      runs.push(run);
      return run;
    };
    const end = async (run: DriverRun): Promise<void> => {
      run.driven.kill();
      await until(() => run.told.how !== null);
      await run.driven.release();
    };

    beforeAll(async () => {
      world = await openContainerWorld();
      makeProbeImage(world.engine, 'probe:1');
      ({ driver } = await world.life());
    });
    afterEach(async () => {
      await Promise.all(runs.splice(0).map(end));
      await world.expectNothing();
    });
    afterAll(async () => world.close());

    it('end with a reason when they fork without end, and no process of theirs is left', async () => {
      const run = await start('exec probe fork', { image: 'probe:1', pidsMax: 40 });
      // As the runtime does, which measures each job once a second.
      while (run.told.how === null) {
        const { pids } = run.driven.measured();
        // With the engine's own first process.
        expect(pids ?? 0).toBeLessThanOrEqual(41);
        await clock.sleep(100);
      }
      expect(run.told.end).toMatchObject({ why: 'limit', limit: 'processes', message: expect.stringContaining('40') });
      expect(execFileSync('ps', ['-eo', 'args']).toString()).not.toContain('probe fork');
    });

    it('go on where they meet the bound of processes and live with it', async () => {
      const run = await start('for i in 1 2 3 4 5 6 7 8; do sleep 0.3 & done 2>/dev/null; wait; echo done', {
        pidsMax: 6,
      });
      await until(() => run.told.how !== null);
      expect(run.told.end === null || ['exited', 'limit'].includes(run.told.end.why)).toBe(true);
    });

    it('end with a reason when a child of theirs takes all memory', async () => {
      const run = await start('sh -c "x=0123456789abcdef; while true; do x=\\$x\\$x; done"; exit $?', {
        memoryBytes: 24 * MIB,
      });
      await until(() => run.told.how !== null);
      expect(run.told.end).toMatchObject({ why: 'limit', limit: 'memory' });
    });

    it('see a full disk when they fill one, and nobody else does', async () => {
      const run = await start(
        'dd if=/dev/zero of=/tmp/fill bs=1M 2>&1 | grep -o "No space left"; rm /tmp/fill; seq 1 9000 | sed "s#^#/work/f#" | xargs touch 2>/dev/null; echo files $(ls /work | wc -l)',
        { scratchBytesMax: 4 * MIB, memoryBytes: 64 * MIB },
      );
      await until(() => run.told.how !== null);
      const files = Number(/^No space left\nfiles (\d+)\n$/.exec(run.told.text('stdout'))?.[1]);
      expect(files).toBeGreaterThan(100);
      expect(files).toBeLessThan(3000);
    });

    it('flood their output, which is bounded on the disk, in memory and by who reads it', async () => {
      const run = await start('yes 0123456789012345678901234567890123456789 | head -c 10000000000', {
        outputBytesMax: 1 * MIB,
      });
      const before = process.memoryUsage.rss();
      await until(() => run.told.bytes > 60 * MIB);
      run.driven.pauseOutput();
      await clock.sleep(300);
      const then = run.told.bytes;
      await clock.sleep(300);
      expect(run.told.bytes).toBe(then);
      expect(bytesBeneath(join(world.engine.folder, 'data', 'containers'))).toBeLessThan(8 * MIB);
      expect(process.memoryUsage.rss() - before).toBeLessThan(150 * MIB);
    });

    it('sleep for ever, and end within 2 s when they are killed, with all their children', async () => {
      const run = await start(
        'for i in 1 2 3 4 5; do (trap "" TERM HUP; sleep 1000) & done; trap "" TERM; echo ready; wait',
      );
      await until(() => run.told.text('stdout') === 'ready\n');
      const askedAtMs = clock.monotonicMs();
      run.driven.stop(300);
      await until(() => run.told.how !== null);
      expect(clock.monotonicMs() - askedAtMs).toBeLessThan(3000);
      expect(run.told.how).toMatchObject({ signal: 'SIGKILL' });
    });

    it('keep their share whatever they do, and the slider moves it within 1 s', async () => {
      // Four processes, so that a share is that of the job and not of each.
      const spin = async (millicores: number): Promise<DriverRun> => {
        const run = await start('for i in 1 2 3; do while :; do :; done & done; while :; do :; done', {}, millicores);
        await until(() => run.told.isRunning);
        await clock.sleep(700);
        return run;
      };
      const shareOf = async (millicores: number): Promise<number> => {
        const run = await spin(millicores);
        const share = await cpuPercentOver(run.driven, 2000);
        await end(run);
        return share;
      };
      const [tenth, third] = [await shareOf(100), await shareOf(300)];
      const run = await spin(700);
      const most = await cpuPercentOver(run.driven, 2000);
      run.driven.setMillicores(500);
      run.driven.setMillicores(200);
      await clock.sleep(1000);
      const lowered = await cpuPercentOver(run.driven, 1500);
      const found = await world.engine.client.getContainer(`hypermesh-${run.job.id}`).inspect();
      expect(found.HostConfig.CpuQuota).toBe(20_000);
      // Never above; below only where the machine had no more to give.
      expect([tenth < 11.5, third < 32, most < 73, lowered < 23]).toEqual([true, true, true, true]);
      expect(tenth).toBeGreaterThan(5);
      expect(third).toBeGreaterThan(tenth);
      expect(most).toBeGreaterThan(third);
    });

    it('are ended when their health check fails three times, one that hangs too, and are well before', async () => {
      const run = await start('touch /work/well; echo ready; sleep 2.5; rm /work/well; exec sleep 100', {
        health: { command: ['test', '-e', '/work/well'], intervalMs: 1000, timeoutMs: 3000 },
      });
      await until(() => run.told.how !== null);
      expect(run.told.healths.slice(0, 2)).toEqual(['starting', 'healthy']);
      expect(run.told.healths.slice(-3)).toEqual(['failing', 'failing', 'failing']);
      expect(run.told.end).toMatchObject({ why: 'unhealthy', message: expect.stringContaining('/work/well') });
      const hung = await start('exec sleep 100', {
        pidsMax: 16,
        health: { command: ['sh', '-c', 'sleep 98765 & yes; wait'], intervalMs: 1000, timeoutMs: 200 },
      });
      let most = 0;
      while (hung.told.how === null) {
        const sleepers = execFileSync('ps', ['-eo', 'args'])
          .toString()
          .match(/^sleep 98765$/gm);
        most = Math.max(most, sleepers?.length ?? 0);
        await clock.sleep(100);
      }
      expect(hung.told.end).toMatchObject({ why: 'unhealthy' });
      // Each check was killed with its children before the next one was asked.
      expect(most).toBe(1);
    });

    it('are reached through their ports only, those that they named', async () => {
      const run = await start(
        'echo well > /tmp/index.html; httpd -p 8080 -h /tmp; httpd -p 8081 -h /tmp; echo ready; exec sleep 100',
        {
          ports: [8080],
        },
      );
      await until(() => run.told.text('stdout') === 'ready\n');
      const pipe = await run.driven.connect(8080);
      await pipe.write(Buffer.from('GET /index.html HTTP/1.0\r\n\r\n'));
      const pieces: Uint8Array[] = [];
      for (let piece = await pipe.read(); piece !== null; piece = await pipe.read()) pieces.push(piece);
      expect(Buffer.concat(pieces).toString()).toMatch(/200 OK[\s\S]*well\n$/);
      await expect(run.driven.connect(8081)).rejects.toMatchObject({ code: 'PORT_CLOSED' });
      expect(run.driven.measured().receivedBytes + run.driven.measured().sentBytes).toBeGreaterThan(30);
    });

    it('come in numbers, and the thread of the node is never held', async () => {
      let most = 0;
      let lastMs = clock.monotonicMs();
      const cancel = clock.every(5, () => {
        const now = clock.monotonicMs();
        most = Math.max(most, now - lastMs);
        lastMs = now;
      });
      const many = await Promise.all(
        Array.from({ length: 50 }, async () => start('echo on; exec sleep 1000', {}, 100)),
      );
      await until(() => many.every(({ told }) => told.text('stdout') === 'on\n'));
      cancel();
      // The worst of all, beside fifty starts on the same processors.
      expect(most).toBeLessThan(1_000);
      await Promise.all(many.map(end));
    }, 180_000);
  },
);
