import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobView } from '../../preload/contract/index.ts';
import { engineMissing, startTestEngine, type TestEngine } from '../support/engine/docker-engine.ts';
import { createLoopbackNodes } from '../support/loopback-nodes.ts';

// Two real nodes in processes of their own, on loopback, each with a container engine of its own: who lends, and a friend whose jobs run
// there. Steered by the command line.

const MS_MAX = 400_000;
const SOON = { timeout: 120_000, interval: 500 };
const NAMES = ['home', 'friend'] as const;
type Name = (typeof NAMES)[number];

describe.skipIf(engineMissing !== null)(
  `jobs on another node (${engineMissing ?? 'with engines'})`,
  { timeout: MS_MAX },
  () => {
    const nodes = createLoopbackNodes();
    const { good, ask, hypermesh } = nodes;
    const engines = new Map<Name, TestEngine>();
    const idOf: Record<string, string> = {};
    const before = process.env['DOCKER_HOST'];

    const jobsAt = (name: Name): Promise<JobView[]> => ask(name, 'job:list', ['job', 'list']);
    const jobOf = (id: string): Promise<JobView> => ask('friend', 'job:get', ['job', 'show', id]);
    const untilState = async (id: string, state: JobView['state']): Promise<JobView> => {
      await expect
        .poll(async () => {
          const { state: now, stateReason, end } = await jobOf(id);
          return now === state ? now : `${now}: ${stateReason} ${JSON.stringify(end)}`;
        }, SOON)
        .toBe(state);
      return await jobOf(id);
    };
    /** Nothing of the friend is at the lender: no lease, no container, no job. */
    const expectNothingLent = async (): Promise<void> => {
      await expect
        .poll(async () => (await ask('home', 'leases:list', ['lease', 'list', '--state', 'live'])).leases.length, SOON)
        .toBe(0);
      // The owner's engine may keep a holder ready for whatever comes next: it never was anybody's.
      await expect
        .poll(async () => {
          const all = (await engines.get('home')?.client.listContainers({ all: true })) ?? [];
          const holders = all.filter(({ Labels }) => Labels['org.hypermesh.role'] === 'holder');
          return { others: all.length - holders.length, holders: Math.max(1, holders.length) };
        }, SOON)
        .toEqual({ others: 0, holders: 1 });
      expect((await jobsAt('home')).filter(({ side }) => side === 'lent')).toEqual([]);
    };

    beforeAll(async () => {
      for (const name of NAMES) {
        const engine = await startTestEngine();
        engines.set(name, engine);
        process.env['DOCKER_HOST'] = engine.endpoint;
        nodes.makeFolder(name);
        await nodes.start(name);
      }
      engines.get('friend')?.makeImage('tools:1');
    }, MS_MAX);
    afterAll(async () => {
      await nodes.close();
      for (const engine of engines.values()) await engine.stop();
      if (before === undefined) delete process.env['DOCKER_HOST'];
      else process.env['DOCKER_HOST'] = before;
    }, MS_MAX);

    it('need two nodes that trust each other, one of which lends', async () => {
      await nodes.createIdentities(NAMES);
      await Promise.all(NAMES.map(nodes.untilRunning));
      for (const name of NAMES) await good(name, ['proof', 'set', '--automatic', 'off']);
      const { addresses, peerId } = await ask('home', 'network:state', ['net', 'status']);
      for (const name of NAMES)
        idOf[name] = (await ask(name, 'network:state', ['net', 'status'])).peerId ?? `${name} has no id`;
      const address = `${addresses[0]}/p2p/${peerId ?? ''}`;
      await expect
        .poll(async () => (await hypermesh('friend', ['peer', 'add', address, '--name', 'home'])).code, SOON)
        .toBe(0);
      await good('home', ['peer', 'trust', idOf['friend'] ?? '', '--name', 'friend']);
      await good('friend', ['peer', 'trust', 'home']);
      const terms = ['--privacy', 'P2P', '--privacy-name', 'friend', '--allocation', 'Public', '--leases', '8'];
      for (const resource of ['cpu', 'container']) await good('home', ['share', 'set', resource, '80', ...terms]);
      await good('home', ['image', 'allow', '--others', 'all']);
    });

    it('run in a sandbox there', async () => {
      const script = join(nodes.root, 'sum.js');
      writeFileSync(script, 'console.log([1, 2, 3].reduce((a, b) => a + b))');
      expect(
        await good('friend', ['job', 'submit', '--to', 'home', '--cpu', '20', '--no-stdin', '--wait', script]),
      ).toBe('6\n');
      await expectNothingLent();
    });

    it('run in a container there, with an image and files that come along', async () => {
      const input = join(nodes.root, 'input.txt');
      writeFileSync(input, 'what it works on\n');
      const line = 'tr a-z A-Z < input.txt | tee out.txt';
      const flags = [
        '--to',
        'home',
        '--cpu',
        '50',
        '--image',
        'tools:1',
        '--no-stdin',
        '--file',
        input,
        '--keep',
        'out.txt',
      ];
      await good('friend', ['job', 'submit', ...flags, 'sh', '-c', line]);
      const [job] = await jobsAt('friend');
      const view = await untilState(job?.id ?? '', 'ended');
      expect(view).toMatchObject({
        side: 'sent',
        peerName: 'home',
        end: { why: 'exited', exitCode: 0 },
        outputs: [{ path: 'out.txt', bytes: 17 }],
      });
      expect(await good('friend', ['job', 'logs', view.id])).toBe('WHAT IT WORKS ON\n');
      await expectNothingLent();
    });

    it('come home with their files while they run', async () => {
      const line =
        'test -f n || echo 0 > n; while true; do echo $(( $(cat n) + 1 )) > n.new; mv n.new n; sleep 0.1; done';
      await good('friend', [
        'job',
        'submit',
        '--to',
        'home',
        '--cpu',
        '25',
        '--image',
        'tools:1',
        '--no-stdin',
        'sh',
        '-c',
        line,
      ]);
      const [job] = await jobsAt('friend');
      const id = job?.id ?? '';
      await untilState(id, 'running');
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await good('friend', ['job', 'move', id, 'home']);
      const { end, moves } = await untilState(id, 'ended');
      expect(end).toMatchObject({ why: 'moved', to: 'home' });
      expect(moves).toHaveLength(1);
      expect(moves[0]?.pauseMs).toBeLessThan(20_000);
      const here = (await jobsAt('friend')).find(({ side, state }) => side === 'own' && state === 'running');
      expect(here?.moves).toHaveLength(1);
      await expectNothingLent();
      await good('friend', ['job', 'stop', here?.id ?? '']);
    });
  },
);
