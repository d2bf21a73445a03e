import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { containerCapacity } from '../../main/kernel/assets/adapters/container.ts';
import { mapReading, parseMeminfo } from '../../main/kernel/monitor/index.ts';
import { type Machine, startMachine } from '../unit/kernel/assets/machine.ts';

const run = async (program: string, ...args: string[]): Promise<string> =>
  (await promisify(execFile)('env', ['LC_ALL=C', program, ...args])).stdout;
const has = async (program: string): Promise<boolean> =>
  run(program, '--version').then(
    () => true,
    () =>
      run(program, '-V').then(
        () => true,
        () => false,
      ),
  );
const valueOf = <T>(reading: { known: true; value: T } | { known: false; reason: string }): T => {
  if (!reading.known) throw new Error(`expected to be known: ${reading.reason}`);
  return reading.value;
};

/** A known value must be the expected one; an unknown one must have a reason. */
const agrees = <T>(reading: { known: true; value: T } | { known: false; reason: string }, expected: T): void => {
  if (reading.known) expect(reading.value).toEqual(expected);
  else expect(reading.reason).not.toBe('');
};

const [hasLscpu, hasLsblk, hasDf, hasIp] = await Promise.all(['lscpu', 'lsblk', 'df', 'ip'].map(has));

/** What the inventory says is what the system's own programs say. */
describe.runIf(process.platform === 'linux')('inventory agrees with', () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await startMachine();
  });
  afterAll(() => machine.stop());

  it.skipIf(hasLscpu !== true)('lscpu (skipped where it is not installed)', async () => {
    const fields = new Map(
      (
        JSON.parse(await run('lscpu', '-J', '-B')) as { lscpu: { field: string; data: string; children?: unknown[] }[] }
      ).lscpu.flatMap(function flatten(entry): [string, string][] {
        return [
          [entry.field.replace(/:$/, ''), entry.data],
          ...((entry.children ?? []) as (typeof entry)[]).flatMap(flatten),
        ];
      }),
    );
    const { inventory: cpu } = await machine.createAdapters().cpu.detect();
    expect(valueOf(cpu.model)).toBe(fields.get('Model name'));
    expect(fields.get('Vendor ID')).toContain(valueOf(cpu.vendor));
    expect(cpu.threads).toBeLessThanOrEqual(Number(fields.get('CPU(s)')));
    agrees(cpu.sockets, Number(fields.get('Socket(s)')));
    agrees(cpu.cores, Number(fields.get('Socket(s)')) * Number(fields.get('Core(s) per socket')));
    const bytes = (name: string): number => Number(/^\d+/.exec(fields.get(name) ?? '')?.[0]);
    agrees(cpu.cacheL1Bytes, bytes('L1d cache') + bytes('L1i cache'));
    agrees(cpu.cacheL2Bytes, bytes('L2 cache'));
    agrees(cpu.cacheL3Bytes, bytes('L3 cache'));
    expect(new Set(valueOf(cpu.features))).toEqual(new Set(fields.get('Flags')?.split(' ')));
    const highest = fields.get('CPU max MHz');
    agrees(mapReading(cpu.frequencyMaxMhz, Math.round), Math.round(Number(highest)));
    expect(cpu.frequencyMaxMhz.known).toBe(highest !== undefined);
    expect(cpu.virtualization).toEqual({ known: true, value: fields.get('Virtualization') ?? 'none' });

    const numa = valueOf((await machine.createAdapters().memory.detect()).inventory.numaNodes);
    expect(numa).toHaveLength(Number(fields.get('NUMA node(s)')));
    for (const node of numa)
      expect(node.cpus.replace('-', ',')).toBe(fields.get(`NUMA node${node.id} CPU(s)`)?.replace('-', ','));
  });

  it('/proc/meminfo', async () => {
    const meminfo = parseMeminfo(await readFile('/proc/meminfo', 'utf8'));
    const { inventory: memory, assets } = await machine.createAdapters().memory.detect();
    expect(memory.totalBytes).toBe(meminfo.get('MemTotal'));
    expect(memory.swapTotalBytes).toEqual({ known: true, value: meminfo.get('SwapTotal') });
    expect(valueOf(assets[0]?.capacity ?? { known: false, reason: 'no asset' })).toBeLessThanOrEqual(memory.totalBytes);
    const sample = await machine.monitor.sample();
    // The use moves between two readings; a twentieth of all memory is more than it moves in a test.
    const used = (meminfo.get('MemTotal') ?? 0) - (meminfo.get('MemAvailable') ?? 0);
    expect(Math.abs(valueOf(sample.memoryUsedBytes) - used)).toBeLessThan(memory.totalBytes / 20);
  });

  it.skipIf(hasLsblk !== true)('lsblk (skipped where it is not installed)', async () => {
    type Device = {
      name: string;
      type: string;
      size: number;
      rm: boolean;
      mountpoints: (string | null)[];
      children?: Device[];
    };
    const { blockdevices } = JSON.parse(await run('lsblk', '-J', '-b', '-o', 'NAME,TYPE,SIZE,RM,MOUNTPOINTS')) as {
      blockdevices: Device[];
    };
    const expected = blockdevices.filter(
      (device) => ['disk', 'rom'].includes(device.type) && device.size > 0 && !/^(zram|ram|nbd|fd)/.test(device.name),
    );
    const disks = valueOf((await machine.createAdapters().storage.detect()).inventory);
    expect(disks.map((disk) => disk.name).sort()).toEqual(expected.map((device) => device.name).sort());
    const mountsOf = (device: Device): string[] => [
      ...device.mountpoints.filter((mount) => mount !== null),
      ...(device.children ?? []).flatMap(mountsOf),
    ];
    for (const disk of disks) {
      const device = expected.find((candidate) => candidate.name === disk.name);
      expect(disk.sizeBytes).toBe(device?.size);
      expect(disk.removable).toEqual({ known: true, value: device?.rm });
      const mounts = device === undefined ? [] : mountsOf(device);
      for (const filesystem of disk.filesystems) expect(mounts).toContain(filesystem.mount);
    }
  });

  it.skipIf(hasDf !== true)('df (skipped where it is not installed)', async () => {
    const disks = valueOf((await machine.createAdapters().storage.detect()).inventory);
    for (const filesystem of disks.flatMap((disk) => disk.filesystems)) {
      const [, line] = (await run('df', '-B1', '--output=size,fstype', filesystem.mount)).trim().split('\n');
      const [size, kind] = line?.trim().split(/\s+/) ?? [];
      expect([filesystem.totalBytes, filesystem.kind]).toEqual([Number(size), kind]);
    }
  });

  it.skipIf(hasIp !== true)('ip (skipped where it is not installed)', async () => {
    type Link = {
      ifname: string;
      flags: string[];
      address?: string;
      addr_info: { family: string; local: string; prefixlen: number }[];
    };
    const links = JSON.parse(await run('ip', '-j', 'addr')) as Link[];
    const routes = JSON.parse(await run('ip', '-j', 'route', 'show', 'default')) as { dev: string }[];
    const interfaces = valueOf((await machine.createAdapters().network.detect()).inventory);
    expect(interfaces.map((found) => found.name).sort()).toEqual(links.map((link) => link.ifname).sort());
    for (const found of interfaces) {
      const link = links.find((candidate) => candidate.ifname === found.name);
      expect(found.up).toBe(link?.flags.includes('UP'));
      expect(found.loopback).toBe(link?.flags.includes('LOOPBACK'));
      agrees(found.mac, link?.address ?? '');
      // Node lists addresses of interfaces that carry a signal.
      const signal = link?.flags.includes('LOWER_UP') === true;
      const addresses = (link?.addr_info ?? []).map((address) => `${address.local}/${address.prefixlen}`);
      expect(found.addresses.map((address) => `${address.address}/${address.prefixLength}`).sort()).toEqual(
        signal ? addresses.sort() : [],
      );
    }
    expect(interfaces.filter((found) => found.isDefault).map((found) => found.name)).toEqual(
      expect.arrayContaining(routes.slice(0, 1).map((route) => route.dev)),
    );
  });

  const endpoint = process.env['HYPERMESH_TEST_DOCKER'];
  it.skipIf(endpoint === undefined)('docker info (skipped where HYPERMESH_TEST_DOCKER names no engine)', async () => {
    const info = JSON.parse(await run('docker', '-H', endpoint ?? '', 'info', '--format', '{{json .}}')) as Record<
      string,
      never
    >;
    const { container: adapter } = machine.createAdapters({ containerEndpoint: () => endpoint ?? null });
    const { inventory, assets } = await adapter.detect();
    const engine = valueOf(inventory);
    expect(engine).toMatchObject({
      engine: 'Docker',
      version: info['ServerVersion'],
      storageDriver: info['Driver'],
      cgroupVersion: info['CgroupVersion'],
      cgroupDriver: info['CgroupDriver'],
      cpus: info['NCPU'],
      memoryBytes: info['MemTotal'],
      images: info['Images'],
      containersRunning: info['ContainersRunning'],
      endpoint,
      rootless: false,
    });
    expect(engine.runtimes).toEqual(Object.keys(info['Runtimes'] ?? {}).sort());
    expect(assets[0]?.capacity).toEqual({ known: true, value: containerCapacity(engine) });
    expect(await adapter.measure('container')).toMatchObject({
      used: { known: true, value: info['ContainersRunning'] },
    });
  });
});
