import { afterEach, describe, expect, it } from 'vitest';
import { join } from 'node:path';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import type { ImagesState } from '../../../../../preload/contract/index.ts';
import {
  checkOf,
  createDoctorBench,
  createKeptSettings,
  type DoctorBench,
} from '../../../../support/engine/doctor-bench.ts';
import { startFakeEngine, type FakeEngineAnswers } from '../../../../support/engine/fake-engine.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});
const kept = <T extends { close(): Promise<void> }>(one: T): T => {
  open.push(one);
  return one;
};
type BenchOptions = NonNullable<Parameters<typeof createDoctorBench>[1]>;
const benchWith = async (answers: FakeEngineAnswers, options: BenchOptions = {}): Promise<DoctorBench> => {
  const fake = kept(await startFakeEngine(answers));
  return kept(await createDoctorBench(fake.endpoint, options));
};
const warnings = (bench: DoctorBench): number =>
  bench.logs.filter(({ module, level }) => module === 'container-doctor' && level === 'warn').length;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('the container doctor', () => {
  it('says a problem once, also after a restart of the node, and again when it was well in between', async () => {
    const settings = createKeptSettings();
    const answers = { info: { SecurityOptions: [] as string[] } };
    const bench = await benchWith(answers, { settings });
    expect(checkOf(await bench.examine(), 'walls').result).toBe('bad');
    await bench.examine();
    expect(bench.said.map(({ id }) => id)).toEqual(['walls']);
    expect(warnings(bench)).toBe(1);
    // The next life of the node knows what was said, and shows what was found.
    const next = kept(await createDoctorBench(bench.engine.state().endpoint, { settings }));
    expect(checkOf(next.doctor.state(), 'walls').result).toBe('bad');
    expect(next.doctor.state().running).toBe(false);
    await next.examine();
    expect(next.said).toEqual([]);
    answers.info.SecurityOptions = ['name=seccomp,profile=default'];
    await next.examine();
    expect(next.doctor.state().verdict).toBe('good');
    expect(next.logs.some(({ message }) => message.startsWith('Well again'))).toBe(true);
    answers.info.SecurityOptions = [];
    await next.examine();
    expect(next.said.map(({ id }) => id)).toEqual(['walls']);
  });
  it('says another problem of the same check', async () => {
    const answers = { info: { MemoryLimit: false, SwapLimit: true } };
    const bench = await benchWith(answers);
    await bench.examine();
    answers.info = { MemoryLimit: true, SwapLimit: false };
    await bench.examine();
    expect(bench.said.map(({ id, result }) => [id, result])).toEqual([
      ['cgroups', 'bad'],
      ['cgroups', 'warning'],
    ]);
  });
  it('examines an engine by itself once: not after every start, but when it is another one', async () => {
    const settings = createKeptSettings();
    const init = { settleMs: 20 };
    const first = await benchWith({}, { settings, init });
    await first.ended();
    expect(first.doctor.state().verdict).toBe('good');
    const ranAtMs = first.doctor.state().ranAtMs;
    await first.close();
    let swept = 0;
    const sweep = (): Promise<number> => Promise.resolve((swept += 1));
    const same = kept(
      await createDoctorBench(first.engine.state().endpoint, { settings, init, components: { sweep } }),
    );
    await sleep(300);
    // What could not be removed while it was away is removed without an examination.
    expect(swept).toBeGreaterThan(0);
    expect(same.doctor.state()).toMatchObject({ ranAtMs, running: false });
    await same.close();
    const other = await benchWith({ version: { Version: '29.0.0' } }, { settings, init });
    await other.ended();
    expect(checkOf(other.doctor.state(), 'version').sentence).toMatch(/29\.0\.0/);
  });
  it('tells how far it is, and that a second one has to wait', async () => {
    const bench = await benchWith({});
    const end = bench.ended();
    const begun = bench.doctor.run();
    expect(begun.running).toBe(true);
    expect(begun.checks.every(({ result }) => result === 'waiting' || result === 'running')).toBe(true);
    expect(() => bench.doctor.run()).toThrow(expect.objectContaining({ code: 'DOCTOR_RUNNING' }));
    await expect(bench.doctor.fix('engine')).rejects.toMatchObject({ code: 'DOCTOR_RUNNING' });
    await end;
    const waiting = bench.told.map(({ checks }) => checks.filter(({ result }) => result === 'waiting').length);
    expect(waiting).toEqual(waiting.toSorted((a, b) => b - a));
    expect(new Set(waiting).size).toBeGreaterThan(10);
    expect(bench.told.filter(({ running }) => !running)).toHaveLength(1);
  });
  it('stops at once when it is told to, and shows what was found before', async () => {
    let answer: (() => void) | null = null;
    const bench = await benchWith({
      instead: (request, response) => {
        if (request.url !== '/_ping' || answer === null) return false;
        answer();
        response.on('close', () => undefined);
        return true;
      },
    });
    const before = await bench.examine();
    const asked = new Promise<void>((resolve) => (answer = resolve));
    const end = bench.ended();
    bench.doctor.run();
    await asked;
    const beginMs = performance.now();
    bench.doctor.cancel();
    const after = await end;
    expect(performance.now() - beginMs).toBeLessThan(500);
    expect(after.checks).toEqual(before.checks);
    expect(after.ranAtMs).toBe(before.ranAtMs);
    // It can run again.
    answer = null;
    expect((await bench.examine()).verdict).toBe('good');
  });
  it('puts right only what it can, and refuses the rest with a reason', async () => {
    const bench = await benchWith({ info: { Driver: 'vfs' } });
    await expect(bench.doctor.fix('storage')).rejects.toMatchObject({ code: 'CHECK_UNKNOWN' });
    await bench.examine();
    await expect(bench.doctor.fix('storage')).rejects.toMatchObject({ code: 'NOT_FIXABLE' });
    await expect(bench.doctor.fix('engine')).rejects.toMatchObject({ code: 'NOT_FIXABLE' });
    await expect(bench.doctor.fix('nothing')).rejects.toMatchObject({ code: 'CHECK_UNKNOWN' });
  });
  it('removes images over their quota when it is asked to, oldest first and none that a job runs in', async () => {
    const GIB = 1024 ** 3;
    const image = (id: string, usedAtMs: number, change: Partial<ImagesState['images'][number]> = {}) => ({
      id,
      references: [],
      bytes: 2 * GIB,
      ownBytes: 2 * GIB,
      layers: 1,
      createdAtMs: null,
      usedAtMs,
      ours: true,
      helper: false,
      jobs: 0,
      ...change,
    });
    let images = [
      image('in-use', 1, { jobs: 1 }),
      image('theirs', 0, { ours: false }),
      image('new', 9),
      image('old', 3),
    ];
    const removed: string[] = [];
    const bench = await benchWith(
      {},
      {
        components: {
          images: {
            state: () =>
              Promise.resolve({
                images,
                usedBytes: images.filter(({ ours }) => ours).length * 2 * GIB,
                policy: { quotaBytes: 4 * GIB, allowed: [], others: 'own' },
                transfers: [],
                problem: '',
              }),
            remove: (id) => {
              removed.push(id);
              images = images.filter((one) => one.id !== id);
              return Promise.resolve();
            },
          },
        },
      },
    );
    const check = checkOf(await bench.examine(), 'images');
    expect(check).toMatchObject({
      result: 'warning',
      fixable: true,
      sentence: '3 images that jobs brought take 6.0 GiB of 4.0 GiB.',
    });
    const end = bench.ended();
    await bench.doctor.fix('images');
    const state = await end;
    expect(removed).toEqual(['old']);
    expect(checkOf(state, 'images').result).toBe('good');
    expect(state.fixed).toEqual([
      { atMs: expect.any(Number), sentence: 'Removed an image that no job has used for longest.' },
    ]);
  });
  it('removes what is left of its own tests and has the drivers remove the rest', async () => {
    const [test, image] = ['a', 'b'].map((digit) => digit.repeat(64)) as [string, string];
    const deleted: string[] = [];
    let filters = '';
    const bench = await benchWith(
      {
        instead: (request, response) => {
          const url = new URL(request.url ?? '/', 'http://engine');
          if (request.method === 'DELETE') {
            deleted.push(url.pathname);
            response.writeHead(204).end();
          } else if (url.pathname === '/containers/json') {
            filters = url.searchParams.get('filters') ?? '';
            response.end(
              JSON.stringify([
                { Id: test, Names: ['/hypermesh-probe-0123456789ab'] },
                // An image can carry our labels, and an engine can say anything.
                { Id: 'c'.repeat(64), Names: ['/database'] },
                { Id: '../../images/all', Names: ['/hypermesh-probe-0123456789ab'] },
                { Id: 5 },
              ]),
            );
          } else if (url.pathname === '/images/json')
            response.end(JSON.stringify([{ Id: `sha256:${image}`, RepoTags: ['hypermesh-probe:0123456789ab'] }]));
          else return false;
          return true;
        },
      },
      { components: { sweep: () => Promise.resolve(3) } },
    );
    const state = await bench.examine();
    expect(JSON.parse(filters)).toEqual({
      label: [`org.hypermesh.node=${bench.engine.mark}`, 'org.hypermesh.role=test'],
    });
    expect(deleted).toEqual([`/containers/${test}`, `/images/sha256:${image}`]);
    expect(checkOf(state, 'leftovers')).toMatchObject({
      result: 'good',
      sentence:
        'There was left in the engine, and is removed now: 3 things of jobs that are over and 2 of tests that were cut short.',
    });
    expect(state.fixed).toHaveLength(1);
  });
  it('leaves no timer, listener or container behind when the node stops in the middle', async () => {
    const outside = createSystemOutside();
    const bench = await benchWith({}, { init: { probe: join(import.meta.dirname, 'says-once.test.ts') }, outside });
    bench.doctor.run();
    await sleep(60);
    await bench.doctor.stop();
    const told = bench.told.length;
    await sleep(50);
    expect(bench.told).toHaveLength(told);
    expect(bench.doctor.state().running).toBe(false);
  });
});
