import { spawn } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../main/base/index.ts';
import type { DrivenJob, RuntimeDriver, StartedJob } from '../../main/kernel/runtime/drivers/interface.ts';
import { type Engine, ENGINE_LABELS } from '../../main/kernel/runtime/engine/index.ts';
import {
  containersMissing,
  type ContainerWorld,
  IMAGE,
  openContainerWorld,
} from '../support/engine/container-world.ts';
import { ORDINARY_UID, whyNoOrdinaryUser } from '../support/ordinary-user.ts';
import { createDriverTold, type DriverRun, type DriverTold, startDriven, until } from '../support/runtime-driver.ts';

const { clock } = createSystemOutside();
const COUNTING = 'i=0; while [ $i -lt 1000 ]; do i=$((i+1)); echo $i; sleep 0.05; done';
/** @returns whether the lines are 1, 2, 3 … with none missing and none twice */
const isWhole = (text: string): boolean =>
  text
    .trim()
    .split('\n')
    .every((line, at) => line === String(at + 1));

describe.skipIf(containersMissing !== null)(
  `a container engine that goes down, and a node that does (${containersMissing ?? 'engine here'})`,
  () => {
    let world: ContainerWorld;
    let engine: Engine;
    let driver: RuntimeDriver;
    const others: { driven: DrivenJob; told: DriverTold }[] = [];
    const open = async (init: Parameters<typeof openContainerWorld>[0] = {}): Promise<void> => {
      world = await openContainerWorld(init);
      ({ engine, driver } = await world.life());
    };
    const start = async (line: string, more: Parameters<ContainerWorld['shell']>[1] = {}): Promise<DriverRun> => {
      const run = await startDriven(driver, world.shell(line, more));
      others.push(run);
      return run;
    };
    beforeEach(() => void others.splice(0));
    afterEach(async () => {
      for (const { driven, told } of others) {
        driven.kill();
        await Promise.race([until(() => told.how !== null), clock.sleep(1000)]);
        await driven.release();
      }
      await world.close();
    });

    it('says that jobs are lost when the engine is killed or restarted, and runs others after', async () => {
      await open();
      const killed = await start('echo on; exec sleep 1000');
      await until(() => killed.told.text('stdout') === 'on\n');
      await world.engine.kill();
      await until(() => !engine.state().ok);
      await expect(start('true')).rejects.toMatchObject({ code: 'ENGINE_MISSING' });
      expect(driver.ready('container')).toMatchObject({ ok: false, code: 'ENGINE_MISSING' });
      await world.engine.start();
      await until(() => killed.told.how !== null);
      expect(killed.told.end).toMatchObject({ why: 'lost', message: expect.stringMatching(/engine/) });
      const stopped = await start('trap "exit 0" TERM; echo on; while true; do sleep 0.1; done');
      await until(() => stopped.told.text('stdout') === 'on\n');
      await world.engine.restart();
      await until(() => stopped.told.how !== null);
      // It ended with code 0, but not by itself.
      expect(stopped.told.end).toMatchObject({ why: 'lost' });
      const after = await start('echo again');
      await until(() => after.told.how !== null);
      expect(after.told.end).toEqual({ why: 'exited', exitCode: 0 });
      for (const { driven } of others) await driven.release();
      await driver.sweep([]);
      await world.expectNothing();
    });

    it('goes on with jobs that an engine keeps alive while it is replaced, and loses none of their output', async () => {
      await open({ flags: ['--live-restore'] });
      const run = await start(COUNTING);
      await until(() => run.told.text('stdout').includes('\n10\n'));
      await world.engine.restart();
      await until(() => engine.state().ok);
      const seen = run.told.text('stdout').split('\n').length;
      await until(() => run.told.text('stdout').split('\n').length > seen + 20);
      expect(run.told.how).toBeNull();
      expect(isWhole(run.told.text('stdout'))).toBe(true);
      run.driven.setMillicores(0);
      await until(
        async () => (await world.engine.client.getContainer(`hypermesh-${run.job.id}`).inspect()).State.Paused,
      );
    });

    it('takes up a job with the output that was missed and none of it twice, its files and its health check', async () => {
      await open();
      const run = await start(COUNTING, { health: { command: ['true'], intervalMs: 1000, timeoutMs: 20_000 } });
      await until(() => run.told.text('stdout').includes('\n5\n'));
      // As a node that is killed: nothing is told to the engine.
      const told = createDriverTold();
      const stored = Buffer.byteLength(run.told.text('stdout'));
      others.splice(0);
      await clock.sleep(500);
      const next = await world.life();
      const job: StartedJob = { ...run.job, millicores: 500, told: { stdout: stored, stderr: 0 } };
      const driven = await next.driver.adopt(job, run.told.records.at(-1)!, told);
      others.push({ driven: driven!, told });
      await until(() => told.text('stdout').split('\n').length > 20);
      const whole = run.told.text('stdout').slice(0, stored) + told.text('stdout');
      expect(isWhole(whole)).toBe(true);
      await driven!.work!.write('given.txt', 0, Buffer.from('x'));
      expect((await driven!.work!.list()).map(({ path }) => path)).toEqual(['given.txt']);
      await until(() => told.healths.includes('healthy'));
      await until(async () => {
        const { HostConfig } = await world.engine.client.getContainer(`hypermesh-${run.job.id}`).inspect();
        return HostConfig.CpuQuota === 50_000;
      });
      driven!.kill();
      await until(() => told.how !== null);
    });

    it('tells how a job ended while the node was down', async () => {
      await open();
      const run = await start('echo on; sleep 0.3; echo done > /work/result; exit 7');
      await until(() => run.told.text('stdout') === 'on\n');
      others.splice(0);
      await clock.sleep(1000);
      const next = await world.life();
      const told = createDriverTold();
      const driven = await next.driver.adopt(
        { ...run.job, told: { stdout: 3, stderr: 0 } },
        run.told.records.at(-1)!,
        told,
      );
      others.push({ driven: driven!, told });
      await until(() => told.how !== null);
      expect([told.end, told.text('stdout')]).toEqual([{ why: 'exited', exitCode: 7 }, '']);
      expect(Buffer.from(await driven!.work!.read('result', 0, 10)).toString()).toBe('done\n');
      await driven!.release();
      await world.expectNothing();
    });

    it('removes what is its own and nobody needs, and touches nothing of others', async () => {
      await open();
      const { client } = world.engine;
      const strangers = await Promise.all([
        client.createContainer({ name: 'theirs', Image: IMAGE, Cmd: ['sleep', '100'] }),
        client.createContainer({
          name: 'hypermesh-job-0000000000000000',
          Image: IMAGE,
          Labels: { [ENGINE_LABELS.node]: 'another' },
          Cmd: ['true'],
        }),
        // Of the owner, from an image that says it were ours.
        client.createContainer({
          name: 'copied',
          Image: IMAGE,
          Labels: { [ENGINE_LABELS.node]: engine.mark },
          Cmd: ['true'],
        }),
        client.createVolume({ Name: 'their-files' }),
      ]);
      expect(strangers).toHaveLength(4);
      await client.createNetwork({ Name: 'their-network', Driver: 'null' }).catch(() => undefined);
      const images = (await client.listImages({ all: true })).map(({ Id }) => Id).sort();
      const before = await world.things();
      const run = await start('exec sleep 1000');
      const left = await start('exec sleep 1000');
      others.splice(0);
      const next = await world.life();
      const told = createDriverTold();
      const driven = await next.driver.adopt(run.job, run.told.records.at(-1)!, told);
      // Container, holder and volume of the one that nobody adopted.
      expect(await next.driver.sweep([run.job.id])).toBe(3);
      expect(await world.things()).not.toContain(`container /hypermesh-${left.job.id}`);
      driven!.kill();
      await until(() => told.how !== null);
      await driven!.release();
      expect(await next.driver.sweep([])).toBe(0);
      expect(await world.things()).toEqual(before);
      const kept = (await client.listImages({ all: true })).map(({ Id }) => Id);
      expect(kept).toEqual(expect.arrayContaining(images));
    });

    it('has a holder ready for the next job, which starts sooner, and leaves none behind', async () => {
      await open();
      const ready = await world.life({ keepReady: true });
      const first = await startDriven(ready.driver, world.shell('exec sleep 1000'));
      others.push(first);
      await until(async () => (await world.things()).filter((name) => name.endsWith('-holder')).length === 2);
      // It has to answer as well.
      await clock.sleep(2500);
      const swept = await ready.driver.sweep([first.job.id]);
      expect(swept).toBe(0);
      const second = await startDriven(ready.driver, world.shell('echo on; ls /work; exec sleep 1000'));
      others.push(second);
      await until(() => second.told.text('stdout') === 'on\n');
      expect(Buffer.from(second.told.records[0]!).toString('latin1')).not.toContain(`${second.job.id}-holder`);
      // It is found by its record all the same.
      others.pop();
      const told = createDriverTold();
      const third = await world.life();
      const driven = await third.driver.adopt(second.job, second.told.records[0]!, told);
      expect(driven).not.toBeNull();
      others.push({ driven: driven!, told });
      for (const each of others) {
        each.driven.kill();
        await until(() => each.told.how !== null);
        await each.driven.release();
      }
      await ready.driver.stop();
      await third.driver.sweep([]);
      await world.expectNothing();
    });

    it.skipIf(whyNoOrdinaryUser() !== null)(
      `says what to do to a user who may not use the engine (${whyNoOrdinaryUser() ?? 'one of this machine'})`,
      async () => {
        await open();
        chmodSync(world.engine.folder, 0o755);
        chmodSync(world.engine.socketPath, 0o660);
        const script = `
      import { createEngine } from '${import.meta.dirname}/../../main/kernel/runtime/engine/index.ts';
      import { createSystemOutside } from '${import.meta.dirname}/../../main/base/index.ts';
      const quiet = { child: () => quiet, error() {}, warn() {}, info() {}, debug() {} };
      const settings = { get: async () => undefined, set: async () => undefined, remove: async () => undefined };
      const engine = createEngine({ outside: createSystemOutside(), logger: quiet, settings, containerEndpoint: () => process.argv[1], env: {} });
      await engine.start();
      const { ok, sentence } = await engine.refresh();
      const { code } = await engine.client().catch((error) => error);
      process.stdout.write(JSON.stringify({ ok, sentence, code }));
      await engine.stop();`;
        const child = spawn(process.execPath, ['--input-type=module', '-e', script, world.engine.endpoint], {
          cwd: '/',
          uid: ORDINARY_UID,
          gid: ORDINARY_UID,
          env: {},
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        let said = '';
        for (const stream of [child.stdout, child.stderr])
          stream.on('data', (piece: Buffer) => (said += piece.toString()));
        await new Promise((resolve) => child.once('close', resolve));
        expect(said).toMatch(
          /^\{"ok":false,"sentence":"This user may not use .* group docker .*","code":"ENGINE_MISSING"\}$/,
        );
      },
    );
  },
);
