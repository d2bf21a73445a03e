import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContainerDoctorState } from '../../preload/contract/index.ts';
import { checkOf, createDoctorBench, probeProgram, type DoctorBench } from '../support/engine/doctor-bench.ts';
import { engineMissing, startTestEngine, type TestEngine } from '../support/engine/docker-engine.ts';
import { ORDINARY_UID, whyNoOrdinaryUser } from '../support/ordinary-user.ts';
import { canMount, mountTinyDisk } from '../support/tiny-disk.ts';

/** Everything in an engine, to be compared. */
const everything = async ({ client }: TestEngine): Promise<unknown> => {
  const [containers, volumes, networks, images] = await Promise.all([
    client.listContainers({ all: true }),
    client.listVolumes(),
    client.listNetworks(),
    client.listImages({ all: true }),
  ]);
  return {
    containers: containers.map(({ Id, State }) => [Id, State]),
    volumes: (volumes.Volumes ?? []).map(({ Name }) => Name),
    networks: networks.map(({ Id }) => Id).toSorted(),
    images: images.map(({ Id }) => Id).toSorted(),
  };
};

describe.skipIf(engineMissing !== null)(`the container doctor on a real engine (${engineMissing ?? 'here'})`, () => {
  let engine: TestEngine;
  let bench: DoctorBench;
  beforeAll(async () => {
    engine = await startTestEngine();
    bench = await createDoctorBench(engine.endpoint, { init: { probe: probeProgram() } });
  });
  afterAll(async () => {
    await bench?.close();
    await engine?.stop();
  });

  it('finds it well, measures every limit, and leaves it as it was', async () => {
    const before = await everything(engine);
    const state = await bench.examine();
    expect(state.checks.filter(({ result }) => result === 'bad' || result === 'warning')).toEqual([]);
    expect(state.sentence).toMatch(/^Docker .* every limit was measured and holds\.$/);
    expect(bench.said).toEqual([]);
    const share = Number(/it got ([\d.]+) % by the counters/.exec(checkOf(state, 'limits-cpu').sentence)?.[1]);
    expect(Math.abs(share - 30)).toBeLessThan(5);
    for (const id of ['start', 'network', 'root', 'rights', 'tmp', 'pids', 'memory', 'cpu'])
      expect(checkOf(state, `limits-${id}`).result, id).toBe('good');
    expect(await everything(engine)).toEqual(before);
  });
  it('stops when it is told to, and removes its container all the same', async () => {
    const before = await everything(engine);
    const end = bench.ended();
    const stop = bench.doctor.on('changed', ({ checks }) => {
      if (checks.some(({ id, result }) => id === 'limits-cpu' && result === 'running'))
        void sleep(500).then(() => bench.doctor.cancel());
    });
    const cpuRuns = new Promise<void>((resolve) => {
      bench.doctor.on('changed', ({ checks }) => {
        if (checks.some(({ id, result }) => id === 'limits-cpu' && result === 'running')) resolve();
      });
    });
    bench.doctor.run();
    await cpuRuns;
    const beginMs = performance.now();
    await end;
    stop();
    expect(performance.now() - beginMs).toBeLessThan(2000);
    expect(await everything(engine)).toEqual(before);
  });
  it('removes what a test that was cut short left, and touches nothing of others', async () => {
    engine.makeImage('theirs:1');
    const make = async (name: string, labels: Record<string, string>): Promise<string> => {
      const options = { name, Image: 'theirs:1', Cmd: ['sleep', '60'], Labels: labels };
      return (await engine.client.createContainer({ ...options, HostConfig: { NetworkMode: 'none' } })).id;
    };
    const test = { 'org.hypermesh.node': bench.engine.mark, 'org.hypermesh.role': 'test' };
    const theirs = await make('theirs', {});
    const ofAnotherNode = await make('hypermesh-probe-aaaaaaaaaaaa', { ...test, 'org.hypermesh.node': 'f'.repeat(32) });
    const ours = await make('hypermesh-probe-bbbbbbbbbbbb', test);
    await engine.client.getContainer(ours).start();
    const state = await bench.examine();
    expect(checkOf(state, 'leftovers').sentence).toBe(
      'There was left in the engine, and is removed now: one of tests that were cut short.',
    );
    expect((await engine.client.listContainers({ all: true })).map(({ Id }) => Id).toSorted()).toEqual(
      [theirs, ofAnotherNode].toSorted(),
    );
  });
  it.skipIf(whyNoOrdinaryUser() !== null)(
    `tells an ordinary user without rights what to do (${whyNoOrdinaryUser() ?? 'one of this machine'})`,
    async () => {
      chmodSync(engine.folder, 0o755);
      chmodSync(engine.socketPath, 0o660);
      const script = `
      const { createDoctorBench } = await import(${JSON.stringify(new URL('../support/engine/doctor-bench.ts', import.meta.url).href)});
      const bench = await createDoctorBench(${JSON.stringify(engine.endpoint)}, { init: { user: { name: 'ada', uid: ${ORDINARY_UID}, groups: [${ORDINARY_UID}] } } });
      console.log(JSON.stringify(await bench.examine()));
      await bench.close();`;
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
        uid: ORDINARY_UID,
        gid: ORDINARY_UID,
        cwd: '/',
      });
      const state = JSON.parse(stdout) as ContainerDoctorState;
      expect(checkOf(state, 'rights')).toMatchObject({
        result: 'bad',
        sentence: `The user ada may not use the socket ${engine.endpoint}.`,
        command: 'sudo usermod -aG docker ada',
        fixable: false,
      });
      expect(state.checks.filter(({ result }) => result === 'bad')).toHaveLength(1);
    },
  );
  it('survives the engine being killed while it is examined, says so, and looks again when it is back', async () => {
    const second = await createDoctorBench(engine.endpoint, { init: { probe: probeProgram(), settleMs: 300 } });
    try {
      const inside = new Promise<void>((resolve) => {
        second.doctor.on('changed', ({ checks }) => {
          if (checks.some(({ id, result }) => id === 'limits-cpu' && result === 'running')) resolve();
        });
      });
      const first = second.ended();
      await inside;
      await sleep(500);
      await engine.kill();
      const state = await first;
      expect(checkOf(state, 'limits-cpu').sentence).toBe(
        'The container engine went away in the middle of the examination.',
      );
      await engine.start();
      let again = await second.ended();
      // It may have looked once more while the engine was down.
      if (again.verdict !== 'good') again = await second.ended();
      expect(again.verdict).toBe('good');
      // What the killed one left was found and removed.
      expect(
        await engine.client.listContainers({
          all: true,
          filters: { label: [`org.hypermesh.node=${second.engine.mark}`] },
        }),
      ).toEqual([]);
    } finally {
      await second.close();
    }
  });
});

describe.skipIf(engineMissing !== null || !canMount)(
  `the container doctor on an engine whose disk is full (${engineMissing ?? (canMount ? 'a small file system' : 'no right to mount here')})`,
  () => {
    it('says so with what is free, and that no image fits', async () => {
      const disk = mountTinyDisk(8 * 1024 * 1024);
      if (disk === null) throw new Error('cannot mount');
      const engine = await startTestEngine({ dataRoot: join(disk.path, 'data') });
      const bench = await createDoctorBench(engine.endpoint, { init: { probe: probeProgram() } });
      try {
        spawnSync('dd', ['if=/dev/zero', `of=${join(disk.path, 'fill')}`, 'bs=64k'], { stdio: 'ignore' });
        expect(statSync(join(disk.path, 'fill')).size).toBeGreaterThan(0);
        const state = await bench.examine();
        expect(checkOf(state, 'disk')).toMatchObject({
          result: 'bad',
          sentence: expect.stringMatching(/^0 MiB are free at /),
        });
        expect(checkOf(state, 'test-image').result).toBe('bad');
        expect(state.sentence).toBe(checkOf(state, 'disk').sentence);
      } finally {
        await bench.close();
        await engine.stop();
        disk.remove();
      }
    });
  },
);
