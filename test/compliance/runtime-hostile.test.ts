import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { JobId } from '../../main/base/index.ts';
import type { RuntimeDriver } from '../../main/kernel/runtime/index.ts';
import type { JobView } from '../../preload/contract/index.ts';
import { containersMissing, openContainerWorld, type ContainerWorld } from '../support/engine/container-world.ts';
import { createRuntimeBench, runToEnd, viewWhen, type RuntimeBench } from '../support/runtime.ts';

const MIB = 1024 * 1024;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Everything that the engine holds. */
const everything = async ({ engine, things }: ContainerWorld): Promise<unknown> => {
  const [images, networks] = await Promise.all([engine.client.listImages({ all: true }), engine.client.listNetworks()]);
  return {
    things: await things(),
    networks: networks.map(({ Id }) => Id).toSorted(),
    // The holder's own image is kept for the next job.
    images: images
      .filter(({ RepoTags }) => RepoTags?.some((tag) => tag.startsWith('hypermesh-holder')) !== true)
      .map(({ Id }) => Id)
      .toSorted(),
  };
};

describe.skipIf(containersMissing !== null)(
  `hostile jobs through the runtime on a real engine (${containersMissing ?? 'here'})`,
  () => {
    let world: ContainerWorld;
    let bench: RuntimeBench;
    let driver: RuntimeDriver;
    let before: unknown;
    const loop = monitorEventLoopDelay({ resolution: 5 });
    beforeAll(async () => {
      world = await openContainerWorld();
      ({ driver } = await world.life());
      bench = await createRuntimeBench({ drivers: [driver] });
      before = await everything(world);
      loop.enable();
    });
    /** All that a job took is given back as soon as it is over, whatever it did. */
    const nothingLeft = async (): Promise<void> => {
      await bench.runtime.idle();
      expect(await everything(world)).toEqual(before);
      expect((await bench.runtime.list()).filter(({ state }) => state !== 'ended')).toEqual([]);
    };
    afterEach(nothingLeft);
    afterAll(async () => {
      loop.disable();
      await bench?.close();
      await world?.close();
    });
    const run = (line: string, more: Parameters<ContainerWorld['shell']>[1] = {}): ReturnType<typeof runToEnd> =>
      runToEnd(bench.runtime, world.shell(line, { timeMsMax: 30_000, ...more }));
    const started = async (line: string, more: Parameters<ContainerWorld['shell']>[1] = {}): Promise<JobView> => {
      const { id } = await bench.runtime.submit(world.shell(line, { timeMsMax: 60_000, ...more }));
      return viewWhen(bench.runtime, id, ({ state }) => state === 'running' || state === 'ended');
    };

    it('a fork bomb is ended with a reason', async () => {
      // Its first process outlives the copies: one that gives up at its first refused fork has ended by itself.
      const { view } = await run('b() { while :; do b & sleep 0.01; done 2>/dev/null; }; b & exec sleep 100', {
        pidsMax: 24,
      });
      expect(view.end).toMatchObject({ why: 'limit', limit: 'processes' });
      expect(view.measured.pids ?? 0).toBeLessThanOrEqual(25);
    });
    it('a memory bomb is ended with a reason', async () => {
      const { view } = await run('x=0123456789abcdef; while :; do x=$x$x; done', { memoryBytes: 24 * MIB });
      expect(view.end).toMatchObject({ why: 'limit', limit: 'memory' });
    });
    it('a filler of disks fills its own scratch space and nothing else', async () => {
      const { view, stdout } = await run(
        'for d in /work /tmp /dev/shm; do dd if=/dev/zero of=$d/fill bs=64k 2>/dev/null; stat -c %s $d/fill; done; exit 3',
        { scratchBytesMax: 4 * MIB, memoryBytes: 48 * MIB },
      );
      expect(view.end).toEqual({ why: 'exited', exitCode: 3 });
      const sizes = stdout.toString().trim().split('\n').map(Number);
      expect(sizes).toHaveLength(3);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(16 * MIB);
      expect(sizes[0]).toBeLessThanOrEqual(4 * MIB);
      expect(sizes[1]).toBeLessThanOrEqual(4 * MIB);
    });
    it('a flood of 10 GB of output is ended with a reason, and what may be kept is kept', async () => {
      const rssBytes = process.memoryUsage.rss();
      const { view, stdout } = await run('yes 0123456789 | head -c 10000000000', { outputBytesMax: 256 * 1024 });
      expect(view.end).toMatchObject({ why: 'limit', limit: 'output' });
      expect(stdout.length).toBeLessThanOrEqual(256 * 1024);
      expect(stdout.length).toBeGreaterThan(128 * 1024);
      expect(process.memoryUsage.rss() - rssBytes).toBeLessThan(200 * MIB);
    });
    it('one that sleeps for ever is ended when its time is over', async () => {
      const { view } = await run('sleep 100000', { timeMsMax: 1500 });
      expect(view.end).toMatchObject({ why: 'limit', limit: 'time' });
      expect((view.endedAtMs ?? 0) - (view.startedAtMs ?? 0)).toBeLessThan(6000);
    });
    it('one that ignores every signal is gone within seconds of being cancelled', async () => {
      const { id } = await started('trap "" TERM INT HUP QUIT USR1; while :; do sleep 1; done');
      const beganMs = performance.now();
      await bench.runtime.cancel(id as JobId);
      const view = await viewWhen(bench.runtime, id, ({ state }) => state === 'ended');
      expect(view.end).toEqual({ why: 'cancelled' });
      await bench.runtime.idle();
      expect(performance.now() - beganMs).toBeLessThan(10_000);
    });
    it('one that writes to every path writes into its scratch space only', async () => {
      const { stdout } = await run(
        'for d in / $(find / -xdev -type d 2>/dev/null) $(find /dev /proc/sys /sys -type d 2>/dev/null | head -400); do (: > $d/hm-x) 2>/dev/null && echo $d; done',
      );
      expect([...new Set(stdout.toString().trim().split('\n'))].toSorted()).toEqual([
        '/dev/mqueue',
        '/dev/shm',
        '/tmp',
        '/work',
      ]);
    });
    it('one that tries to reach the host, the LAN, the metadata address, the engine or another job reaches nothing', async () => {
      const heard: string[] = [];
      const listening: Server = createServer((socket) => {
        heard.push(socket.remoteAddress ?? '');
        socket.destroy();
      });
      await new Promise<void>((resolve) => listening.listen(0, '::', resolve));
      const { port } = listening.address() as { port: number };
      const own = Object.values(networkInterfaces())
        .flat()
        .filter((address) => address?.family === 'IPv4')
        .map((address) => address?.address ?? '');
      const other = await started('echo secret > /work/index.html; httpd -f -p 8080 -h /work', { ports: [8080] });
      try {
        const targets = [
          ...own.map((address) => `${address} ${port}`),
          ...[
            '127.0.0.1',
            '127.0.0.1 2375',
            '169.254.169.254 80',
            '10.0.0.1 80',
            '192.168.1.1 80',
            '172.17.0.1 22',
            '1.1.1.1 53',
          ].map((target) => (target.includes(' ') ? target : `${target} ${port}`)),
          '127.0.0.1 8080',
        ];
        const { id } = await started(
          [
            ...targets.map((target) => `nc -w 2 ${target} </dev/null >/dev/null 2>&1 && echo reached ${target}`),
            'wget -q -T 2 -O - http://169.254.169.254/latest/meta-data/ 2>/dev/null && echo metadata',
            'for s in /var/run/docker.sock /run/docker.sock /run/containerd/containerd.sock; do test -e $s && echo socket $s; done',
            'ls /proc | grep -c "^[0-9]" >/tmp/n; test $(cat /tmp/n) -gt 12 && echo processes of others',
            'ls /work',
            'true',
          ].join('\n'),
        );
        const { end } = await viewWhen(bench.runtime, id, ({ state }) => state === 'ended');
        expect(end).toEqual({ why: 'exited', exitCode: 0 });
        // What it wrote to stderr are the refusals.
        const { chunks } = await bench.runtime.output(id as JobId, 0);
        expect(chunks.filter(({ stream }) => stream === 'stdout')).toEqual([]);
        expect(heard).toEqual([]);
      } finally {
        await bench.runtime.cancel(other.id as JobId);
        await new Promise((resolve) => listening.close(resolve));
      }
    });
    it('an engine that is restarted in the middle ends them with a reason, and runs the next', async () => {
      const jobs = await Promise.all([1, 2, 3].map(() => started('trap "exit 9" TERM; while :; do sleep 0.1; done')));
      await world.engine.restart();
      for (const { id } of jobs) {
        const { end } = await viewWhen(bench.runtime, id, ({ state }) => state === 'ended');
        expect(end).toMatchObject({ why: 'lost', message: expect.stringMatching(/engine/) });
      }
      // The node sees within seconds that it is back.
      let next: Awaited<ReturnType<typeof run>> | null = null;
      for (let tries = 0; next === null && tries < 40; tries++) {
        next = await run('echo again').catch(() => null);
        if (next === null) await sleep(250);
      }
      expect(next?.stdout.toString()).toBe('again\n');
      // What could not be removed while it was away is swept once it is back: by the doctor, in a whole node.
      await driver.sweep([]);
    });
    it('two hundred at once wait in the queue, and every one is run', async () => {
      loop.reset();
      const beganMs = performance.now();
      const views = await Promise.all(
        Array.from({ length: 200 }, (_, number) =>
          bench.runtime.submit(
            world.shell(`echo ${number}`, {
              queue: true,
              cpuPercent: 20,
              memoryBytes: 16 * MIB,
              scratchBytesMax: MIB,
              timeMsMax: 60_000,
            }),
          ),
        ),
      );
      const ended = await Promise.all(
        views.map(({ id }) => viewWhen(bench.runtime, id, ({ state }) => state === 'ended')),
      );
      expect(ended.filter(({ end }) => end?.why !== 'exited' || end.exitCode !== 0)).toEqual([]);
      for (const [number, { id }] of ended.entries()) {
        const { chunks } = await bench.runtime.output(id as JobId, 0);
        expect(Buffer.concat(chunks.map(({ data }) => Buffer.from(data, 'base64'))).toString()).toBe(`${number}\n`);
      }
      const tookMs = performance.now() - beganMs;
      // The node goes on answering meanwhile. How late at worst is for the bench: here it shares two cores with two hundred starts.
      expect(loop.percentile(50) / 1e6, `${Math.round(tookMs)} ms for all`).toBeLessThan(50);
    }, 400_000);
  },
);
