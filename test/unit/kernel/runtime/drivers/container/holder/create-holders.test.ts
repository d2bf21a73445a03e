import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemOutside, newJobId } from '../../../../../../../main/base/index.ts';
import {
  createHolders,
  type Holder,
  type Holders,
  networkEnvironment,
} from '../../../../../../../main/kernel/runtime/drivers/container/holder/index.ts';
import type { JobNetwork, JobPipe } from '../../../../../../../main/kernel/runtime/drivers/interface.ts';
import { containersMissing } from '../../../../../../support/engine/container-world.ts';
import { startTestEngine, type TestEngine } from '../../../../../../support/engine/docker-engine.ts';
import { createSilentLogger } from '../../../../../../support/silent-logger.ts';
import { join } from 'node:path';

const outside = createSystemOutside();
const MARK = 'a'.repeat(32);
const job = newJobId(outside.random);

describe.skipIf(containersMissing !== null)(`holders (${containersMissing ?? 'engine here'})`, () => {
  let engine: TestEngine;
  const life = (mark = MARK, helperPath = join(process.cwd(), 'out/helpers/hypermesh-holder')): Holders =>
    createHolders(
      { engine: { client: async () => engine.client, mark }, outside, logger: createSilentLogger() },
      { helperPath },
    );
  const request = (name: string, network: JobNetwork | null = null) => ({
    name,
    volume: `${name}-work`,
    job,
    workBytes: 4 * 1024 * 1024,
    network,
  });
  /** Runs a line of shell beside a holder, as its job would run. @returns what it printed */
  const run = async (holder: Holder, line: string): Promise<string> => {
    const container = await engine.client.createContainer({
      Image: 'tools',
      Cmd: ['sh', '-c', line],
      User: '65532:65532',
      Env: Object.entries(networkEnvironment()).map(([name, value]) => `${name}=${value}`),
      HostConfig: { NetworkMode: `container:${holder.containerId}`, Binds: [`${holder.volume}:/work:nocopy`] },
    });
    try {
      await container.start();
      await container.wait();
      return (await container.logs({ stdout: true, stderr: true })).toString('utf8').replace(/[^\x20-\x7e\n]/g, '');
    } finally {
      await container.remove({ force: true });
    }
  };
  const things = async (): Promise<string[]> => [
    ...(await engine.client.listContainers({ all: true })).flatMap(({ Names }) => Names),
    ...((await engine.client.listVolumes()).Volumes ?? []).map(({ Name }) => Name),
  ];

  beforeAll(async () => {
    engine = await startTestEngine();
    engine.makeImage('tools');
  });
  afterAll(async () => {
    await engine.stop();
  });

  it('share a work folder with the job, of the size that was asked for, and leave nothing', async () => {
    const holder = await life().make(request('one'));
    await holder.work.write('in/file', 0, Buffer.from('for the job'));
    expect(await run(holder, 'cat /work/in/file; echo from the job > /work/out; rm -r /work/in; id -u')).toContain(
      'for the job65532',
    );
    expect(Buffer.from(await holder.work.read('out', 0, 100)).toString()).toBe('from the job\n');
    expect((await holder.work.list()).map(({ path }) => path)).toEqual(['out']);
    await expect(holder.work.write('large', 0, new Uint8Array(5 * 1024 * 1024))).rejects.toMatchObject({
      code: 'SCRATCH_FULL',
    });
    expect(await run(holder, 'ls /sys/class/net; ls -ld /work')).toMatch(/^.*lo\n.*65532/s);
    await holder.remove();
    await holder.remove();
    expect(await things()).toEqual([]);
  });

  it('lead out through the node where the job has a network, and only there', async () => {
    const server = createServer();
    const asked: string[] = [];
    const answers = (text: string): JobPipe => {
      const left = [Buffer.from(text)];
      return {
        read: async () => left.shift() ?? null,
        write: async () => undefined,
        finish: async () => undefined,
        reset: () => undefined,
      };
    };
    const network: JobNetwork = {
      connect: async (host, port) => {
        asked.push(`${host} ${port}`);
        if (host !== 'allowed.example') throw new Error('The owner lets no job go there.');
        return answers('HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n');
      },
    };
    const holder = await life().make(request('two', network));
    const closed = await life().make(request('three'));
    try {
      expect(await run(holder, 'wget -q -O - http://allowed.example/x; wget -O - http://10.0.0.1/; true')).toMatch(
        /hello\n[^]*(502|error)/,
      );
      expect(asked).toEqual(['allowed.example 80', '10.0.0.1 80']);
      expect(holder.counters().receivedBytes).toBeGreaterThan(40);
      expect(await run(closed, 'wget -O - http://allowed.example/x; true')).toMatch(/refused/);
      expect(asked).toHaveLength(2);
    } finally {
      server.close();
      await holder.remove();
      await closed.remove();
    }
  });

  it('live on without the node, and are taken up again by their name', async () => {
    const first = await life().make(request('four'));
    await first.work.write('kept', 0, Buffer.from('kept'));
    first.close();
    await expect(first.work.list()).rejects.toMatchObject({ code: 'HOLDER_LOST' });
    // Another node's mark: not ours to take.
    expect(await life('b'.repeat(32)).adopt(request('four'))).toBeNull();
    const again = await life().adopt(request('four'));
    expect(Buffer.from(await again!.work.read('kept', 0, 10)).toString()).toBe('kept');
    expect(again!.containerId).toBe(first.containerId);
    await again!.remove();
    expect(await life().adopt(request('four'))).toBeNull();
    expect(await things()).toEqual([]);
  });

  it('tell that they are lost when somebody removes them', async () => {
    const holder = await life().make(request('five'));
    const lost: string[] = [];
    holder.on('lost', ({ reason }) => void lost.push(reason));
    const reading = holder.work.list();
    await reading;
    await engine.client.getContainer(holder.containerId).remove({ force: true });
    await expect.poll(() => lost.length, { timeout: 10_000 }).toBe(1);
    await expect(holder.work.list()).rejects.toMatchObject({ code: 'HOLDER_LOST' });
    await sleep(100);
    expect(lost).toHaveLength(1);
    await holder.remove();
    expect(await things()).toEqual([]);
  });

  it('leave nothing when they cannot be made', async () => {
    const holders = life();
    const one = await holders.make(request('six'));
    await expect(holders.make({ ...request('seven'), name: 'six' })).rejects.toMatchObject({ statusCode: 409 });
    await one.work.write('still', 0, Buffer.from('there'));
    await one.remove();
    expect(await things()).toEqual([]);
    await expect(life(MARK, '/does/not/exist').make(request('eight'))).rejects.toMatchObject({ code: 'HOLDER_LOST' });
    expect(await things()).toEqual([]);
  });
});
