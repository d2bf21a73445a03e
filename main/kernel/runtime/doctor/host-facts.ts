import { access, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What the machine itself tells about running containers, whatever engine there is. */
export interface HostFacts {
  platform: NodeJS.Platform;
  userName: string;
  isRoot: boolean;
  /** Groups that this process has, as numbers. */
  groups: readonly number[];
  /** Of the system's list; null where there is none. */
  dockerGroup: { id: number; members: readonly string[] } | null;
  /** `1` or `2`; null where there are no control groups. */
  cgroupVersion: '1' | '2' | null;
  controllers: readonly string[];
  /** Whether the machine is a virtual one; null where nobody tells. */
  virtualMachine: boolean | null;
  /** Whether this machine can run virtual ones by hardware. */
  virtualisation: 'Intel VT-x' | 'AMD-V' | null;
  appArmor: boolean;
  systemd: boolean;
  packages: 'apt-get' | 'dnf' | 'pacman' | 'zypper' | null;
  /** A user's own Podman that only waits to be started. */
  podmanUserUnit: boolean;
  /** Docker's own program that sets up an engine without root. */
  rootlessSetup: boolean;
}
export interface HostFactsInit {
  platform: NodeJS.Platform;
  /** Where the system's files begin. @default '/' */
  root?: string;
  user: { name: string; uid: number; groups: readonly number[] };
}

/** Files of the system are small; one that is not is none. */
const FACT_BYTES_MAX = 1024 * 1024;

export const readHostFacts = async ({ platform, root = '/', user }: HostFactsInit): Promise<HostFacts> => {
  const there = (path: string): Promise<boolean> =>
    access(join(root, path)).then(
      () => true,
      () => false,
    );
  const text = async (path: string): Promise<string> => {
    try {
      if (path.startsWith('/proc/') || path.startsWith('/sys/')) return await readFileHead(join(root, path));
      return (await readFile(join(root, path), 'utf8')).slice(0, FACT_BYTES_MAX);
    } catch {
      return '';
    }
  };
  const linux = platform === 'linux';
  const [cpu, groups, unified, hierarchies, appArmor] = linux
    ? await Promise.all([
        text('/proc/cpuinfo'),
        text('/etc/group'),
        text('/sys/fs/cgroup/cgroup.controllers'),
        text('/proc/cgroups'),
        text('/sys/module/apparmor/parameters/enabled'),
      ])
    : ['', '', '', '', ''];
  const flags = new Set((/^(?:flags|Features)\s*:(.*)$/m.exec(cpu)?.[1] ?? '').trim().split(/\s+/));
  const legacy = hierarchies
    .split('\n')
    .map((line) => line.split('\t'))
    .filter(([name = '', hierarchy, , enabled]) => !name.startsWith('#') && hierarchy !== '0' && enabled === '1')
    .map(([name = '']) => name);
  const group = /^docker:[^:]*:(\d{1,10}):(.*)$/m.exec(groups);
  let packages: HostFacts['packages'] = null;
  for (const name of ['apt-get', 'dnf', 'pacman', 'zypper'] as const)
    if (linux && packages === null && (await there(`/usr/bin/${name}`))) packages = name;
  return {
    platform,
    userName: user.name,
    isRoot: user.uid === 0,
    groups: user.groups,
    dockerGroup:
      group === null
        ? null
        : { id: Number(group[1]), members: (group[2] ?? '').split(',').filter((name) => name !== '') },
    cgroupVersion: unified !== '' ? '2' : legacy.length > 0 ? '1' : null,
    controllers: unified !== '' ? unified.trim().split(/\s+/) : legacy.map((name) => (name === 'blkio' ? 'io' : name)),
    virtualMachine: cpu === '' ? null : flags.has('hypervisor'),
    virtualisation: flags.has('vmx') ? 'Intel VT-x' : flags.has('svm') ? 'AMD-V' : null,
    appArmor: appArmor.trim() === 'Y',
    systemd: linux && (await there('/run/systemd/system')),
    packages,
    podmanUserUnit: linux && user.uid !== 0 && (await there('/usr/lib/systemd/user/podman.socket')),
    rootlessSetup: linux && user.uid !== 0 && (await there('/usr/bin/dockerd-rootless-setuptool.sh')),
  };
};

/** Files of the kernel say nothing of their length, so they are read up to a bound. */
const readFileHead = async (path: string): Promise<string> => {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(64 * 1024);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
};
