import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../main/base/index.ts';
import type { RuntimeDriver, StartedJob } from '../../main/kernel/runtime/drivers/interface.ts';
import type { JobSpec } from '../../preload/contract/index.ts';
import { createDriverTold, cpuPercentOver, startDriven, until, type DriverRun } from '../support/runtime-driver.ts';

const { clock } = createSystemOutside();

/** What the suite has jobs do; each driver says how its kind is told to. Memory 64 MiB or less, so that a bomb is small. */
export interface DriverPrograms {
  /** Writes `out` to stdout, `err` to stderr, each with a line's end, and ends with this code. */
  exit(code: number): Promise<JobSpec>;
  /** Writes its arguments joined by `|`, its variable `GREETING` and all of stdin, each on a line of its own. */
  echo: Promise<JobSpec>;
  /** Keeps one core busy for ever. */
  spin: Promise<JobSpec>;
  /** Writes `ready` and a line's end, then sleeps for ever. */
  sleep: Promise<JobSpec>;
  /** Writes to stdout for ever, as quickly as it is taken. */
  flood: Promise<JobSpec>;
  /** Takes memory and writes to it until it has no more. */
  memoryBomb: Promise<JobSpec>;
  /** Copies `data/in.txt` of its work folder to `out/copy.txt` there, and ends with code 0; `outputs` names `out`. */
  copy: Promise<JobSpec>;
  /** Fills its work folder until it is full, and gives up. Null where that is no limit of its own. */
  fillDisk: Promise<JobSpec> | null;
  /** Writes `ready`, and when it is asked to end `asked`, and ends with code 0. Null where nobody can be asked. */
  askable: Promise<JobSpec> | null;
  /** Writes `ready`, and cannot be asked to end. */
  deaf: Promise<JobSpec>;
}
export interface DriverWorld {
  readonly driver: RuntimeDriver;
  readonly programs: DriverPrograms;
  /** Another driver on the same system, as a node that starts again has. The first one is not used after. */
  reopen(): Promise<RuntimeDriver>;
  /** Names of everything of ours that is in the system: processes, containers, volumes. */
  leftovers(): Promise<readonly string[]>;
  close(): Promise<void>;
}
export interface DriverSuiteOptions {
  /** Whether what runs goes on when the node comes back, or is said to be gone. */
  adopts: boolean;
  /** Whether a job can be made ready with its work folder, and begun later. */
  holds: boolean;
  /** Whether a program can be asked to end. */
  asks: boolean;
  /** How long a start may take until the first instruction, with everything else idle. */
  startMsMax: number;
}

/** What every driver has to do, whatever it runs jobs in. */
export const testRuntimeDriver = (
  name: string,
  open: () => Promise<DriverWorld>,
  { adopts, asks, holds, startMsMax }: DriverSuiteOptions,
): void => {
  describe(`runtime driver: ${name}`, () => {
    let world: DriverWorld;
    let folder: string;
    let before: readonly string[];
    const runs: DriverRun[] = [];
    const start = async (
      spec: Promise<JobSpec> | JobSpec,
      given: Parameters<typeof startDriven>[2] = {},
    ): Promise<DriverRun> => {
      const run = await startDriven(world.driver, await spec, given);
      runs.push(run);
      return run;
    };
    const toGone = async ({ told }: DriverRun): Promise<void> => until(() => told.how !== null);

    /** Leaves a job behind, as a node that goes down does. */
    const leave = async (): Promise<{ job: StartedJob; record: Uint8Array; other: RuntimeDriver }> => {
      const run = await start(world.programs.sleep);
      await until(() => run.told.text('stdout') === 'ready\n');
      // What its first driver would still tell counts for nothing.
      runs.splice(runs.indexOf(run), 1);
      return { job: run.job, record: run.told.records.at(-1)!, other: await world.reopen() };
    };

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'hypermesh-driver-'));
      world = await open();
      before = await world.leftovers();
    });
    afterEach(async () => {
      for (const run of runs.splice(0)) {
        run.driven.kill();
        await toGone(run);
        await run.driven.release();
        await run.driven.release();
        expect(run.told.late).toEqual([]);
      }
      await until(async () => (await world.leftovers()).length <= before.length);
      expect(await world.leftovers()).toEqual(before);
    });
    afterAll(async () => {
      await world.close();
      rmSync(folder, { recursive: true, force: true });
    });

    it('starts a program, tells what it writes and how it ends', async () => {
      const startMs = clock.monotonicMs();
      const run = await start(world.programs.exit(7));
      await until(() => run.told.isRunning);
      expect(clock.monotonicMs() - startMs).toBeLessThan(startMsMax);
      await toGone(run);
      expect(run.told.end).toEqual({ why: 'exited', exitCode: 7 });
      expect([run.told.text('stdout'), run.told.text('stderr')]).toEqual(['out\n', 'err\n']);
      // A record before anything exists, so that nothing can be lost.
      expect(run.told.records.length).toBeGreaterThan(0);
    });

    it('gives it arguments, variables and stdin', async () => {
      const spec = await world.programs.echo;
      const run = await start({
        ...spec,
        args: [...spec.args, 'one', 'two three', 'трéß'],
        env: { GREETING: 'grüße = "yes"' },
        stdin: Buffer.from('given\n').toString('base64'),
      });
      await toGone(run);
      expect(run.told.text('stdout').trimEnd().split('\n')).toEqual(['one|two three|трéß', 'grüße = "yes"', 'given']);
      expect(run.told.end).toEqual({ why: 'exited', exitCode: 0 });
    });

    it('holds it back while its output is not taken', async () => {
      const run = await start(world.programs.flood);
      await until(() => run.told.bytes > 100_000);
      run.driven.pauseOutput();
      await clock.sleep(700);
      const then = run.told.bytes;
      await clock.sleep(500);
      expect(run.told.bytes).toBe(then);
      run.driven.resumeOutput();
      await until(() => run.told.bytes > then + 100_000);
      run.driven.kill();
      await toGone(run);
    });

    it('holds its share of the processor within 1 s of a change, and freezes at 0', async () => {
      const run = await start(world.programs.spin);
      await until(() => run.told.isRunning);
      run.driven.setMillicores(200);
      await clock.sleep(1000);
      const held = await cpuPercentOver(run.driven, 2500);
      // A busy machine may give less than was promised, never more.
      expect(held).toBeGreaterThan(4);
      expect(held).toBeLessThan(28);
      run.driven.setMillicores(0);
      await clock.sleep(1000);
      expect(await cpuPercentOver(run.driven, 700)).toBeLessThan(2);
      run.driven.setMillicores(600);
      await clock.sleep(1000);
      const raised = await cpuPercentOver(run.driven, 2000);
      expect(raised).toBeGreaterThan(4);
      expect(raised).toBeLessThan(70);
    });

    it('starts frozen, and begins when there is a share', async () => {
      const run = await start(world.programs.spin, { millicores: 0 });
      await clock.sleep(500);
      expect(run.told.end).toBeNull();
      run.driven.setMillicores(1000);
      await until(() => run.told.isRunning);
      expect(run.told.how).toBeNull();
    });

    it('ends a program that breaks its memory, with that reason', async () => {
      const run = await start(world.programs.memoryBomb);
      await toGone(run);
      expect(run.told.end).toMatchObject({ why: 'limit', limit: 'memory', message: expect.stringMatching(/\.$/) });
    });

    it('does not let it fill more than its work folder', async () => {
      const { fillDisk } = world.programs;
      if (fillDisk === null) return;
      const run = await start(fillDisk);
      await toGone(run);
      expect(run.told.end).not.toBeNull();
      expect(run.told.end).not.toEqual({ why: 'exited', exitCode: 0 });
    });

    it('kills at once, in any state, frozen too', async () => {
      const run = await start(world.programs.sleep);
      await until(() => run.told.text('stdout') === 'ready\n');
      run.driven.setMillicores(0);
      await clock.sleep(300);
      const killedAtMs = clock.monotonicMs();
      run.driven.kill();
      run.driven.kill();
      await toGone(run);
      expect(clock.monotonicMs() - killedAtMs).toBeLessThan(3000);
      expect(run.told.end).toBeNull();
    });

    it('asks it to end', async ({ skip }) => {
      skip(!asks, 'nothing asks a program of this driver to end');
      const run = await start(world.programs.askable!);
      await until(() => run.told.text('stdout') === 'ready\n');
      run.driven.stop(10_000);
      await toGone(run);
      expect(run.told.text('stdout')).toBe('ready\nasked\n');
      expect(run.told.end).toEqual({ why: 'exited', exitCode: 0 });
    });

    it('kills what does not end when it is asked', async () => {
      const run = await start(world.programs.deaf);
      await until(() => run.told.text('stdout') === 'ready\n');
      const askedAtMs = clock.monotonicMs();
      run.driven.stop(500);
      await toGone(run);
      expect(clock.monotonicMs() - askedAtMs).toBeLessThan(5000);
    });

    it('puts files into its work folder, and gives out those that it left', async () => {
      const content = Buffer.from('line one\nline two\n'.repeat(5000));
      const diskPath = join(folder, 'in.txt');
      writeFileSync(diskPath, content);
      const run = await start(world.programs.copy, {
        files: [
          {
            path: 'data/in.txt',
            sha256: createHash('sha256').update(content).digest('hex'),
            bytes: content.length,
            executable: false,
            diskPath,
          },
        ],
      });
      await toGone(run);
      expect(run.told.end, run.told.text('stderr')).toEqual({ why: 'exited', exitCode: 0 });
      const { work } = run.driven;
      const entries = (await work?.list()) ?? [];
      expect(entries.filter(({ path }) => path === 'out/copy.txt')).toMatchObject([
        { kind: 'file', bytes: content.length },
      ]);
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < content.length; ) {
        const piece = await work!.read('out/copy.txt', at, 65_536);
        expect(piece.length).toBeGreaterThan(0);
        pieces.push(piece);
        at += piece.length;
      }
      expect(Buffer.concat(pieces).equals(content)).toBe(true);
      expect((await work!.read('out/copy.txt', content.length, 10)).length).toBe(0);
      await expect(work!.read('out/nothing', 0, 10)).rejects.toMatchObject({ code: 'FILE_MISSING' });
    });

    it('makes a work folder ready before the program begins, and lets it be read while it runs', async ({ skip }) => {
      skip(!holds, 'this driver makes its work folder with the program');
      const run = await start(world.programs.copy, { held: true });
      const { work } = run.driven;
      await work!.makeFolder('data');
      await work!.write('data/in.txt', 0, Buffer.from('one two'));
      await work!.write('data/in.txt', 4, Buffer.from('six and more'));
      await work!.truncate('data/in.txt', 7, false);
      const [written] = (await work!.list()).filter(({ path }) => path === 'data/in.txt');
      expect(written).toMatchObject({ kind: 'file', bytes: 7 });
      await work!.write('data/gone.txt', 0, Buffer.from('x'));
      await work!.remove('data/gone.txt');
      await clock.sleep(300);
      expect([run.told.isRunning, run.told.bytes]).toEqual([false, 0]);
      await run.driven.begin!();
      await until(() => run.told.isRunning);
      await toGone(run);
      expect(run.told.end).toEqual({ why: 'exited', exitCode: 0 });
      expect(Buffer.from(await work!.read('out/copy.txt', 0, 100)).toString()).toBe('one six');
      const paths = (await work!.list()).map(({ path }) => path);
      expect(paths).toEqual(expect.arrayContaining(['data/in.txt', 'out/copy.txt']));
      expect(paths).not.toContain('data/gone.txt');
      for (const path of ['../x', '/etc/passwd', 'data/../../x'])
        await expect(work!.write(path, 0, Buffer.from('x'))).rejects.toThrow(/./);
    });

    it('measures what it takes', async () => {
      const run = await start(world.programs.spin);
      await until(() => run.told.isRunning);
      await until(() => {
        const { cpuMs, memoryBytesNow, memoryBytesPeak } = run.driven.measured();
        return (cpuMs ?? 0) > 100 && (memoryBytesNow ?? -1) >= 0 && (memoryBytesPeak ?? 0) > 0;
      });
      const { cpuMs } = run.driven.measured();
      await until(() => (run.driven.measured().cpuMs ?? 0) > (cpuMs ?? 0));
    });

    it('runs several at once, each with its own output', async () => {
      const all = await Promise.all([1, 2, 3, 4].map(async (code) => start(world.programs.exit(code))));
      for (const run of all) await toGone(run);
      expect(all.map(({ told }) => told.end)).toEqual([1, 2, 3, 4].map((exitCode) => ({ why: 'exited', exitCode })));
      for (const { told } of all) expect(told.text('stdout')).toBe('out\n');
    });

    it('refuses to open ports that nobody listens on', async () => {
      const run = await start(world.programs.sleep);
      await until(() => run.told.text('stdout') === 'ready\n');
      await expect(run.driven.connect(4711)).rejects.toMatchObject({ code: 'PORT_CLOSED' });
    });

    it('takes up what a node that went down left', async ({ skip }) => {
      skip(!adopts, 'what this driver runs ends with the node');
      const { job, record, other } = await leave();
      const told = createDriverTold();
      const driven = await other.adopt(job, record, told);
      expect(driven).not.toBeNull();
      driven!.kill();
      await until(() => told.how !== null);
      await driven!.release();
      expect(told.late).toEqual([]);
      await other.stop();
    });

    it('says that what a node that went down left is gone, and it is', async ({ skip }) => {
      skip(adopts, 'what this driver runs goes on without the node');
      const { job, record, other } = await leave();
      expect(await other.adopt(job, record, createDriverTold())).toBeNull();
      expect(await world.leftovers()).toEqual(before);
      await other.stop();
    });

    it('takes up nothing by a record that is none, and sweeps what is nobody’s', async () => {
      const { job, other } = await leave();
      expect(await other.adopt(job, Uint8Array.of(1, 2, 3), createDriverTold())).toBeNull();
      await other.sweep([]);
      expect(await other.sweep([])).toBe(0);
      await other.stop();
    });
  });
};
