import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import type {
  ContainerDoctorState,
  ContainerView,
  ExposureView,
  JobView,
  LeaseVerdict,
  LeaseView,
  OfferView,
  PeerView,
  ReachedView,
} from '../../preload/contract/index.ts';
import { engineMissing, startTestEngine, type TestEngine } from '../support/engine/docker-engine.ts';
import { type HomeNode, startHomeNode } from '../support/home-node.ts';
import { createTestNetwork, netnsMissing } from '../support/netns.ts';
import { expect, finishFirstRun, open, test } from './fixtures.ts';
import { browserAt, homeProgram, type HomeBrowser, peerIdOf, publicAddress } from './homes.ts';

// A job is sent from one home to another, runs there in a container, moves to a third, and its receipt shows what was used. Whole
// programs in hosts of their own and real container engines, as their owners have them.

const LOOK = { timeout: 120_000, intervals: [500] };
const STATE_MIB = 100;
const PORT = 8080;
/** Counts on where it was, with much state beside it, and answers with the count. */
const COUNTER = `#!/bin/sh
cd /work
[ -f state ] || dd if=/dev/urandom of=state bs=1M count=${STATE_MIB} 2>/dev/null
n=$(cat count 2>/dev/null || echo 0)
trap 'exit 0' TERM
httpd -p ${PORT} -h /work
echo "counting from $n"
while true; do n=$((n+1)); echo $n > count.new; mv count.new count; sleep 0.05; done
`;

const JOB =
  `job submit --json --to attic --image counter:1 --cpu 50 --memory 128MiB --scratch 160MiB --port ${PORT} --keep count --no-stdin`.split(
    ' ',
  );

test.describe('somebody with work, and two who have room', () => {
  test.skip(netnsMissing !== null || engineMissing !== null, netnsMissing ?? engineMissing ?? '');
  test.setTimeout(900_000);

  test('@installed send a container, look into it, move it, and settle by its receipt', async ({ target }, info) => {
    const program = homeProgram(target);
    const network = createTestNetwork();
    const nodes: HomeNode[] = [];
    const engines: TestEngine[] = [];
    const browsers: HomeBrowser[] = [];
    const scratch = mkdtempSync(join(tmpdir(), 'hypermesh-e2e-jobs-'));
    chmodSync(scratch, 0o777);
    const photograph = async (page: Page, name: string): Promise<void> => {
      await page.setViewportSize({ width: 1200, height: 1800 });
      const path = info.outputPath(`${name}.png`);
      await page.screenshot({ path });
      await info.attach(name, { path, contentType: 'image/png' });
    };
    try {
      for (const _ of ['of the borrower', 'of the lenders']) {
        const engine = await startTestEngine();
        // The programs run as an ordinary user who was let at the engine.
        chmodSync(engine.folder, 0o755);
        chmodSync(engine.socketPath, 0o666);
        engines.push(engine);
      }
      const [near, far] = engines as [TestEngine, TestEngine];
      near.makeImage('counter:1', { 'bin/counter': { content: COUNTER, executable: true } });

      for (const [host, engine] of [
        ['studio', near],
        ['attic', far],
        ['cellar', far],
      ] as const) {
        network.host(host);
        nodes.push(await startHomeNode(program, network, host, { environment: { DOCKER_HOST: engine.endpoint } }));
      }
      const [studio, attic, cellar] = nodes as [HomeNode, HomeNode, HomeNode];
      const tries = (node: HomeNode, ...args: string[]) =>
        expect
          .poll(
            () =>
              node.cli(...args).then(
                () => '',
                (error: unknown) => String(error),
              ),
            LOOK,
          )
          .toBe('');
      await test.step('know each other', async () => {
        for (const node of [attic, cellar]) await tries(studio, 'peer', 'add', await publicAddress(node));
        for (const [one, other, name] of [
          [studio, attic, 'attic'],
          [studio, cellar, 'cellar'],
          [attic, studio, 'studio'],
          [cellar, studio, 'studio'],
        ] as const) {
          await tries(one, 'peer', 'trust', await peerIdOf(other), '--name', name);
        }
        const connected = async (): Promise<number> =>
          (await studio.json<{ peers: PeerView[] }>('peers', '--connected')).peers.length;
        await expect.poll(connected, LOOK).toBe(2);
      });
      await test.step('offer room', async () => {
        for (const node of [attic, cellar]) {
          await node.cli('share', 'set', 'cpu', '100');
          await node.cli('share', 'set', 'memory', '60');
          await node.cli('share', 'set', 'container', '100', '--privacy', 'P2P', '--allocation', 'Public');
          await node.cli('image', 'allow', '--others', 'all');
        }
        const offers = async (): Promise<number> =>
          (await studio.json<{ offers: OfferView[] }>('offers', '--kind', 'container', '--fresh')).offers.length;
        await expect.poll(offers, LOOK).toBe(2);
      });

      const jobOf = async (id: string): Promise<JobView> => await studio.json<JobView>('job', 'show', id);
      const input = join(scratch, 'input.txt');
      writeFileSync(input, 'what it was sent with\n');
      // What follows the image is the job's own, flags too.
      const submitted = JSON.parse(await studio.cli(...JOB, '--file', input, 'counter')) as JobView[];
      const id = submitted[0]?.id ?? '';
      await test.step('run in a container there', async () => {
        await expect
          .poll(async () => {
            const job = await jobOf(id);
            return job.end === null ? job.state : JSON.stringify(job.end);
          }, LOOK)
          .toBe('running');
        const job = await jobOf(id);
        expect(job).toMatchObject({ side: 'sent', kind: 'container', peerName: 'attic' });
        const running = await far.client.listContainers();
        const jobs = running.filter(({ Labels }) => Labels['org.hypermesh.role'] === 'job');
        expect(jobs.map(({ Command }) => Command)).toEqual([expect.stringContaining('counter')]);
        const details = await far.client.getContainer(jobs[0]?.Id ?? '').inspect();
        expect(details.HostConfig).toMatchObject({ ReadonlyRootfs: true, CapDrop: ['ALL'], Privileged: false });
        expect(details.Mounts.filter(({ Type }) => Type === 'bind')).toEqual([]);
      });

      const exposed = await studio.json<ExposureView>(
        'expose',
        `job:${id}:${PORT}`,
        '--name',
        'counter',
        '--privacy',
        'Private',
      );
      const reached = await studio.json<ReachedView>('reach', exposed.address, String(PORT));
      const ask = (path: string): string | null => {
        try {
          return network
            .run('studio', 'curl', ['-sS', '--max-time', '10', '-g', `http://${reached.listen}/${path}`])
            .trim();
        } catch {
          return null;
        }
      };
      await test.step('look into it', async () => {
        await expect.poll(() => Number(ask('count') ?? 0), LOOK).toBeGreaterThan(5);
        expect(ask('input.txt')).toBe('what it was sent with');
        expect(await studio.cli('job', 'logs', id)).toContain('counting from 0');
        await expect.poll(async () => (await jobOf(id)).measured.memoryBytesNow ?? 0, LOOK).toBeGreaterThan(0);
        await expect.poll(async () => (await jobOf(id)).measured.cpuMs ?? 0, LOOK).toBeGreaterThan(0);
      });
      await test.step('feel the slider of whoever lends', async () => {
        await attic.cli('share', 'set', 'cpu', '10');
        await expect.poll(async () => (await jobOf(id)).effectiveCpuPercent, LOOK).toBeLessThan(50);
        await attic.cli('share', 'set', 'cpu', '100');
        await expect.poll(async () => (await jobOf(id)).effectiveCpuPercent, LOOK).toBe(50);
      });
      await test.step('move to the third', async () => {
        const before = Number(ask('count') ?? 0);
        await studio.cli('job', 'move', id, 'cellar');
        await expect
          .poll(async () => {
            const job = await jobOf(id);
            return job.end === null
              ? `${job.state} at ${job.peerName} ${job.stateReason}`.trim()
              : JSON.stringify(job.end);
          }, LOOK)
          .toBe('running at cellar');
        await expect.poll(() => Number(ask('count') ?? 0), LOOK).toBeGreaterThan(before);
        const { moves } = await jobOf(id);
        expect(moves).toHaveLength(1);
        expect(moves[0]?.movedBytes ?? 0).toBeGreaterThan(STATE_MIB * 1024 ** 2);
        await info.attach('move', { body: JSON.stringify(moves), contentType: 'application/json' });
        const stillThere = async (): Promise<number> =>
          (await attic.json<{ containers: ContainerView[] }>('container', 'list')).containers.filter(
            ({ job }) => job !== null,
          ).length;
        await expect.poll(stillThere, LOOK).toBe(0);
      });
      await test.step('see it in the window of both sides', async () => {
        for (const [node, name] of [
          [studio, 'jobs-borrower'],
          [cellar, 'jobs-lender'],
        ] as const) {
          const browser = await browserAt(network, node.host);
          browsers.push(browser);
          await browser.page.goto(node.url);
          await finishFirstRun(browser.page);
          await open(browser.page, 'Jobs');
          await expect(browser.page.getByText('counter').first()).toBeVisible();
          await photograph(browser.page, name);
        }
      });
      await test.step('end with files and a receipt', async () => {
        await studio.cli('job', 'stop', id);
        await expect.poll(async () => (await jobOf(id)).state, LOOK).toBe('ended');
        await expect.poll(async () => (await jobOf(id)).outputs.map(({ path }) => path), LOOK).toEqual(['count']);
        await studio.cli('job', 'files', id, '--out', join(scratch, 'out'));
        expect(Number(readFileSync(join(scratch, 'out', 'count'), 'utf8'))).toBeGreaterThan(5);
        const { leases } = await studio.json<{ leases: LeaseView[] }>('lease', 'list');
        expect(leases.map(({ resource }) => resource)).toEqual(['container', 'container']);
        for (const lease of leases) {
          const over = async (): Promise<string> => (await studio.json<LeaseView>('lease', 'show', lease.id)).state;
          await expect.poll(over, LOOK).toBe('ended');
          const file = join(scratch, `${lease.id}.hmlease`);
          await studio.cli('lease', 'file', lease.id, '--out', file);
          const verdict = await studio.json<LeaseVerdict>('lease', 'verify', file);
          expect(verdict).toMatchObject({ passed: true, lease: { kind: 'container', used: { final: true } } });
          expect(verdict.lease?.used?.unitSeconds ?? 0).toBeGreaterThan(0);
        }
      });
      await test.step('find the engine healthy', async () => {
        const found = await attic.json<ContainerDoctorState>('doctor', 'containers');
        expect(found.checks.filter(({ result }) => result === 'bad')).toEqual([]);
      });
      await test.step('leave nothing in the engine but images', async () => {
        for (const node of nodes.splice(0)) await node.stop();
        for (const { client } of engines) {
          expect(await client.listContainers({ all: true })).toEqual([]);
          expect((await client.listVolumes()).Volumes ?? []).toEqual([]);
        }
      });
    } finally {
      for (const one of browsers) await one.end();
      for (const node of nodes) await node.stop();
      await network.close();
      for (const engine of engines) await engine.stop();
      rmSync(scratch, { recursive: true, force: true });
    }
  });
});
