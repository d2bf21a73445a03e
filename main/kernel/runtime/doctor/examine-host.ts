import { statfs } from 'node:fs/promises';
import type { Clock } from '../../../base/index.ts';
import {
  CLOCK_SKEW_MS_BAD,
  CLOCK_SKEW_MS_WARNING,
  DISK_FREE_BYTES_BAD,
  DISK_FREE_BYTES_WARNING,
  KERNEL_MIN,
} from './constants.ts';
import { infoOf, sizeText, skipped, type Examined, type Finding } from './examined.ts';
import { objectOf } from './ask-engine.ts';

const NO_ENGINE = 'Not looked at: there is no engine that can be used.';
/** Whether the engine shares this machine's kernel and files, and is not in a virtual machine or elsewhere. */
const isLocal = ({ host, endpoint }: Examined): boolean =>
  host.platform === 'linux' && endpoint?.startsWith('unix://') === true;

export const examineSystem = (examined: Examined): Finding => {
  const { info, host, machine } = examined;
  if (info === null) return skipped(NO_ENGINE);
  const kernel = /^(\d{1,3})\.(\d{1,4})/.exec(info.kernel);
  const tooOld =
    kernel !== null &&
    (Number(kernel[1]) < KERNEL_MIN[0] || (Number(kernel[1]) === KERNEL_MIN[0] && Number(kernel[2]) < KERNEL_MIN[1]));
  const parts = [
    `Containers run on Linux ${info.kernel || 'of an unknown version'}${info.architecture === '' ? '' : ` on ${info.architecture}`}`,
  ];
  if (isLocal(examined)) {
    if (host.virtualMachine === true)
      parts.push(
        host.virtualisation === null
          ? 'in a virtual machine that cannot hold others, which containers do not need'
          : `in a virtual machine that can hold others (${host.virtualisation})`,
      );
    else if (host.virtualMachine === false) parts.push('on this machine itself');
  } else if (host.platform === 'darwin' || host.platform === 'win32')
    parts.push(
      `in a virtual machine of ${info.operatingSystem || 'the engine'}${/microsoft/i.test(info.kernel) ? ' (WSL 2)' : ''}`,
    );
  else parts.push('of the machine that the endpoint names');
  if (info.cpus !== null && info.memoryBytes !== null)
    parts.push(`with ${info.cpus} processors and ${sizeText(info.memoryBytes)} of memory`);
  const sentence = `${parts.join(', ')}.`;
  if (tooOld)
    return {
      result: 'bad',
      problem: 'kernel',
      sentence: `${sentence} That is older than ${KERNEL_MIN.join('.')}, the first on which a job's files are safe.`,
      fix: 'Update the system.',
    };
  if (
    !isLocal(examined) &&
    info.memoryBytes !== null &&
    machine.memoryBytes !== null &&
    info.memoryBytes < machine.memoryBytes / 4
  )
    return {
      result: 'warning',
      problem: 'small',
      sentence: `${sentence} That is less than a quarter of this machine's memory, and jobs have no more.`,
      fix: 'Give the virtual machine of the engine more memory in its settings.',
    };
  return { result: 'good', sentence };
};

export const examineCgroups = (examined: Examined): Finding => {
  const { info, host } = examined;
  if (info === null) return skipped(NO_ENGINE);
  const rootless = info.security.has('rootless');
  const missing = (['memory', 'cpu', 'pids'] as const).filter((name) => info.limits[name] === false);
  // The engine tells these three; of reads and writes only the kernel's own list tells.
  const controllers = ['cpu', 'memory', 'pids', 'io'].filter((name) =>
    name === 'io' ? !isLocal(examined) || host.controllers.includes('io') : !missing.some((one) => one === name),
  );
  const version = info.cgroupVersion ?? (isLocal(examined) ? host.cgroupVersion : null);
  if (version === null && missing.length === 0 && info.cgroupDriver === 'none')
    return {
      result: 'bad',
      problem: 'none',
      sentence: 'The engine has no control groups, so no limit of a job would hold.',
      fix: 'Use a system with cgroup version 2, and give your user its controllers.',
      command: rootless ? DELEGATE : '',
    };
  if (missing.length > 0)
    return {
      result: 'bad',
      problem: `without-${missing.join('-')}`,
      sentence: `The engine cannot limit ${missing.join(' and ')}: cgroup version ${version ?? 'unknown'} has the controllers ${controllers.join(', ') || 'none'} for it.`,
      fix: rootless
        ? 'Let the system hand these controllers to your user, and log in again.'
        : 'Switch the controllers on in the command line of the kernel, such as cgroup_enable=memory, and start the machine anew.',
      command: rootless ? DELEGATE : '',
    };
  if (info.limits.swap === false)
    return {
      result: 'warning',
      problem: 'swap',
      sentence: `cgroup version ${version ?? 'unknown'} with ${controllers.join(', ')}; swap is not counted, so a job may take more memory than it was promised.`,
      fix: 'Add swapaccount=1 to the command line of the kernel, or switch swap off.',
    };
  return {
    result: 'good',
    sentence: `cgroup version ${version ?? 'unknown'} with ${controllers.join(', ')}, by the driver ${info.cgroupDriver || 'unknown'}${
      version === '1' ? '; version 2 is newer, and version 1 is enough' : ''
    }.`,
  };
};

/** Hands the controllers of a user's services to the user, as Docker's manual of its rootless mode has it. */
const DELEGATE =
  "sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload";

export const examineStorage = ({ info }: Examined): Finding => {
  if (info === null) return skipped(NO_ENGINE);
  const on = info.backing === '' ? '' : ` on ${info.backing}`;
  const sentence = `Images are stored by ${info.storageDriver || 'an unknown driver'}${on}.`;
  if (info.storageDriver === 'vfs')
    return {
      result: 'warning',
      problem: 'vfs',
      sentence: `${sentence} It copies every layer whole for every container: starts are slow and take much disk.`,
      fix: 'Use the driver overlay2; it needs a file system such as ext4, or XFS with ftype=1, beneath the data of the engine.',
    };
  if (
    ['aufs', 'devicemapper', 'overlay'].includes(info.storageDriver) &&
    !(info.storageDriver === 'overlay' && on !== '')
  )
    return {
      result: 'warning',
      problem: 'obsolete',
      sentence: `${sentence} Newer engines have no such driver any more.`,
      fix: 'Use the driver overlay2; images have to be fetched again after that.',
    };
  return { result: 'good', sentence };
};

export const examineDisk = async (examined: Examined): Promise<Finding> => {
  const { info } = examined;
  if (info === null) return skipped(NO_ENGINE);
  if (!isLocal(examined) || info.dataRoot === '')
    return skipped('Not measured: the disk of the engine is inside its virtual machine or on another one.');
  let free: number;
  try {
    const { bavail, bsize } = await statfs(info.dataRoot);
    free = bavail * bsize;
  } catch {
    return skipped(`Not measured: this user may not look at ${info.dataRoot}.`);
  }
  const sentence = `${sizeText(free)} are free at ${info.dataRoot}, where images and containers are kept.`;
  if (free >= DISK_FREE_BYTES_WARNING) return { result: 'good', sentence };
  return {
    result: free < DISK_FREE_BYTES_BAD ? 'bad' : 'warning',
    problem: 'full',
    sentence,
    fix: 'Remove images that nobody needs, or make room on that disk. The command removes images that no container uses, of yours too.',
    command: 'docker image prune --all',
  };
};

export const examineWalls = ({ info, host, version }: Examined): Finding => {
  if (info === null) return skipped(NO_ENGINE);
  const seccomp = info.security.get('seccomp');
  const named = [
    seccomp === undefined ? null : `seccomp (${seccomp.replace(/^profile=/, '') || 'default'})`,
    info.security.has('apparmor') ? 'AppArmor' : null,
    info.security.has('selinux') ? 'SELinux' : null,
    info.security.has('userns') ? 'a user namespace' : null,
    info.security.has('rootless') ? 'an engine without root' : null,
  ].filter((name) => name !== null);
  const rest = 'Jobs run as user 65532 without rights, whatever there is beside.';
  if (seccomp === undefined || /unconfined/.test(seccomp))
    return {
      result: 'bad',
      problem: 'seccomp',
      sentence: `The engine does not filter system calls: ${named.length === 0 ? 'it has no further wall' : `it has only ${named.join(', ')}`}.`,
      fix: 'Run a kernel and an engine with seccomp, and its default profile.',
    };
  if (host.appArmor && !info.security.has('apparmor') && !info.security.has('rootless') && version?.engine === 'Docker')
    return {
      result: 'warning',
      problem: 'apparmor',
      sentence: `Walls of the engine: ${named.join(', ')}. The kernel has AppArmor, but the engine does not use it. ${rest}`,
      fix: 'Install the tools of AppArmor and restart the engine.',
      command: host.packages === 'apt-get' ? 'sudo apt-get install apparmor' : '',
    };
  return { result: 'good', sentence: `Walls of the engine: ${named.join(', ')}. ${rest}` };
};

export const examineClock = async ({ ask }: Examined, clock: Clock, signal: AbortSignal): Promise<Finding> => {
  if (ask === null) return skipped(NO_ENGINE);
  const beforeMs = clock.nowMs();
  const { timeMs } = infoOf(objectOf(await ask('/info', { signal })));
  const afterMs = clock.nowMs();
  if (timeMs === null) return skipped('Not measured: the engine does not tell its time.');
  // Anywhere between the question and the answer is no difference.
  const skewMs = timeMs < beforeMs ? timeMs - beforeMs : timeMs > afterMs ? timeMs - afterMs : 0;
  const size = Math.abs(skewMs);
  const sentence =
    size < 1000
      ? `The clocks of engine and machine differ by ${size < 50 ? 'less than 50 ms' : `${Math.round(size)} ms`}.`
      : `The clock of the engine is ${(size / 1000).toFixed(size < 10_000 ? 1 : 0)} s ${skewMs < 0 ? 'behind' : 'ahead of'} this machine's.`;
  if (size < CLOCK_SKEW_MS_WARNING) return { result: 'good', sentence };
  return {
    result: size < CLOCK_SKEW_MS_BAD ? 'warning' : 'bad',
    problem: 'skew',
    sentence,
    fix: 'Restart the engine with its virtual machine; after sleep, some forget to set their clock.',
  };
};

export const examineGraphics = ({ info, machine }: Examined): Finding => {
  if (info === null) return skipped(NO_ENGINE);
  const { graphicsCards } = machine;
  if (graphicsCards.length === 0)
    return skipped('Not needed: this machine has no graphics card that a job could compute on.');
  const nvidia = graphicsCards.filter((name) => /nvidia|geforce|quadro|tesla|rtx|gtx/i.test(name));
  if (nvidia.length === 0)
    return {
      result: 'good',
      sentence: `${graphicsCards.slice(0, 4).join(', ')}: handed to a container by its device files.`,
    };
  const ways = [
    info.runtimes.includes('nvidia') ? 'the runtime nvidia' : null,
    info.cdi ? 'device descriptions (CDI)' : null,
  ].filter((way) => way !== null);
  if (ways.length > 0)
    return {
      result: 'good',
      sentence: `${nvidia.slice(0, 4).join(', ')}: handed to a container by ${ways.join(' and ')}.`,
    };
  return {
    result: 'warning',
    problem: 'toolkit',
    sentence: `${nvidia.slice(0, 4).join(', ')}: the engine cannot hand it to a container.`,
    fix: "Install NVIDIA's container toolkit, tell the engine of it, and restart the engine.",
    command: 'sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker',
  };
};
