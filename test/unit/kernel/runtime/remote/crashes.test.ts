import { describe, expect, it } from 'vitest';
import type { JobId } from '../../../../../main/base/index.ts';
import { jobSend, type JobView } from '../../../../../preload/contract/index.ts';
import { createRemoteWorld, type RemoteNode, type RemoteWorld, sha256Of } from '../../../../support/remote-jobs.ts';

const FILE = Buffer.from('what it left');
const OUTPUT = { path: 'out', sha256: sha256Of(FILE), bytes: FILE.length, executable: false };
const request = jobSend.parse({
  spec: {
    kind: 'container',
    name: 'crash',
    image: 'busybox:1',
    cpuPercent: 50,
    stdin: Buffer.from('in').toString('base64'),
    outputs: ['out'],
  },
  to: 'far',
});

interface Scene {
  world: RemoteWorld;
  home: RemoteNode;
  far: RemoteNode;
  other: RemoteNode;
  /** Lets programs end. */
  release(): void;
}
const createScene = async (releasedAtOnce: boolean): Promise<Scene> => {
  const world = createRemoteWorld();
  const home = await world.node('home');
  const far = await world.node('far');
  const other = await world.node('other');
  let released = releasedAtOnce;
  for (const node of [far, other]) {
    node.lends = { container: 4 };
    node.content.files.set(OUTPUT.sha256, FILE);
    const program = (id: JobId): void => {
      const job = node.runtime.jobs.get(id);
      if (!released || job === undefined || job.view.state !== 'running') return;
      // What it left is held by the runtime until the job is removed, as far as this test goes for ever.
      node.content.files.set(OUTPUT.sha256, FILE);
      node.runtime.write(id, 'done');
      node.runtime.end(id, { why: 'exited', exitCode: 0 }, [OUTPUT]);
    };
    world.clock.every(300, () => {
      for (const id of node.runtime.jobs.keys()) program(id);
    });
  }
  return { world, home, far, other, release: () => (released = true) };
};
const jobsOf = (home: RemoteNode): Promise<JobView[]> => home.jobs.list();
const until = async (
  { world, home }: Scene,
  wanted: (views: readonly JobView[]) => boolean,
  what: string,
): Promise<JobView[]> => {
  let views = await jobsOf(home);
  await world.clock.until(
    () => {
      if (!home.isDown) void jobsOf(home).then((now) => (views = now));
      return wanted(views);
    },
    what,
    1_200_000,
  );
  return await jobsOf(home);
};
/** Lets time pass until it is down, or so much has passed. */
const untilDown = async ({ world }: Scene, node: RemoteNode, ms: number): Promise<boolean> => {
  for (let passed = 0; passed < ms && !node.isDown; passed += 1_000) await world.clock.run(1_000);
  return node.isDown;
};
const allEnded = (views: readonly JobView[]): boolean => views.every(({ state }) => state === 'ended');
/** No lease runs, no job of a borrower is anywhere, and no content is held for one. */
const expectNothingLeft = async ({ world, far, other }: Scene): Promise<void> => {
  await world.clock.run(200_000);
  expect([...world.leases.values()].filter(({ view }) => view.state !== 'ended')).toEqual([]);
  for (const node of [far, other]) {
    expect([...node.runtime.jobs.values()].filter(({ origin }) => origin.side === 'lent')).toEqual([]);
    expect([...node.content.holds.keys()]).toEqual([]);
    expect(await node.store.all('test', 'SELECT * FROM lent_jobs')).toEqual([]);
  }
};
const expectDone = async (scene: Scene, views: readonly JobView[]): Promise<void> => {
  const { home } = scene;
  for (const view of views) {
    expect(view.end).toEqual({ why: 'exited', exitCode: 0 });
    expect(view.outputs).toEqual([OUTPUT]);
    const { chunks } = await home.jobs.output(view.id as JobId, 0);
    expect(chunks.map(({ data }) => Buffer.from(data, 'base64').toString()).join('')).toBe('done');
    expect(home.content.files.has(OUTPUT.sha256)).toBe(true);
  }
};
/** Runs the scene with a crash at the n-th effect. @returns whether there was such an effect */
const tryAt = async (
  which: 'home' | 'far',
  effects: number,
  act: (scene: Scene, crash: () => void) => Promise<void>,
  moves: boolean,
): Promise<boolean> => {
  const scene = await createScene(!moves);
  const { world, release } = scene;
  const node = scene[which];
  try {
    await act(scene, () => {
      node.crashAt(effects);
    });
    const crashed = await untilDown(scene, node, 30_000);
    if (crashed) {
      await world.clock.run(2_000);
      await node.restart();
    } else node.crashAt(Number.POSITIVE_INFINITY);
    release();
    const views = await until(scene, allEnded, `${which} has done everything after a crash at ${node.effects.at(-1)}`);
    if (moves) {
      expect(views).toHaveLength(1);
      expect(['far', 'other']).toContain(views[0]?.peerName);
    }
    await expectDone(scene, views);
    await expectNothingLeft(scene);
    return crashed;
  } catch (error) {
    throw new Error(`with a crash of ${which} at effect ${effects}, ${node.effects[effects - 1]}`, { cause: error });
  } finally {
    await world.stop();
  }
};
const sendIt = (scene: Scene, crash: () => void): Promise<void> => {
  crash();
  // Of a crash within it nobody hears.
  scene.home.jobs.send(request).catch(() => undefined);
  return Promise.resolve();
};
const moveIt = async (scene: Scene, crash: () => void): Promise<void> => {
  const [view] = await scene.world.clock.drive(scene.home.jobs.send(request));
  await until(scene, ([one]) => one?.state === 'running', 'it runs');
  crash();
  scene.home.jobs.move(view?.id as JobId, 'other').catch(() => undefined);
};

describe('a node that is killed at any step of a job elsewhere', () => {
  it.each(['home', 'far'] as const)('comes to the same end as if it had not been: %s', async (which) => {
    let steps = 0;
    while (await tryAt(which, steps + 1, sendIt, false)) steps += 1;
    expect(steps).toBeGreaterThan(which === 'home' ? 15 : 3);
  });
  it.each(['home', 'far'] as const)('neither loses nor doubles a job that moves: %s', async (which) => {
    let steps = 0;
    while (await tryAt(which, steps + 1, moveIt, true)) steps += 1;
    expect(steps).toBeGreaterThan(which === 'home' ? 10 : 1);
  });
});
