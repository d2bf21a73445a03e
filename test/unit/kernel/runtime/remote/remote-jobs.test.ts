import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobId } from '../../../../../main/base/index.ts';
import { workRefused } from '../../../../../main/kernel/runtime/errors.ts';
import type { JobSend, JobView } from '../../../../../preload/contract/index.ts';
import { jobSend } from '../../../../../preload/contract/index.ts';
import { createRemoteWorld, type RemoteNode, type RemoteWorld, sha256Of } from '../../../../support/remote-jobs.ts';

const text = (value: string): string => Buffer.from(value).toString('base64');
const sandbox = { kind: 'javascript', name: 'sum', module: text('print(1)'), outputs: ['out.txt'] } as const;
const container = {
  kind: 'container',
  name: 'server',
  image: 'busybox:1',
  cpuPercent: 50,
  outputs: ['out.txt'],
} as const;
const send = (spec: object, given: Partial<JobSend> = {}): JobSend => jobSend.parse({ spec, ...given });

let world: RemoteWorld;
let home: RemoteNode;
let far: RemoteNode;
beforeEach(async () => {
  world = createRemoteWorld();
  home = await world.node('home');
  far = await world.node('far');
  far.lends = { container: 8, cpu: 4_000 };
});
afterEach(async () => {
  await world.stop();
});
const viewOf = async (id: string): Promise<JobView> => (await home.jobs.get(id as JobId)) as JobView;
const until = async (id: string, wanted: (view: JobView) => boolean, what: string): Promise<JobView> => {
  let now: JobView | null = await viewOf(id);
  await world.clock.until(
    () => {
      void home.jobs.get(id as JobId).then((view) => (now = view));
      return now !== null && wanted(now);
    },
    what,
    600_000,
  );
  return await viewOf(id);
};
const begin = async (request: JobSend): Promise<JobView> => {
  const [view] = await world.clock.drive(home.jobs.send(request));
  return view as JobView;
};
const running = (id: string) => until(id, ({ state }) => state === 'running', 'the job runs');
const ended = (id: string) => until(id, ({ state }) => state === 'ended', 'the job has ended');
const only = (node: RemoteNode) => {
  const all = [...node.runtime.jobs.values()].filter(({ view }) => view.state !== 'ended');
  expect(all).toHaveLength(1);
  return all[0] as (typeof all)[0];
};
/** Nothing of anybody is left anywhere: no lease, no content, no job of a borrower. */
const expectNothingLeft = async (): Promise<void> => {
  await world.clock.until(
    () =>
      [...world.leases.values()].every(({ view }) => view.state === 'ended') &&
      [...far.content.holds.keys()].every((holder) => !holder.startsWith('lent:')),
    'leases and content are given back',
    600_000,
  );
  await world.clock.run(70_000);
  expect([...far.runtime.jobs.values()].filter(({ origin }) => origin.side === 'lent')).toEqual([]);
  expect(await far.store.all('test', 'SELECT * FROM lent_jobs')).toEqual([]);
  expect([...far.content.holds.keys()]).toEqual([]);
};

describe('a job that is sent', () => {
  it('runs in a sandbox elsewhere, and everything comes home', async () => {
    const { id, state, side } = await begin(send({ ...sandbox, stdin: text('in') }));
    expect([state, side]).toEqual(['preparing', 'sent']);
    await running(id);
    const job = only(far);
    expect(job.spec).toMatchObject({ module: sandbox.module, stdin: text('in'), kind: 'javascript' });
    expect(job.origin).toMatchObject({
      side: 'lent',
      who: home.peer.local.keyId,
      peerId: home.peerId,
      reserved: { millicores: 1000, containers: 0 },
    });
    far.runtime.write(job.id, 'hello ');
    far.runtime.write(job.id, 'world');
    const file = Buffer.from('what it left');
    far.content.files.set(sha256Of(file), file);
    const outputs = [{ path: 'out.txt', sha256: sha256Of(file), bytes: file.length, executable: false }];
    far.runtime.end(job.id, { why: 'exited', exitCode: 3 }, outputs);
    const view = await ended(id);
    expect(view).toMatchObject({ end: { why: 'exited', exitCode: 3 }, peerName: 'far', outputs, stateReason: '' });
    expect(Buffer.from(home.content.files.get(sha256Of(file)) ?? [])).toEqual(file);
    const { chunks, ended: over } = await home.jobs.output(id as JobId, 0);
    expect(chunks.map(({ data }) => Buffer.from(data, 'base64').toString()).join('')).toBe('hello world');
    expect(over).toBe(true);
    expect((await home.jobs.result(id as JobId)).bytes.length).toBeGreaterThan(100);
    await expectNothingLeft();
    expect([...home.content.holds.keys()]).toEqual([`order:${id}`]);
    await home.jobs.remove(id as JobId);
    expect(home.content.holds.size).toBe(0);
    expect(await home.jobs.get(id as JobId)).toBeNull();
  });

  it('is cancelled there, and before it began', async () => {
    const { id } = await begin(send(container));
    await running(id);
    await world.clock.drive(home.jobs.cancel(id as JobId));
    expect((await ended(id)).end).toEqual({ why: 'cancelled' });
    far.lends = {};
    const second = await begin(send(container));
    await world.clock.drive(home.jobs.cancel(second.id as JobId));
    expect((await ended(second.id)).end?.why).toMatch(/cancelled|lost/);
    await expectNothingLeft();
  });

  it('says so where nobody lends enough', async () => {
    const { id } = await begin(send({ ...container, cpuPercent: 25_000 }));
    expect((await ended(id)).end).toMatchObject({ why: 'lost', message: expect.stringContaining('lends 1000') });
    const second = await begin(send(container, { to: 'nobody' }));
    expect((await ended(second.id)).end).toMatchObject({ message: expect.stringContaining('called nobody') });
  });

  it('goes to another one where the first says no', async () => {
    const other = await world.node('other');
    other.lends = { container: 8 };
    far.runtime.refuse = new Error('broken');
    const { id } = await begin(send(container));
    expect((await running(id)).peerName).toBe('other');
    far.runtime.refuse = null;
    await world.clock.drive(home.jobs.cancel(id as JobId));
    await ended(id);
    await expectNothingLeft();
  });

  it('takes what the lease may have now, at the price that was said', async () => {
    const { id, lease } = await running((await begin(send(container, { priceMicroMax: '70' }))).id);
    const job = only(far);
    const provided = world.leases.get(lease as string)?.provided;
    expect(world.leases.get(lease as string)?.lent.amount).toBe(3);
    // For the hour and one of the three, as it was said.
    expect(world.leases.get(lease as string)?.view).toMatchObject({ priceMicroMax: 70n });
    provided?.setEffective(1.5);
    provided?.setEffective(0);
    expect(job.limits.slice(-2)).toEqual([0.5, 0]);
    expect(provided?.use().used).toBe(0);
    provided?.setEffective(3);
    expect(provided?.use()).toMatchObject({ used: 3 });
    await world.clock.drive(home.jobs.cancel(id as JobId));
  });

  it('ends with the lease, and what came of it is still fetched', async () => {
    const { id, lease } = await running((await begin(send(container))).id);
    far.runtime.write(only(far).id, 'so far');
    await world.clock.drive(world.endLease(lease as string, 'The owner wants it back.'));
    const view = await ended(id);
    expect(view.end?.why).toMatch(/cancelled|lost/);
    expect(view.measured.outputBytes).toBe(6);
    await expectNothingLeft();
  });

  it('is asked after again when the way there breaks', async () => {
    const { id } = await running((await begin(send(container))).id);
    world.net.move('far');
    await world.clock.run(5_000);
    world.net.move('home');
    await world.clock.run(5_000);
    expect((await viewOf(id)).state).toBe('running');
    far.runtime.end(only(far).id, { why: 'exited', exitCode: 0 });
    expect((await ended(id)).end).toEqual({ why: 'exited', exitCode: 0 });
    await expectNothingLeft();
  });

  it('reaches a port of it', async () => {
    const { id } = await running((await begin(send({ ...container, ports: [80] }))).id);
    await expect(world.clock.drive(home.jobs.connect(id as JobId, 80))).rejects.toMatchObject({
      code: 'REFUSED_THERE',
    });
    far.runtime.onConnect = (pipe) => {
      void (async () => {
        for (let bytes = await pipe.read(); bytes !== null; bytes = await pipe.read()) await pipe.write(bytes);
        await pipe.finish();
      })();
    };
    const pipe = await world.clock.drive(home.jobs.connect(id as JobId, 80));
    await pipe.write(Buffer.from('ping'));
    expect(Buffer.from((await world.clock.drive(pipe.read())) ?? []).toString()).toBe('ping');
    await pipe.finish();
    expect(await world.clock.drive(pipe.read())).toBeNull();
    await world.clock.drive(home.jobs.cancel(id as JobId));
  });

  it('does not take a result that another signed', async () => {
    const { id } = await running((await begin(send(sandbox))).id);
    far.runtime.signer = home.peer.local.keyId;
    far.runtime.end(only(far).id, { why: 'exited', exitCode: 0 });
    expect((await ended(id)).end).toMatchObject({
      why: 'lost',
      message: expect.stringContaining('another node signed'),
    });
    expect(far.peerId).toBe(home.offences[0]?.peer);
    await expect(home.jobs.result(id as JobId)).rejects.toMatchObject({ code: 'NO_RESULT' });
  });
});

describe('an image that a borrower brings', () => {
  const config = Buffer.from('{"config":1}');
  const layer = Buffer.from('a layer');
  const id = `sha256:${sha256Of(config)}`;
  beforeEach(() => {
    for (const bytes of [config, layer]) home.content.files.set(sha256Of(bytes), bytes);
    const refOf = (bytes: Buffer) => ({ sha256: sha256Of(bytes), bytes: bytes.length });
    home.images.set('busybox:1', { id, references: ['busybox:1'], config: refOf(config), layers: [refOf(layer)] });
  });

  it.each([
    ['all', 'a stranger', false],
    ['own', 'a node of the same owner', true],
  ] as const)('is taken where the owner lets in those of %s, from %s', async (others, _, own) => {
    far.brings = { others, own: own ? [home.peerId] : [], listed: [] };
    await running((await begin(send(container, { to: 'far' }))).id);
    expect(far.images.has(id)).toBe(true);
    expect(only(far)).toMatchObject({ spec: { image: id }, origin: { bringsImage: true } });
  });

  it.each(['own', 'refused'] as const)('is not where the owner lets in those of: %s', async (others) => {
    far.brings = { others, own: [], listed: [] };
    const { id: job } = await begin(send(container, { to: 'far' }));
    expect((await ended(job)).end).toMatchObject({ why: 'lost', message: expect.stringContaining('does not allow') });
    expect(far.images.size).toBe(0);
    await expectNothingLeft();
  });

  it('runs as the one of that id which the owner has and allows', async () => {
    far.brings = { others: 'refused', own: [], listed: [id] };
    await running((await begin(send(container, { to: 'far' }))).id);
    expect(far.images.size).toBe(0);
    expect(only(far)).toMatchObject({ spec: { image: id }, origin: { bringsImage: false } });
  });
});

describe('copies', () => {
  it('run at different owners, and who differs is told', async () => {
    const others = [await world.node('second'), await world.node('third')];
    for (const node of others) node.lends = { cpu: 2_000 };
    const jobs = await world.clock.drive(home.jobs.send(send(sandbox, { copies: 3, quorum: 2 })));
    for (const { id } of jobs) await running(id);
    const nodes = [far, ...others];
    nodes[1]!.runtime.lies = true;
    for (const node of nodes) {
      const job = only(node);
      node.runtime.write(job.id, '42');
      node.runtime.end(job.id, { why: 'exited', exitCode: 0 });
    }
    for (const { id } of jobs) await ended(id);
    const views = await Promise.all(jobs.map(({ id }) => viewOf(id)));
    expect(new Set(views.map(({ peerId }) => peerId)).size).toBe(3);
    const wrong = views.find(({ peerName }) => peerName === 'second')?.id;
    expect(views[0]?.copies).toMatchObject({ verdict: 'agreed', quorum: 2, wrong: [wrong] });
    await world.clock.run(5_000);
    expect(home.offences).toEqual([expect.objectContaining({ peer: nodes[1]!.peerId, offence: 'wrongResult' })]);
  });
});

describe('a move', () => {
  let other: RemoteNode;
  beforeEach(async () => {
    other = await world.node('other');
  });
  const arrived = (id: string, name: string) =>
    until(id, ({ state, peerName }) => state === 'running' && peerName === name, `the job runs at ${name}`);

  it('takes files and output along, from one node to another and home', async () => {
    const { id } = await running((await begin(send(container))).id);
    const first = only(far);
    await first.work.write('data/a.bin', 0, Buffer.alloc(3 * 1024 * 1024, 7));
    far.runtime.write(first.id, 'one ');
    other.lends = { container: 8 };
    const moving = await world.clock.drive(home.jobs.move(id as JobId, 'other'));
    expect(moving.state).toBe('moving');
    const view = await arrived(id, 'other');
    expect(view.moves).toMatchObject([{ from: 'far', to: 'other', movedBytes: 3 * 1024 * 1024 }]);
    const second = only(other);
    expect(second.work.files.get('data/a.bin')?.bytes).toHaveLength(3 * 1024 * 1024);
    other.runtime.write(second.id, 'two');
    await until(id, ({ measured }) => measured.outputBytes === 7, 'all output is here');
    const { chunks } = await home.jobs.output(id as JobId, 0);
    expect(chunks.map(({ data }) => Buffer.from(data, 'base64').toString()).join('')).toBe('one two');
    await world.clock.drive(home.jobs.move(id as JobId, 'home'));
    const over = await ended(id);
    expect(over.end).toMatchObject({ why: 'moved', to: 'home' });
    expect(only(home).work.files.has('data/a.bin')).toBe(true);
    expect(only(home).view.moves).toHaveLength(1);
    await expectNothingLeft();
  });

  it('takes a job of our own to another node', async () => {
    const { id: own } = await home.runtime.submit(jobSend.parse({ spec: container }).spec);
    await only(home).work.write('state', 0, Buffer.from('kept'));
    const { id } = await world.clock.drive(home.jobs.move(own as JobId, 'far'));
    expect(id).not.toBe(own);
    const view = await running(id);
    expect(view.moves).toMatchObject([{ from: 'this node', to: 'far' }]);
    expect(only(far).work.files.get('state')?.bytes.toString()).toBe('kept');
    expect((await home.runtime.get(own as JobId)).end).toMatchObject({ why: 'moved', to: 'far' });
    await world.clock.drive(home.jobs.cancel(id as JobId));
  });

  it('goes on past a file that goes away while it is copied', async () => {
    const { id } = await running((await begin(send(container))).id);
    const { work } = only(far);
    await work.write('gone', 0, Buffer.from('x'));
    await work.write('stays', 0, Buffer.from('y'));
    const { read } = work;
    work.read = async (path, offset, bytesMax) => {
      if (path !== 'gone') return await read(path, offset, bytesMax);
      await work.remove('gone');
      throw workRefused(path, 'there is no such file');
    };
    other.lends = { container: 8 };
    await world.clock.drive(home.jobs.move(id as JobId, 'other'));
    await arrived(id, 'other');
    expect([...only(other).work.files.keys()]).toEqual(['stays']);
    await world.clock.drive(home.jobs.cancel(id as JobId));
  });

  it('leaves it where it is when the other one cannot take it', async () => {
    const { id } = await running((await begin(send(container))).id);
    other.lends = { container: 8 };
    other.runtime.refuse = new Error('no');
    await world.clock.drive(home.jobs.move(id as JobId, 'other'));
    const view = await until(id, ({ stateReason }) => stateReason.startsWith('It stays at far'), 'it stays');
    expect(view.state).toBe('running');
    expect(only(far).view.state).toBe('running');
    await expect(world.clock.drive(home.jobs.move(id as JobId, 'nobody'))).rejects.toMatchObject({ code: 'NO_OFFERS' });
    await world.clock.drive(home.jobs.cancel(id as JobId));
  });

  it('starts again with its files where it was when the other one is lost after it stopped', async () => {
    const { id } = await running((await begin(send(container))).id);
    await only(far).work.write('state', 0, Buffer.from('kept'));
    other.lends = { container: 8 };
    other.runtime.begin = () => Promise.reject(new Error('it cannot'));
    await world.clock.drive(home.jobs.move(id as JobId, 'other'));
    await until(id, ({ stateReason }) => stateReason.startsWith('It stays at far'), 'it is back');
    expect((await running(id)).moves).toEqual([]);
    expect(only(far).work.files.get('state')?.bytes.toString()).toBe('kept');
    await world.clock.drive(home.jobs.cancel(id as JobId));
    await ended(id);
  });

  it('happens by itself when a node asks its jobs to leave', async () => {
    const { id } = await running((await begin(send(container))).id);
    other.lends = { container: 8 };
    far.runtime.notify(only(far).id, 'The node drains.');
    await arrived(id, 'other');
    other.runtime.notify(only(other).id, 'This one too.');
    far.lends = {};
    const view = await until(id, ({ stateReason }) => stateReason !== '', 'it stays');
    expect(view.stateReason).toContain('asks it to leave');
    await world.clock.drive(home.jobs.cancel(id as JobId));
  });

  it('happens by itself when the owner of a node lets it finish', async () => {
    const { id } = await running((await begin(send(container))).id);
    await world.clock.drive(far.runtime.setQueue({ mode: 'finish' }));
    const stays = await until(id, ({ stateReason }) => stateReason !== '', 'it stays');
    expect(stays.stateReason).toContain('takes no new work');
    await world.clock.drive(far.runtime.setQueue({ mode: 'open' }));
    await world.clock.run(30_000);
    other.lends = { container: 8 };
    await world.clock.run(60_000);
    expect((await viewOf(id)).peerName).toBe('far');
    await world.clock.drive(home.jobs.cancel(id as JobId));
    await ended(id);
    const second = await running((await begin(send(container, { to: 'far' }))).id);
    await world.clock.drive(far.runtime.setQueue({ mode: 'finish' }));
    await arrived(second.id, 'other');
    await world.clock.drive(home.jobs.cancel(second.id as JobId));
  });

  it('is for containers that run', async () => {
    const { id } = await running((await begin(send(sandbox))).id);
    await expect(home.jobs.move(id as JobId, 'any')).rejects.toMatchObject({ code: 'NOT_MOVABLE' });
    await world.clock.drive(home.jobs.cancel(id as JobId));
  });
});
