import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JobId } from '../../../../../../main/base/index.ts';
import {
  commandOf,
  containerOptions,
  type ContainerPlan,
  containerSlots,
  memoryOf,
  quotaOf,
} from '../../../../../../main/kernel/runtime/drivers/container/container-options.ts';
import { type ContainerSpec, jobSpec } from '../../../../../../preload/contract/index.ts';

const MIB = 1024 * 1024;
const specOf = (more: Record<string, unknown> = {}): ContainerSpec => {
  const spec = jobSpec.parse({ kind: 'container', name: 'a', image: 'tools:1', ...more });
  if (spec.kind !== 'container') throw new Error('a container was asked for');
  return spec;
};
const planOf = (more: Record<string, unknown> = {}, image: Partial<ContainerPlan['image']> = {}): ContainerPlan => ({
  mark: 'ab'.repeat(16),
  job: 'job-0123456789abcdef' as JobId,
  spec: specOf(more),
  image: {
    id: 'sha256:1',
    bytes: 1,
    entrypoint: ['/entry'],
    command: ['--help'],
    workFolder: '',
    volumes: [],
    ...image,
  },
  holder: 'holder-id',
  volume: 'its-work',
  millicores: 700,
  podman: false,
  init: true,
});
const hostOf = (plan: ContainerPlan) => containerOptions(plan).HostConfig!;

describe('how the container of a job is made', () => {
  it('closes every wall', () => {
    const host = hostOf(planOf());
    expect(host).toMatchObject({
      ReadonlyRootfs: true,
      Privileged: false,
      CapDrop: ['ALL'],
      CapAdd: [],
      SecurityOpt: ['no-new-privileges'],
      NetworkMode: 'container:holder-id',
      IpcMode: 'private',
      PidMode: '',
      UTSMode: '',
      Binds: [],
      Devices: [],
      OomKillDisable: false,
      OomScoreAdj: 800,
      RestartPolicy: { Name: '' },
      LogConfig: { Type: 'local', Config: { 'max-size': `${2 * MIB}`, 'max-file': '2' } },
    });
    expect(host.DeviceRequests).toBeUndefined();
    expect(host.Mounts?.map(({ Type, Source, Target }) => [Type, Source, Target])).toEqual([
      ['volume', 'its-work', '/work'],
    ]);
    expect(containerOptions(planOf())).toMatchObject({
      User: '65532:65532',
      Tty: false,
      OpenStdin: false,
      Healthcheck: { Test: ['NONE'] },
      Labels: {
        'org.hypermesh.node': 'ab'.repeat(16),
        'org.hypermesh.job': 'job-0123456789abcdef',
        'org.hypermesh.role': 'job',
      },
    });
  });

  it('bounds memory with files in it, processes, files, core dumps and both folders', () => {
    const host = hostOf(planOf({ memoryBytes: 64 * MIB, scratchBytesMax: 16 * MIB, pidsMax: 10 }));
    expect([host.Memory, host.MemorySwap]).toEqual([80 * MIB, 80 * MIB]);
    // The engine's own first process comes on top of those of the job.
    expect(host.PidsLimit).toBe(11);
    expect(host.Ulimits).toContainEqual({ Name: 'core', Soft: 0, Hard: 0 });
    expect(host.Tmpfs?.['/tmp']).toMatch(/nosuid,nodev,size=16777216,/);
    // 0 would be a file system without a bound.
    expect(hostOf(planOf({ scratchBytesMax: 0 })).Tmpfs?.['/tmp']).toMatch(/size=65536,/);
  });

  it('lets an image bring neither volumes on the disk nor a folder of its choice in place of ours', () => {
    const host = hostOf(planOf({}, { volumes: ['/data', '/work', '/tmp'], workFolder: '/app' }));
    expect(Object.keys(host.Tmpfs ?? {}).sort()).toEqual(['/data', '/tmp']);
    expect(host.Tmpfs?.['/data']).toMatch(/size=1048576,/);
    expect(containerOptions(planOf({}, { workFolder: '/app' })).WorkingDir).toBe('/app');
    expect(containerOptions(planOf({}, { workFolder: '/' })).WorkingDir).toBe('/work');
  });

  it('hands on a card only when one was asked for, and a way out only to a job that has one', () => {
    expect(hostOf(planOf({ gpu: true })).DeviceRequests).toMatchObject([{ Count: -1, Capabilities: [['gpu']] }]);
    expect(containerOptions(planOf()).Env?.some((line) => /proxy/i.test(line))).toBe(false);
    const env = containerOptions(planOf({ network: 'exit', env: { http_proxy: 'mine' } })).Env!;
    expect(env).toContain('https_proxy=http://127.0.0.1:3128');
    expect(env.filter((line) => line.startsWith('http_proxy='))).toEqual(['http_proxy=mine']);
    expect(env).toContain('HYPERMESH_JOB=job-0123456789abcdef');
  });

  it('runs what the request says, or else what the image says', () => {
    const { image } = planOf();
    expect(commandOf(specOf(), image)).toEqual({ entrypoint: ['/entry'], command: ['--help'] });
    expect(commandOf(specOf({ args: ['a'] }), image)).toEqual({ entrypoint: ['/entry'], command: ['a'] });
    // The image's arguments are its own entrypoint's.
    expect(commandOf(specOf({ entrypoint: ['/bin/x'] }), image)).toEqual({ entrypoint: ['/bin/x'], command: [] });
    expect(containerOptions(planOf({ entrypoint: [], args: ['b'] }))).toMatchObject({ Entrypoint: [''], Cmd: ['b'] });
  });

  it('gives a quota that the kernel takes and that is never above the share', () => {
    expect(quotaOf(700)).toEqual({ CpuPeriod: 100_000, CpuQuota: 70_000 });
    expect(quotaOf(2500)).toEqual({ CpuPeriod: 100_000, CpuQuota: 250_000 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 256_000 }), (millicores) => {
        const { CpuPeriod, CpuQuota } = quotaOf(millicores);
        expect(CpuQuota).toBeGreaterThanOrEqual(1000);
        expect(CpuPeriod).toBeLessThanOrEqual(1_000_000);
        expect(CpuQuota / CpuPeriod).toBeCloseTo(millicores / 1000, 6);
      }),
    );
  });

  it('counts lendable containers by share and by memory, whichever is more', () => {
    expect(containerSlots(specOf({ cpuPercent: 10, memoryBytes: 8 * MIB, scratchBytesMax: 0 }))).toBe(1);
    expect(containerSlots(specOf({ cpuPercent: 100, memoryBytes: 8 * MIB }))).toBe(4);
    expect(containerSlots(specOf({ cpuPercent: 10, memoryBytes: 512 * MIB, scratchBytesMax: 1 }))).toBe(5);
    expect(memoryOf(specOf({ memoryBytes: 10 * MIB, scratchBytesMax: MIB }))).toBe(11 * MIB);
  });
});
