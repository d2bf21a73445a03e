import { describe, expect, it } from 'vitest';
import { connectBridge, type ConnectedClient, type Connection } from '../../../../renderer/state/connection.ts';
import {
  createNodeAccess,
  LIVE_SAMPLES_MAX,
  LOG_LINES_MAX,
  withLogLine,
} from '../../../../renderer/state/node-store.ts';
import { sampleJob } from '../../../support/fake-jobs.ts';
import { createFakeNodeClient, sampleLive } from '../../../support/fake-node-client.ts';
import { createVisibility } from '../show.tsx';

const setUp = async () => {
  const fake = createFakeNodeClient();
  const visibility = createVisibility();
  const node = createNodeAccess(connectBridge(fake), visibility);
  await node.refresh();
  return { fake, visibility, node };
};

describe('createNodeAccess', () => {
  it('reads everything once connected, and follows pushes', async () => {
    const { fake, node } = await setUp();
    expect(node.store.getState()).toMatchObject({ loadError: null, status: { version: '0.1.0' }, jobs: [] });
    fake.push('job', sampleJob());
    fake.push('job', sampleJob({ state: 'frozen' }));
    expect(node.store.getState().jobs).toMatchObject([{ state: 'frozen' }]);
    fake.push('jobRemoved', { id: sampleJob().id });
    expect(node.store.getState().jobs).toEqual([]);
  });

  it('shows a change of limits at once and takes it back if the node refuses', async () => {
    const { fake, node } = await setUp();
    const percent = () => node.store.getState().share?.resources[0]?.percentMax;
    const kept = node.setShare('cpu', { percentMax: 80 });
    expect(percent()).toBe(80);
    expect((await kept).ok).toBe(true);
    expect(percent()).toBe(80);
    fake.failNext('share:set', { name: 'E', code: 'INTERNAL', message: 'Disk full; free some space.' });
    const refusedChange = node.setShare('cpu', { percentMax: 10 });
    expect(percent()).toBe(10);
    expect(await refusedChange).toMatchObject({ ok: false, error: { code: 'INTERNAL' } });
    expect(percent()).toBe(80);
  });

  it('measures live only while somebody looks at a page that is visible', async () => {
    const { fake, node, visibility } = await setUp();
    expect(fake.listening('live')).toBe(0);
    const one = node.watchLive();
    const two = node.watchLive();
    expect(fake.listening('live')).toBe(1);
    visibility.set(true);
    expect(fake.listening('live')).toBe(0);
    expect(fake.listening('job')).toBe(0);
    expect(fake.listening('promises')).toBe(0);
    visibility.set(false);
    expect(fake.listening('live')).toBe(1);
    one();
    one();
    expect(fake.listening('live')).toBe(1);
    two();
    expect(fake.listening('live')).toBe(0);
  });

  it('reads anew what it missed while hidden', async () => {
    const { fake, node, visibility } = await setUp();
    visibility.set(true);
    fake.state.jobs = [sampleJob()];
    fake.push('job', sampleJob());
    expect(node.store.getState().jobs).toEqual([]);
    visibility.set(false);
    await node.refresh();
    expect(node.store.getState().jobs).toHaveLength(1);
  });

  it('keeps a bounded number of samples and log lines', async () => {
    const { fake, node } = await setUp();
    node.watchLive();
    for (let step = 0; step < LIVE_SAMPLES_MAX + 30; step += 1) fake.push('live', sampleLive(step * 1000, step));
    const { live } = node.store.getState();
    expect(live).toHaveLength(LIVE_SAMPLES_MAX);
    expect(live.at(-1)?.atMs).toBe((LIVE_SAMPLES_MAX + 29) * 1000);
    const line = { atMs: 0, level: 'info', module: 'm', message: 'x', context: {} } as const;
    const full = Array.from({ length: LOG_LINES_MAX }, () => line);
    expect(withLogLine(full, line)).toHaveLength(LOG_LINES_MAX);
  });

  it('turns a lost connection into an error like any other, and reads anew when it is back', async () => {
    const fake = createFakeNodeClient();
    let listener: (connection: Connection) => void = () => {};
    let reachable = false;
    const client: ConnectedClient = {
      ...connectBridge(fake),
      call: (name, request) => (reachable ? fake.call(name, request) : Promise.reject(new Error('gone'))),
      connection: () => ({ status: 'connecting' }),
      onConnection: (told) => {
        listener = told;
        return () => {};
      },
    };
    const node = createNodeAccess(client, createVisibility());
    expect(await node.ask('share:get', {})).toMatchObject({ ok: false, error: { code: 'NOT_CONNECTED' } });
    reachable = true;
    listener({ status: 'connected' });
    await node.refresh();
    expect(node.store.getState()).toMatchObject({ connection: { status: 'connected' }, loadError: null });
  });

  it('listens to nothing once stopped', async () => {
    const { fake, node } = await setUp();
    node.watchLive();
    node.stop();
    for (const name of ['node', 'config', 'share', 'levels', 'live', 'job', 'promises'] as const)
      expect(fake.listening(name)).toBe(0);
  });
});
