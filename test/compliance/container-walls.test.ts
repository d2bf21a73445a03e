import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RuntimeDriver } from '../../main/kernel/runtime/drivers/interface.ts';
import { containersMissing, type ContainerWorld, openContainerWorld } from '../support/engine/container-world.ts';
import { makeProbeImage, makeSetuidImage, probeMissing } from '../support/engine/wall-probe.ts';
import { type DriverRun, startDriven, until } from '../support/runtime-driver.ts';

/** Folders in which a job may write. Everything in them lies in memory and goes with it. */
const WRITABLE = ['/dev/mqueue', '/dev/shm', '/tmp', '/work'];

// Each wall is tried from inside: what the engine says of its settings proves nothing.
describe.skipIf(containersMissing !== null || probeMissing !== null)(
  `what a job in a container cannot do (${containersMissing ?? probeMissing ?? 'engine here'})`,
  () => {
    let world: ContainerWorld;
    let driver: RuntimeDriver;
    const runs: DriverRun[] = [];
    const start = async (...given: Parameters<ContainerWorld['shell']>): Promise<DriverRun> => {
      const run = await startDriven(driver, world.shell(...given));
      runs.push(run);
      return run;
    };
    /** @returns what it wrote, once it has ended with code 0 */
    const said = async (...given: Parameters<ContainerWorld['shell']>): Promise<string> => {
      const run = await start(...given);
      await until(() => run.told.how !== null);
      expect(run.told.end, `${run.told.text('stderr')} ${run.told.refusal ?? ''}`).toEqual({
        why: 'exited',
        exitCode: 0,
      });
      return run.told.text('stdout');
    };

    beforeAll(async () => {
      world = await openContainerWorld();
      makeProbeImage(world.engine, 'probe:1');
      makeSetuidImage(world.engine, 'setuid:1');
      ({ driver } = await world.life());
    });
    afterEach(async () => {
      for (const run of runs.splice(0)) {
        run.driven.kill();
        await until(() => run.told.how !== null);
        await run.driven.release();
      }
      await world.expectNothing();
    });
    afterAll(async () => world.close());

    it('gets nothing of the kernel that could lead out', async () => {
      const own = Object.values(networkInterfaces())
        .flatMap((list) => list ?? [])
        .filter(({ family, internal }) => family === 'IPv4' && !internal)
        .map(({ address }) => address);
      const text = await said(`probe ${own[0] ?? '10.0.0.1'} machine`, { image: 'probe:1' });
      const answers = text
        .trim()
        .split('\n')
        .map((line) => line.split(' '));
      expect(answers.length).toBeGreaterThan(30);
      expect(answers.filter(([, number]) => number === '0').map(([name]) => name)).toEqual([]);
      // No route at all, not one that is filtered: 101 is ENETUNREACH.
      const reached = answers.filter(([name]) => ['metadata', 'internet', 'lan', 'bridge', 'machine'].includes(name!));
      expect(reached.map(([, number]) => number)).toEqual(['101', '101', '101', '101', '101']);
    });

    it('gains nothing by a program of root that lends its rights', async () => {
      expect(await said('', { image: 'setuid:1', entrypoint: ['/probe', 'identity'] })).toBe(
        'uid 65532 euid 65532 gid 65532 egid 65532\n',
      );
      const status = await said('cat /proc/self/status');
      expect(status).toMatch(/^Uid:\s+65532\s+65532\s+65532\s+65532$/m);
      expect(status).toMatch(/^Groups:\s+65532 ?$/m);
      for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
        expect(status).toMatch(new RegExp(`^${name}:\\s+0{16}$`, 'm'));
      expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
      expect(status).toMatch(/^Seccomp:\s+2$/m);
    });

    it('writes nowhere but into its own memory', async () => {
      const folders = await said(
        'find / -path /proc -prune -o -path /sys -prune -o -type d -print | while read d; do touch "$d/.x" 2>/dev/null && echo "$d"; done; true',
      );
      expect(folders.trim().split('\n').sort()).toEqual(WRITABLE);
      const files = await said(
        'find / -path /proc -prune -o -path /sys -prune -o -type f -print | while read f; do ( : >> "$f" ) 2>/dev/null && echo "$f"; done; true',
      );
      expect(files).toBe('');
      // `h` only asks for help: a wall that fails is not to take the machine down.
      const kernel = await said(
        'for f in /proc/sysrq-trigger /proc/sys/kernel/hostname /proc/sys/vm/overcommit_memory /proc/sys/net/ipv4/ip_forward /proc/self/oom_adj_x /sys/kernel/uevent_helper /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max /sys/fs/cgroup/cgroup.procs; do ( echo h > $f ) 2>/dev/null && echo "$f"; done; true',
      );
      expect(kernel).toBe('');
    });

    it('makes itself no less likely to go first when memory runs out', async () => {
      expect(
        await said(
          'cat /proc/self/oom_score_adj; echo -500 2>/dev/null > /proc/self/oom_score_adj || true; cat /proc/self/oom_score_adj',
        ),
      ).toBe('800\n800\n');
    });

    it('sees no device, no disk, no socket of the engine and no other process', async () => {
      expect(await said('find / -path /proc -prune -o -type b -print -o -type s -print')).toBe('');
      expect((await said('ls /dev')).trim().split(/\s+/)).toEqual([
        'fd',
        'full',
        'mqueue',
        'null',
        'ptmx',
        'pts',
        'random',
        'shm',
        'stderr',
        'stdin',
        'stdout',
        'tty',
        'urandom',
        'zero',
      ]);
      const pids = (await said('cd /proc && ls -d [0-9]*')).trim().split(/\s+/).map(Number);
      expect(Math.max(...pids)).toBeLessThan(20);
      // What is hidden of the kernel's own files is empty or refused.
      expect(
        await said('cat /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug 2>/dev/null | head -c 100; true'),
      ).toBe('');
    });

    it('sees no folder of this machine, and learns nothing of its network', async () => {
      const mounts = (await said('cat /proc/self/mounts'))
        .trim()
        .split('\n')
        .map((line) => line.split(' '));
      const named = mounts.filter(
        ([source, , kind]) => source!.startsWith('/') || kind === 'ext4' || kind === 'xfs' || kind === 'btrfs',
      );
      // What the engine itself puts there, all of it read-only.
      expect(named.map(([, target]) => target!).sort((a, b) => a.localeCompare(b))).toEqual([
        '/etc/hostname',
        '/etc/hosts',
        '/etc/resolv.conf',
        '/sbin/docker-init',
      ]);
      for (const [, , , options] of named) expect(options!.split(',')).toContain('ro');
      const told = await said('cat /etc/hosts /etc/resolv.conf; cat /etc/hostname; env');
      expect(told).not.toContain(hostname());
      for (const [, address] of readFileSync('/etc/resolv.conf', 'utf8').matchAll(/^nameserver\s+(\S+)/gm))
        expect(told).not.toContain(address);
    });

    it('has a network of one interface that leads nowhere', async () => {
      const server = createServer((socket) => socket.end('host')).listen(0, '127.0.0.1');
      await until(() => server.listening);
      const { port } = server.address() as { port: number };
      try {
        expect(
          await said('tail -n +3 /proc/net/dev | cut -d: -f1 2>/dev/null || sed -n "3,$ s/:.*//p" /proc/net/dev'),
        ).toMatch(/^\s*lo\s*$/);
        expect((await said('tail -n +2 /proc/net/route')).trim()).toBe('');
        // The loopback of the job is not that of the machine.
        expect(await said(`nc -w 1 127.0.0.1 ${port} </dev/null || echo refused`)).toBe('refused\n');
      } finally {
        server.close();
      }
    });

    it('does not meet another job', async () => {
      const first = await start(
        'echo hidden > /tmp/index.html; mkdir -p /dev/shm/first; httpd -p 127.0.0.1:8080 -h /tmp; echo ready; exec sleep 100',
      );
      await until(() => first.told.text('stdout') === 'ready\n');
      expect(await said('nc -w 1 127.0.0.1 8080 </dev/null || echo refused')).toBe('refused\n');
      expect(await said('ls /dev/shm /tmp; ls /work; ps | grep -c "[h]ttpd" || true')).toMatch(/0\n$/);
    });

    it('fills no disk by a volume that its image declares, nor by anything else', async () => {
      world.engine.makeImage('volumes:1', {}, [
        'VOLUME /data',
        'VOLUME /etc/more',
        'HEALTHCHECK CMD touch /tmp/asked',
        'ENV A=1',
      ]);
      const text = await said(
        'for d in /data /etc/more /tmp /work /dev/shm; do dd if=/dev/zero of=$d/fill bs=64k count=10000 2>/dev/null; stat -c "%n %s" $d/fill; rm $d/fill; done; df -a | grep -c overlay; true',
        { image: 'volumes:1', memoryBytes: 64 * 1024 * 1024 },
      );
      const sizes = Object.fromEntries(
        [...text.matchAll(/^(\S+)\/fill (\d+)$/gm)].map(([, folder, bytes]) => [folder!, Number(bytes)]),
      );
      expect(sizes['/data']).toBe(1024 * 1024);
      expect(sizes['/etc/more']).toBe(1024 * 1024);
      expect(sizes['/tmp']).toBe(8 * 1024 * 1024);
      expect(sizes['/work']).toBe(8 * 1024 * 1024);
      expect(sizes['/dev/shm']).toBe(16 * 1024 * 1024);
    });

    it('is given no more of anything by its image than by its request', async () => {
      world.engine.makeImage('greedy:1', {}, [
        'USER root',
        'WORKDIR /bin',
        'ENV HYPERMESH_JOB=none',
        'ENTRYPOINT ["/bin/sh"]',
      ]);
      const text = await said('', {
        image: 'greedy:1',
        entrypoint: ['/bin/sh', '-c', 'id -u; pwd; echo $HYPERMESH_JOB; ulimit -c; ulimit -n; echo $HOME'],
      });
      expect(text.replace(/job-[0-9a-z]{16}/, 'job')).toBe('65532\n/bin\njob\n0\n4096\n/work\n');
    });

    it('says what cannot be run, and why', async () => {
      const run = await start('', { entrypoint: ['/bin/no-such-program'] });
      await until(() => run.told.how !== null);
      // The engine says so where it starts the program itself, its first process where there is one.
      expect(run.told.refusal ?? run.told.text('stderr')).toMatch(/no-such-program.*(no such file|failed)/i);
      expect(run.told.end).not.toEqual({ why: 'exited', exitCode: 0 });
      await expect(startDriven(driver, world.shell('', { entrypoint: [] }))).rejects.toMatchObject({
        code: 'MODULE_INVALID',
      });
      await expect(startDriven(driver, world.shell('true', { gpu: true }))).rejects.toMatchObject({
        code: 'GPU_MISSING',
        message: expect.stringMatching(/toolkit/),
      });
    });
  },
);
