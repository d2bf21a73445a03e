import { mkdtempSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shownText } from '../../../../../main/kernel/runtime/doctor/ask-engine.ts';
import { readMemory, storedMemory } from '../../../../../main/kernel/runtime/doctor/doctor-memory.ts';
import {
  examineCgroups,
  examineGraphics,
  examineStorage,
  examineSystem,
  examineWalls,
} from '../../../../../main/kernel/runtime/doctor/examine-host.ts';
import { infoOf, versionOf, type Examined } from '../../../../../main/kernel/runtime/doctor/examined.ts';
import { readHostFacts, type HostFacts } from '../../../../../main/kernel/runtime/doctor/host-facts.ts';
import { printedOf } from '../../../../../main/kernel/runtime/doctor/probe-container.ts';
import { tarOfProgram } from '../../../../../main/kernel/runtime/doctor/probe-image.ts';
import { doctorCheck } from '../../../../../preload/contract/index.ts';
import { FAKE_INFO, FAKE_VERSION, logFrame } from '../../../../support/engine/fake-engine.ts';

const HOST: HostFacts = {
  platform: 'linux',
  userName: 'ada',
  isRoot: false,
  groups: [1000],
  dockerGroup: null,
  cgroupVersion: '2',
  controllers: ['cpu', 'io', 'memory', 'pids'],
  virtualMachine: false,
  virtualisation: 'Intel VT-x',
  appArmor: false,
  systemd: true,
  packages: 'apt-get',
  podmanUserUnit: false,
  rootlessSetup: false,
};
const examinedWith = (
  info: object,
  host: Partial<HostFacts> = {},
  machine: Examined['machine'] = { graphicsCards: [], memoryBytes: null },
): Examined => ({
  host: { ...HOST, ...host },
  machine,
  endpoint: 'unix:///run/docker.sock',
  ask: null,
  version: versionOf(FAKE_VERSION),
  info: infoOf({ ...FAKE_INFO, ...info }),
});

const tree = async (files: Record<string, string>): Promise<string> => {
  const root = mkdtempSync(join(tmpdir(), 'hm-system-'));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
};
const user = { name: 'ada', uid: 1000, groups: [1000, 998] };

describe('facts of the machine', () => {
  it('are read of a system with cgroup version 2', async () => {
    const root = await tree({
      'proc/cpuinfo': 'processor\t: 0\nflags\t\t: fpu vmx hypervisor sse\n',
      'etc/group': 'root:x:0:\ndocker:x:998:ada,bob\n',
      'sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory pids\n',
      'sys/module/apparmor/parameters/enabled': 'Y\n',
      'usr/bin/apt-get': '',
      'run/systemd/system/x': '',
    });
    expect(await readHostFacts({ platform: 'linux', root, user })).toMatchObject({
      dockerGroup: { id: 998, members: ['ada', 'bob'] },
      cgroupVersion: '2',
      controllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'],
      virtualMachine: true,
      virtualisation: 'Intel VT-x',
      appArmor: true,
      systemd: true,
      packages: 'apt-get',
    });
  });
  it('are read of a system with cgroup version 1', async () => {
    const root = await tree({
      'proc/cpuinfo': 'flags\t: fpu svm\n',
      'proc/cgroups': '#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t2\t1\t1\nblkio\t4\t1\t1\nmemory\t5\t1\t0\n',
    });
    expect(await readHostFacts({ platform: 'linux', root, user })).toMatchObject({
      cgroupVersion: '1',
      controllers: ['cpu', 'io'],
      virtualMachine: false,
      virtualisation: 'AMD-V',
      dockerGroup: null,
    });
  });
  it('are empty, not wrong, where there are none of these files', async () => {
    expect(await readHostFacts({ platform: 'darwin', root: await tree({}), user })).toMatchObject({
      cgroupVersion: null,
      virtualMachine: null,
      packages: null,
    });
  });
});

describe('checks of the engine', () => {
  it.each([
    ['cgroup version 2', {}, 'good'],
    ['cgroup version 1', { CgroupVersion: '1', CgroupDriver: 'cgroupfs' }, 'good'],
    ['no limit on memory', { MemoryLimit: false }, 'bad'],
    ['no limit on the processor without root', { CpuCfsQuota: false, SecurityOptions: ['name=rootless'] }, 'bad'],
    ['no limit on processes', { PidsLimit: false }, 'bad'],
    ['swap that is not counted', { SwapLimit: false }, 'warning'],
    ['no control groups', { CgroupVersion: '', CgroupDriver: 'none' }, 'bad'],
  ])('judge %s', (_, info, result) => {
    const finding = examineCgroups(
      examinedWith(info, 'CgroupVersion' in info && info.CgroupVersion === '' ? { cgroupVersion: null } : {}),
    );
    expect(finding.result).toBe(result);
    expect(finding.fix === undefined).toBe(result === 'good');
  });
  it.each([
    ['overlay2', 'good'],
    ['btrfs', 'good'],
    ['vfs', 'warning'],
    ['aufs', 'warning'],
    ['devicemapper', 'warning'],
  ])('judge the storage driver %s', (Driver, result) => {
    expect(examineStorage(examinedWith({ Driver })).result).toBe(result);
  });
  it.each([
    [['name=seccomp,profile=default'], {}, 'good'],
    [['name=seccomp,profile=unconfined'], {}, 'bad'],
    [[], {}, 'bad'],
    [['name=seccomp,profile=builtin'], { appArmor: true }, 'warning'],
    [['name=seccomp,profile=builtin', 'name=apparmor'], { appArmor: true }, 'good'],
  ])('judge the walls %j', (SecurityOptions, host, result) => {
    expect(examineWalls(examinedWith({ SecurityOptions }, host)).result).toBe(result);
  });
  it('judge the kernel, and what a virtual machine was given', () => {
    expect(examineSystem(examinedWith({}))).toMatchObject({
      result: 'good',
      sentence:
        'Containers run on Linux 6.8.0 on x86_64, on this machine itself, with 8 processors and 16 GiB of memory.',
    });
    expect(examineSystem(examinedWith({ KernelVersion: '5.4.0-200' })).problem).toBe('kernel');
    const desktop = examinedWith(
      { KernelVersion: '5.15.0-microsoft-standard-WSL2', OperatingSystem: 'Docker Desktop', MemTotal: 2 * 1024 ** 3 },
      { platform: 'win32', virtualMachine: null },
      { graphicsCards: [], memoryBytes: 32 * 1024 ** 3 },
    );
    expect(examineSystem(desktop)).toMatchObject({
      result: 'warning',
      sentence: expect.stringMatching(/in a virtual machine of Docker Desktop \(WSL 2\)/),
    });
  });
  it('judge graphics cards only where there are some', () => {
    const cards = (...graphicsCards: string[]) => ({ graphicsCards, memoryBytes: null });
    expect(examineGraphics(examinedWith({})).result).toBe('skipped');
    expect(examineGraphics(examinedWith({}, {}, cards('NVIDIA H200'))).result).toBe('warning');
    expect(examineGraphics(examinedWith({ Runtimes: { nvidia: {} } }, {}, cards('NVIDIA H200'))).result).toBe('good');
    expect(examineGraphics(examinedWith({ CDISpecDirs: ['/etc/cdi'] }, {}, cards('NVIDIA H200'))).result).toBe('good');
    expect(examineGraphics(examinedWith({}, {}, cards('AMD Radeon RX 7900'))).result).toBe('good');
  });
  it('never fail for what an engine answers, and never quote it raw', () => {
    const anything = fc.dictionary(
      fc.constantFrom(
        ...Object.keys(FAKE_INFO),
        'SystemTime',
        'ApiVersion',
        'Components',
        'Version',
        'CDISpecDirs',
        'Warnings',
      ),
      fc.oneof(fc.anything({ maxDepth: 3 }), fc.string({ unit: 'binary', maxLength: 400 })),
    );
    fc.assert(
      fc.property(anything, (answer) => {
        const examined = { ...examinedWith({}), version: versionOf(answer), info: infoOf(answer) };
        for (const examine of [examineSystem, examineCgroups, examineStorage, examineWalls, examineGraphics]) {
          const { sentence } = examine(examined);
          expect(sentence).not.toMatch(/[\x00-\x1f\x7f]/);
          expect(sentence.length).toBeLessThan(12_000);
        }
      }),
    );
  });
});

describe('what the test program told', () => {
  it('is read out of the frames of a log, whole or not', () => {
    const log = Buffer.concat([
      logFrame('CapEff 0000\nint'),
      logFrame('erface lo\ninterface eth0\n', 2),
      Buffer.from([1, 0]),
    ]);
    expect(printedOf(log)).toEqual(
      new Map([
        ['CapEff', ['0000']],
        ['interface', ['lo', 'eth0']],
      ]),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void printedOf(Buffer.from(bytes))));
  });
  it('travels in a tar that tools read', async () => {
    const { execFileSync } = await import('node:child_process');
    const program = Buffer.from('x'.repeat(700));
    const tar = tarOfProgram(program);
    expect(tar.length).toBe(512 + 1024 + 1024);
    expect(execFileSync('tar', ['tvf', '-', '--numeric-owner'], { input: tar }).toString()).toMatch(
      /^-r-xr-xr-x 0\/0 +700 1970-01-01 00:00 hypermesh-probe\n$/,
    );
    expect(execFileSync('tar', ['xOf', '-', 'hypermesh-probe'], { input: tar })).toEqual(program);
  });
});

describe('what the doctor remembers', () => {
  it('survives being stored', () => {
    const check = {
      id: 'walls',
      title: 'Walls',
      result: 'bad' as const,
      sentence: 's',
      fix: 'f',
      command: '',
      fixable: false,
    };
    const memory = {
      engine: 'x',
      said: { walls: 'seccomp' },
      state: {
        ranAtMs: 5,
        verdict: 'bad' as const,
        sentence: 's',
        checks: [{ ...check, tookMs: 1.5 }],
        fixed: [{ atMs: 3, sentence: 'done' }],
      },
    };
    expect(readMemory(storedMemory(memory))).toEqual(memory);
  });
  it('is nothing where it cannot be read, and always what the contract says', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.record({
            version: fc.constant(1),
            engine: fc.anything(),
            said: fc.anything(),
            state: fc.record({ ranAtMs: fc.anything(), checks: fc.array(fc.anything()), fixed: fc.anything() }),
          }),
        ),
        (stored) => {
          for (const check of readMemory(stored).state.checks) doctorCheck.parse(check);
        },
      ),
    );
  });
  it('shows what others say in one bounded line', () => {
    expect(shownText(`a\n\u001b[31mred\u0000${'x'.repeat(500)}`)).toBe(`a [31mred ${'x'.repeat(150)}`);
  });
});
