import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobId } from '../../../../../main/base/index.ts';
import type { LeaseId } from '../../../../../main/kernel/leases/index.ts';
import { JOB_PROTOCOL } from '../../../../../main/kernel/runtime/remote/constants.ts';
import {
  decodeJobAnswer,
  encodeJobQuestion,
  type JobAnswer,
  type JobWords,
  type Prepare,
} from '../../../../../main/kernel/runtime/remote/protocol.ts';
import { sentSpecOf } from '../../../../../main/kernel/runtime/remote/sent-spec.ts';
import { request } from '../../../../../main/transport/stoq/index.ts';
import { jobSend, jobSpec } from '../../../../../preload/contract/index.ts';
import { createRemoteWorld, type RemoteNode, type RemoteWorld, sha256Of } from '../../../../support/remote-jobs.ts';

const container = { kind: 'container', name: 'server', image: 'busybox:1', cpuPercent: 25 } as const;
const sandbox = { kind: 'javascript', name: 'sum', module: 'AAAA', cpuPercent: 100 } as const;
const nameOf = (number: number): JobId => `job-${number.toString(16).padStart(16, '0')}` as JobId;
const MIB = 1024 * 1024;
/** Slots that are free beside the job that the lease begins with. */
const FREE = 4;

let world: RemoteWorld;
let home: RemoteNode;
let far: RemoteNode;
let lease: LeaseId;
beforeEach(async () => {
  world = createRemoteWorld();
  home = await world.node('home');
  far = await world.node('far');
});
afterEach(async () => {
  await world.stop();
});
/** Takes a lease as an honest borrower does: with a job that lives in it. */
const borrow = async (spec: object): Promise<void> => {
  far.lends = { container: 4, cpu: 4_000 };
  const [view] = await world.clock.drive(home.jobs.send(jobSend.parse({ spec })));
  const id = view!.id as JobId;
  await world.clock.until(() => far.runtime.jobs.size === 1, 'the first job runs', 600_000);
  lease = (await home.jobs.get(id))!.lease as LeaseId;
  const { lent } = world.leases.get(lease)!;
  Object.assign(lent, { amount: lent.amount + FREE });
};
const ask = async (job: JobId, words: JobWords): Promise<JobAnswer> => {
  const links = world.net.node('home', home.peer.local);
  const link = await links.open({ peer: far.peerId, route: 'direct' });
  const question = encodeJobQuestion({ ...words, lease, job });
  return decodeJobAnswer(await world.clock.drive(request(link, JOB_PROTOCOL, question, { bytesMax: 6 * MIB })));
};
const prepare = (spec: object, given: Partial<Prepare> = {}): JobWords => ({
  kind: 'prepare',
  spec: sentSpecOf(jobSpec.parse(spec)),
  module: null,
  stdin: null,
  image: null,
  held: false,
  ...given,
});
const content = (seed: string, bytes: number): { sha256: string; bytes: number } => ({
  sha256: sha256Of(Buffer.from(seed)),
  bytes,
});
const refusedAs = (code: string) => expect.objectContaining({ kind: 'refused', code });
describe('a borrower who asks for more than was lent', () => {
  it('gets no graphics card with a container', async () => {
    await borrow(container);
    expect(await ask(nameOf(1), prepare({ ...container, gpu: true }))).toEqual(refusedAs('GPU_NOT_LENT'));
    expect(await ask(nameOf(1), prepare(container))).toEqual({ kind: 'prepared', missing: [] });
  });

  it('cannot make the node hold a large module or input in memory', async () => {
    await borrow(sandbox);
    const small = content('module', 10);
    expect(await ask(nameOf(1), prepare(sandbox, { module: content('module', 33 * MIB) }))).toEqual(
      refusedAs('CONTENT_TOO_LARGE'),
    );
    expect(await ask(nameOf(1), prepare(sandbox, { module: small, stdin: content('in', MIB + 1) }))).toEqual(
      refusedAs('CONTENT_TOO_LARGE'),
    );
    // Nor under the name of a file that is as large as it says.
    const file = { path: 'a', ...small, bytes: 100 * MIB, executable: false };
    expect(await ask(nameOf(1), prepare({ ...sandbox, files: [file] }, { module: small }))).toEqual(
      refusedAs('MODULE_INVALID'),
    );
    expect(await ask(nameOf(1), prepare(sandbox, { module: small }))).toMatchObject({ kind: 'prepared' });
  });

  it('cannot fill the memory with the words of jobs that never start', async () => {
    await borrow(container);
    const args = Array.from({ length: 256 }, () => 'x'.repeat(4096));
    let taken = 0;
    let answer: JobAnswer = { kind: 'ok' };
    for (let number = 1; number <= 64 && answer.kind !== 'refused'; number++) {
      answer = await ask(nameOf(number), prepare({ ...container, args }));
      if (answer.kind === 'prepared') taken += 1;
    }
    expect(answer).toEqual(refusedAs('TOO_MANY_JOBS'));
    expect(taken).toBeGreaterThan(16);
    expect(taken).toBeLessThan(32);
    // Asked again it is the same job, other words are another, and what is forgotten makes room.
    expect(await ask(nameOf(1), prepare({ ...container, args }))).toMatchObject({ kind: 'prepared' });
    expect(await ask(nameOf(1), prepare(container))).toEqual(refusedAs('JOB_CONFLICT'));
    expect(await ask(nameOf(1), { kind: 'forget' })).toEqual({ kind: 'ok' });
    expect(await ask(nameOf(99), prepare({ ...container, args }))).toMatchObject({ kind: 'prepared' });
  });

  it('has no more memory than it borrowed with files of jobs that it handed over', async () => {
    await borrow(container);
    const whole = { ...container, cpuPercent: 25 * FREE };
    expect(await ask(nameOf(1), prepare(whole))).toMatchObject({ kind: 'prepared' });
    await ask(nameOf(1), { kind: 'start' });
    await world.clock.run(100);
    await ask(nameOf(1), { kind: 'handOver', to: 'nowhere', graceMs: 0 });
    await ask(nameOf(2), prepare(whole));
    await ask(nameOf(2), { kind: 'start' });
    await world.clock.run(100);
    expect(await ask(nameOf(2), { kind: 'state', since: 0, waitMs: 0 })).toMatchObject({ code: 'LEASE_FULL' });
    // It may go on itself, and gives its room back when it is forgotten.
    expect(await ask(nameOf(1), { kind: 'resume' })).toEqual({ kind: 'ok' });
    await ask(nameOf(1), { kind: 'handOver', to: 'nowhere', graceMs: 0 });
    expect(await ask(nameOf(1), { kind: 'forget' })).toEqual({ kind: 'ok' });
    await ask(nameOf(2), { kind: 'start' });
    await world.clock.run(100);
    expect(await ask(nameOf(2), { kind: 'state', since: 0, waitMs: 0 })).toMatchObject({ state: 'running' });
  });

  it('cannot keep the engine busy with health checks', async () => {
    await borrow({ ...container, health: { command: ['true'], intervalMs: 1_000 } });
    const [job] = [...far.runtime.jobs.values()];
    expect(job!.spec).toMatchObject({ health: { command: ['true'], intervalMs: 10_000 } });
  });

  it('cannot keep the node busy with lists', async () => {
    await borrow(container);
    await ask(nameOf(1), prepare(container));
    await ask(nameOf(1), { kind: 'start' });
    await world.clock.run(100);
    const job = [...far.runtime.jobs.values()].at(-1)!;
    const times: number[] = [];
    job.work.list = async () => {
      times.push(world.clock.monotonicMs());
      await world.clock.sleep(100);
      return [];
    };
    const answers = await Promise.all(Array.from({ length: 4 }, () => ask(nameOf(1), { kind: 'list', after: 0 })));
    expect(answers).toEqual(Array.from({ length: 4 }, () => ({ kind: 'entries', entries: [], more: false })));
    for (const [index, atMs] of times.slice(1).entries()) expect(atMs - times[index]!).toBeGreaterThanOrEqual(200);
    expect(times).toHaveLength(4);
  });

  it('leaves no job behind when it is resumed and that fails', async () => {
    await borrow(container);
    await ask(nameOf(1), prepare(container));
    await ask(nameOf(1), { kind: 'start' });
    await world.clock.run(100);
    await ask(nameOf(1), { kind: 'handOver', to: 'nowhere', graceMs: 0 });
    const [first] = [...far.runtime.jobs.values()].filter(({ view }) => view.end?.why === 'moved');
    const { work } = far.runtime;
    far.runtime.work = (id) => (id === first!.id ? work(id) : Promise.reject(new Error('it was cancelled meanwhile')));
    const forgotten: JobId[] = [];
    far.runtime.forgetMoved = (id) => Promise.resolve(void forgotten.push(id));
    for (let time = 0; time < 3; time++) await ask(nameOf(1), { kind: 'resume' }).catch(() => undefined);
    // The one that the lease began with.
    expect([...far.runtime.jobs.values()].filter(({ view }) => view.state !== 'ended')).toHaveLength(1);
    expect(await ask(nameOf(1), { kind: 'forget' })).toEqual({ kind: 'ok' });
    expect(forgotten).toEqual([first!.id]);
  });

  it('leaves nothing of what it sent for a job that it never started', async () => {
    await borrow(container);
    const file = Buffer.from('sent and never used');
    const ref = { sha256: sha256Of(file), bytes: file.length };
    await ask(nameOf(1), prepare({ ...container, files: [{ path: 'a', ...ref, executable: false }] }));
    far.content.files.set(ref.sha256, file);
    await world.clock.drive(world.endLease(lease, 'It is over.'));
    await world.clock.run(70_000);
    expect(far.content.files.has(ref.sha256)).toBe(false);
    expect([...far.content.holds.keys()]).toEqual([]);
  });
});

describe('a lender that was started again', () => {
  it('takes up every job of a lease, also those that took what was free', async () => {
    await borrow(container);
    const small = { ...container, memoryBytes: 64 * MIB, scratchBytesMax: 0 };
    const { cpuPercent: _, ...open } = small;
    // The one takes a part by its words, the other the rest; the other way round they would not fit.
    await ask(nameOf(2), prepare({ ...small, cpuPercent: 25 * (FREE - 2) }));
    await ask(nameOf(2), { kind: 'start' });
    await world.clock.run(100);
    await ask(nameOf(1), prepare(open));
    await ask(nameOf(1), { kind: 'start' });
    await world.clock.run(100);
    await far.restart();
    await world.clock.run(1_000);
    await world.clock.drive(world.endLease(lease, 'It is over.'));
    await world.clock.run(70_000);
    expect([...far.runtime.jobs.values()].filter(({ origin }) => origin.side === 'lent')).toEqual([]);
  });
});
