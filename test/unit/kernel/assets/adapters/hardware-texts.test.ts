import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  brandFrequencyMhz,
  featuresOf,
  parseCpuList,
  readTopology,
  virtualizationOf,
} from '../../../../../main/kernel/assets/adapters/cpu.ts';
import { modulesOf, readNumaNodes } from '../../../../../main/kernel/assets/adapters/memory.ts';
import { capacityOf, kindOfInterface, speedOf } from '../../../../../main/kernel/assets/adapters/network.ts';
import { kindOfDisk, parseMountinfo, readLinuxDisks } from '../../../../../main/kernel/assets/adapters/storage.ts';
import { parseOsRelease, virtualMachineOf } from '../../../../../main/kernel/assets/adapters/system.ts';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import { known } from '../../../../../main/kernel/monitor/index.ts';
import { createTree } from '../../monitor/fixture-tree.ts';

describe('processor', () => {
  it('reads processor lists and refuses others', () => {
    expect(parseCpuList('0-2,5\n')).toEqual([0, 1, 2, 5]);
    expect(parseCpuList('\n')).toEqual([]);
    for (const text of ['3-1', 'a', '1,,2', '-1', '0-99999999']) expect(parseCpuList(text)).toBeNull();
  });
  const cpu = (number: number, socket: number, core: number, capacity?: number): Record<string, string> => ({
    [`devices/system/cpu/cpu${number}/topology/physical_package_id`]: `${socket}\n`,
    [`devices/system/cpu/cpu${number}/topology/die_id`]: '0\n',
    [`devices/system/cpu/cpu${number}/topology/core_id`]: `${core}\n`,
    ...(capacity === undefined ? {} : { [`devices/system/cpu/cpu${number}/cpu_capacity`]: `${capacity}\n` }),
  });
  it('counts two sockets of two cores with two threads each', async () => {
    const { path } = await createTree(
      Object.assign({}, ...[0, 1, 2, 3, 4, 5, 6, 7].map((number) => cpu(number, number >> 2, (number >> 1) & 1))),
    );
    expect(await readTopology(path)).toMatchObject({
      sockets: known(2),
      cores: known(4),
      performanceCores: { known: false },
      efficiencyCores: { known: false },
    });
  });
  it('tells the two kinds of core of an Intel hybrid', async () => {
    const { path } = await createTree({
      ...cpu(0, 0, 0),
      ...cpu(1, 0, 0),
      ...cpu(2, 0, 8),
      ...cpu(3, 0, 9),
      'devices/cpu_core/cpus': '0-1\n',
      'devices/cpu_atom/cpus': '2-3\n',
    });
    expect(await readTopology(path)).toMatchObject({
      cores: known(3),
      performanceCores: known(1),
      efficiencyCores: known(2),
    });
  });
  it('tells the two kinds of core of an ARM processor, whose firmware names no socket', async () => {
    const { path } = await createTree({ ...cpu(0, -1, 0, 446), ...cpu(1, -1, 1, 446), ...cpu(2, -1, 2, 1024) });
    expect(await readTopology(path)).toMatchObject({
      sockets: { known: false },
      cores: known(3),
      performanceCores: known(1),
      efficiencyCores: known(2),
    });
  });
  it('knows nothing where the kernel tells nothing', async () => {
    const { path } = await createTree({});
    expect((await readTopology(path)).cores.known).toBe(false);
  });
  it('reads flags and frequency', () => {
    expect(featuresOf('processor : 0\nflags\t\t: fpu vmx fpu\n')).toEqual(known(['fpu', 'vmx']));
    expect(featuresOf('Features\t: fp asimd\n')).toEqual(known(['fp', 'asimd']));
    expect(featuresOf('').known).toBe(false);
    expect(['vmx', 'svm', 'sse'].map((flag) => virtualizationOf(known([flag])))).toEqual(
      ['VT-x', 'AMD-V', 'none'].map(known),
    );
    expect([brandFrequencyMhz('Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz'), brandFrequencyMhz('AMD EPYC')]).toEqual([
      3200,
      null,
    ]);
  });
});

describe('memory', () => {
  const module = {
    size: 8589934592,
    bank: 'DIMM 0',
    type: 'DDR4',
    clockSpeed: 3200,
    formFactor: 'DIMM',
    partNum: '',
    serialNum: '',
    ecc: null,
    voltageConfigured: null,
    voltageMin: null,
    voltageMax: null,
  };
  it('keeps what the firmware says and drops what systeminformation makes up', () => {
    expect(modulesOf(known([module, { ...module, clockSpeed: 0 }]))).toEqual(
      known([
        { sizeBytes: 8589934592, kind: 'DDR4', speedMhz: known(3200), slot: 'DIMM 0' },
        { sizeBytes: 8589934592, kind: 'DDR4', speedMhz: { known: false, reason: expect.any(String) }, slot: 'DIMM 0' },
      ]),
    );
    expect(modulesOf(known([{ ...module, type: '', bank: '', formFactor: '', clockSpeed: 0 }])).known).toBe(false);
    expect(modulesOf(known([])).known).toBe(false);
  });
  it('reads NUMA nodes', async () => {
    const { path } = await createTree({
      'devices/system/node/node0/meminfo': 'Node 0 MemTotal:       1000 kB\n',
      'devices/system/node/node0/cpulist': '0-3\n',
      'devices/system/node/online': '0\n',
    });
    expect(await readNumaNodes(path)).toEqual(known([{ id: 0, totalBytes: 1024000, cpus: '0-3' }]));
    const { path: broken } = await createTree({ 'devices/system/node/node0/meminfo': '?' });
    expect((await readNumaNodes(broken)).known).toBe(false);
  });
});

describe('disks', () => {
  it.each([
    ['vda', '', 1, 'virtual'],
    ['sda', 'QEMU HARDDISK', 1, 'virtual'],
    ['nvme0n1', 'Samsung SSD 980', 0, 'nvme'],
    ['sda', 'CT500MX500SSD1', 0, 'ssd'],
    ['sdb', 'WDC WD40EFRX', 1, 'hdd'],
    ['mmcblk0', '', 0, 'mmc'],
  ])('takes %s (%s, %i) for %s', (name, model, rotational, kind) => {
    expect(kindOfDisk(name, model, rotational)).toEqual(known(kind));
  });
  it('does not guess', () => {
    expect(kindOfDisk('sda', '', null).known).toBe(false);
  });
  it('finds the disk below an encrypted partition, and leaves out what is no disk', async () => {
    const sys = await createTree({
      'block/sda/size': '2048\n',
      'block/sda/removable': '0\n',
      'block/sda/queue/rotational': '0\n',
      'block/sda/device/model': 'CT500MX500SSD1  \n',
      'block/sda/sda2/partition': '2\n',
      'block/dm-0/size': '1024\n',
      'block/loop0/size': '8\n',
      'block/sdb/size': '0\n',
      'block/nvme0c0n1/size': '8\n',
      'block/nvme0c0n1/hidden': '1\n',
      'block/dm-0/slaves/sda2/partition': '2\n',
      'dev/block/253:0': '->../../block/dm-0',
      'class/block/sda2': '->../../block/sda/sda2',
    });
    const proc = await createTree({
      'self/mountinfo':
        '27 1 253:0 / / rw,relatime - ext4 /dev/mapper/root rw\n28 1 253:0 /home /home rw - ext4 /dev/mapper/root rw\n29 1 0:22 / /sys rw - sysfs sysfs rw\n',
    });
    const disks = await readLinuxDisks(createSystemOutside().clock, sys.path, proc.path);
    expect(disks).toMatchObject(
      known([
        {
          name: 'sda',
          model: known('CT500MX500SSD1'),
          kind: known('ssd'),
          sizeBytes: 1024 * 1024,
          removable: known(false),
          filesystems: [{ mount: '/', kind: 'ext4', readOnly: false }],
        },
      ]),
    );
  });
  it('reads mounts with blanks in their path', () => {
    expect(
      parseMountinfo(
        '36 35 98:0 / /mnt/my\\040disk rw,noatime master:1 - ext4 /dev/sdb1 rw,errors=continue\n37 35 0:20 / /ro ro - btrfs /dev/sda2 rw\nbroken line\n',
      ),
    ).toEqual([
      { device: '98:0', mount: '/mnt/my disk', kind: 'ext4', source: '/dev/sdb1', readOnly: false },
      { device: '0:20', mount: '/ro', kind: 'btrfs', source: '/dev/sda2', readOnly: true },
    ]);
  });
  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        (text) => void [parseMountinfo(text), parseOsRelease(text), parseCpuList(text), featuresOf(text)],
      ),
    );
  });
});

describe('network', () => {
  it.each([-1, 0, 4_294_967_295, null])('takes a speed of %s for unknown', (speed) => {
    expect(speedOf(speed, 'eth0')).toEqual({ known: false, reason: expect.stringContaining('eth0') });
  });
  it('counts capacity in bytes of the default link', () => {
    const link = {
      name: 'eth0',
      kind: known('ethernet'),
      mac: known('02:00:00:00:00:01'),
      up: true,
      loopback: false,
      virtual: known(false),
      speedMbps: speedOf(1000, 'eth0'),
      metered: known(false),
      isDefault: true,
      addresses: [],
    };
    expect(capacityOf(known([link]))).toEqual(known(125_000_000));
    expect(capacityOf(known([{ ...link, isDefault: false }])).known).toBe(false);
    expect(capacityOf(known([{ ...link, speedMbps: speedOf(-1, 'eth0') }])).known).toBe(false);
  });
  it('tells kinds apart', () => {
    const facts = { type: 1, devtype: '', wireless: false, tunnel: false, device: true };
    expect(
      [
        facts,
        { ...facts, device: false },
        { ...facts, type: 772 },
        { ...facts, wireless: true },
        { ...facts, devtype: 'bridge' },
        { ...facts, tunnel: true },
        { ...facts, type: 65534 },
      ].map((given) => kindOfInterface(given)),
    ).toEqual(['ethernet', 'virtual ethernet', 'loopback', 'wireless', 'bridge', 'tunnel', 'tunnel'].map(known));
    expect(kindOfInterface({ ...facts, type: null }).known).toBe(false);
  });
});

it('reads the system', () => {
  expect(parseOsRelease('NAME="Debian GNU/Linux"\nVERSION_ID=\'12\'\nID=debian\n# x\n').get('NAME')).toBe(
    'Debian GNU/Linux',
  );
  expect(virtualMachineOf('flags : fpu hypervisor\n')).toEqual(known(true));
  expect(virtualMachineOf('flags : fpu\n')).toEqual(known(false));
  expect(virtualMachineOf('Features : fp\n').known).toBe(false);
});
