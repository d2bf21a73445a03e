import { realpath, stat, statfs } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Clock, Logger, Outside, WorkerPool } from '../../../base/index.ts';
import type { Inventory, Reading } from '../../../../preload/contract/index.ts';
import {
  known,
  knownText,
  linkTarget,
  listFolder,
  mapReading,
  type Monitor,
  readFileNumber,
  readFileText,
  unknown,
} from '../../monitor/index.ts';
import type { AssetAdapter } from '../interface.ts';
import { DISKS_MAX, FILESYSTEMS_MAX, STATFS_TIMEOUT_MS } from './constants.ts';
import { AdapterError } from './errors.ts';
import { askFact } from './facts.ts';

type DiskList = Inventory['disks'];
type Disk = Extract<DiskList, { known: true }>['value'][number];
type Filesystem = Disk['filesystems'][number];

export interface StorageAdapterComponents {
  outside: Outside;
  logger: Logger;
  monitor: Monitor;
  workers?: WorkerPool | undefined;
  storagePath: string;
}

/** A mount that has a block device below it. */
export interface Mount {
  /** `major:minor` of the filesystem's device. */
  device: string;
  mount: string;
  kind: string;
  /** What was mounted, such as `/dev/sda1`. */
  source: string;
  readOnly: boolean;
}

/** /proc/self/mountinfo, proc_pid_mountinfo(5). Blanks in paths are written as octal escapes. */
export const parseMountinfo = (text: string): Mount[] =>
  text.split('\n').flatMap((line) => {
    const [left, right] = line.split(' - ', 2);
    const before = left?.split(' ') ?? [];
    const after = right?.split(' ') ?? [];
    const [, , device, , mount, options] = before;
    const [kind, source, superOptions] = after;
    if (
      device === undefined ||
      mount === undefined ||
      options === undefined ||
      kind === undefined ||
      source === undefined ||
      !/^\d+:\d+$/.test(device)
    )
      return [];
    const plain = (path: string): string =>
      path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    const readOnly = options.split(',').includes('ro') || (superOptions ?? '').split(',').includes('ro');
    return [{ device, mount: plain(mount), kind, source: plain(source), readOnly }];
  });

/** Models that hypervisors give to the disks they emulate. */
const VIRTUAL_MODEL = /QEMU|VBOX|VMware|Virtual|Msft/i;

/** Kind of disk from its name, model and whether the kernel takes it for a spinning one. */
export const kindOfDisk = (name: string, model: string, rotational: number | null): Reading<string> => {
  // systeminformation calls a virtual disk HDD, since hypervisors leave the rotational flag on.
  if (/^(vd|xvd)[a-z]/.test(name) || VIRTUAL_MODEL.test(model)) return known('virtual');
  if (name.startsWith('nvme')) return known('nvme');
  if (name.startsWith('mmcblk')) return known('mmc');
  if (/^(sr|fd)\d/.test(name)) return known('removable medium');
  if (rotational === 0) return known('ssd');
  return rotational === 1 ? known('hdd') : unknown('the kernel does not tell what kind of disk this is');
};

/** Capacity: the size of the filesystem that holds the data folder. What is free of it is checked when space is allocated. */
export const createStorageAdapter = (components: StorageAdapterComponents): AssetAdapter<DiskList> => {
  const { clock } = components.outside;
  const promised = new Map<string, number>();
  return {
    kind: 'storage',
    elasticity: 'space',
    detect: async (signal) => {
      signal?.throwIfAborted();
      const [inventory, own] = await Promise.all([
        process.platform === 'linux' ? readLinuxDisks(clock, '/sys', '/proc') : readDisksElsewhere(components, signal),
        readOwnFilesystem(components.storagePath),
      ]);
      signal?.throwIfAborted();
      return {
        inventory,
        assets: [
          {
            resource: 'storage',
            label: 'Storage of the data folder',
            unit: 'bytes',
            capacity: mapReading(own, (found) => found.totalBytes),
            fingerprint: { device: own.known ? own.value.device : 'unknown' },
          },
        ],
      };
    },
    measure: async () => {
      const sample = components.monitor.latest();
      const early = unknown('nothing was measured yet');
      const used = sample?.storageUsedBytes ?? early;
      const total = sample?.storageTotalBytes ?? early;
      const usedPercent =
        used.known && total.known && total.value > 0
          ? known(Math.min(100, (used.value / total.value) * 100))
          : used.known
            ? unknown('the size of the filesystem is not known')
            : used;
      return {
        used,
        usedPercent,
        temperatureCelsius: unknown('the temperature of disks can be read only with administrator rights'),
      };
    },
    /** @throws {AdapterError} `NOT_ENOUGH_FREE` when the filesystem cannot hold this beside what was promised before */
    allocate: async (allocation, present = 0) => {
      const found = await statfs(components.storagePath).catch(() => null);
      if (found === null) return;
      const freeBytes = found.bavail * found.bsize;
      const before = [...promised.values()].reduce((sum, amount) => sum + amount, 0);
      // What was promised may be written at any moment, so it is taken for used; what is there already is not free anyway.
      const toWrite = Math.max(0, allocation.promised - present);
      if (before + toWrite > freeBytes) {
        const leftBytes = Math.max(0, freeBytes - before);
        throw new AdapterError(
          { code: 'NOT_ENOUGH_FREE', resource: 'storage', neededBytes: toWrite, freeBytes: leftBytes },
          `Only ${Math.floor(leftBytes / 1048576)} MiB are free on the disk with the data folder; make room or ask for less.`,
        );
      }
      promised.set(allocation.id, toWrite);
    },
    applyLevel: async () => undefined,
    release: async (allocation) => {
      promised.delete(allocation.id);
    },
  };
};

const readOwnFilesystem = async (path: string): Promise<Reading<{ totalBytes: number; device: string }>> => {
  const [sizes, status] = await Promise.all([
    statfs(path).catch(() => null),
    stat(path, { bigint: true }).catch(() => null),
  ]);
  if (sizes === null || status === null || sizes.blocks <= 0)
    return unknown('the filesystem of the data folder does not tell its size');
  return known({ totalBytes: sizes.blocks * sizes.bsize, device: await deviceName(status.dev) });
};

/** A name that stays the same over restarts as far as the system has one: the number of a device may change. */
const deviceName = async (number: bigint): Promise<string> => {
  if (process.platform !== 'linux') return String(number);
  // gnu_dev_major and gnu_dev_minor of sys/sysmacros.h.
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & ~0xfffn);
  const minor = (number & 0xffn) | ((number >> 12n) & ~0xffn);
  const target = await linkTarget(`/sys/dev/block/${major}:${minor}`);
  if (target === null) return `${major}:${minor}`;
  // The letter of a disk follows the order in which disks were found; the filesystem's own id does not.
  for (const id of ((await listFolder('/dev/disk/by-uuid')) ?? []).slice(0, FILESYSTEMS_MAX)) {
    const device = await linkTarget(`/dev/disk/by-uuid/${id}`);
    if (device !== null && basename(device) === basename(target)) return id;
  }
  return basename(target);
};

/**
 * Disks from /sys/block with the filesystems on them. systeminformation's diskLayout finds no virtual disk, starts
 * `smartctl` on each, and cannot tell which filesystem lies on which disk below LVM or dm-crypt.
 */
export const readLinuxDisks = async (clock: Clock, sysPath: string, procPath: string): Promise<DiskList> => {
  const names = await listFolder(`${sysPath}/block`);
  if (names === null) return unknown('the system does not show its disks here');
  const filesystems = await readLinuxFilesystems(clock, sysPath, procPath);
  // Loop devices are files, zram and ram are memory, dm and md are made of disks that are listed themselves.
  const own = names.filter((name) => !/^(loop|ram|zram|dm-|md|nbd|fd)\d*/.test(name)).slice(0, DISKS_MAX);
  const disks = await Promise.all(
    own.map(async (name): Promise<Disk | null> => {
      const folder = `${sysPath}/block/${name}`;
      const [sectors, removable, rotational, model] = await Promise.all([
        readFileNumber(`${folder}/size`),
        readFileNumber(`${folder}/removable`),
        readFileNumber(`${folder}/queue/rotational`),
        readFileText(`${folder}/device/model`),
      ]);
      // One path of several to the same NVMe disk, which is listed itself (kernel: nvme/host/multipath.c).
      if ((await readFileNumber(`${folder}/hidden`)) === 1) return null;
      // An empty card reader has no size: there is no disk in it.
      if (sectors === null || sectors <= 0) return null;
      return {
        name,
        model: knownText(model, 'this disk does not tell its model'),
        kind: kindOfDisk(name, model ?? '', rotational),
        sizeBytes: sectors * 512,
        removable:
          removable === null
            ? unknown('the kernel does not tell whether this disk can be removed')
            : known(removable === 1),
        filesystems: filesystems.filter((found) => found.disks.includes(name)).map((found) => found.filesystem),
      };
    }),
  );
  return known(disks.filter((disk) => disk !== null));
};

const readLinuxFilesystems = async (
  clock: Clock,
  sysPath: string,
  procPath: string,
): Promise<{ disks: string[]; filesystem: Filesystem }[]> => {
  const byDevice = new Map<string, Mount & { target: string }>();
  for (const mount of parseMountinfo((await readFileText(`${procPath}/self/mountinfo`)) ?? '')) {
    const target = await blockDeviceOf(mount, sysPath);
    if (target === null || byDevice.size >= FILESYSTEMS_MAX) continue;
    const earlier = byDevice.get(target);
    // One filesystem may be mounted in many places (bind mounts, containers, snaps); its shortest path names it.
    if (earlier === undefined || mount.mount.length < earlier.mount.length) byDevice.set(target, { ...mount, target });
  }
  const read = await Promise.all(
    [...byDevice.values()].map(async (mount) => {
      const sizes = await Promise.race([
        statfs(mount.mount).catch(() => null),
        clock.sleep(STATFS_TIMEOUT_MS).then(() => null),
      ]);
      if (sizes === null) return null;
      const filesystem: Filesystem = {
        mount: mount.mount,
        kind: mount.kind,
        totalBytes: sizes.blocks * sizes.bsize,
        freeBytes: sizes.bavail * sizes.bsize,
        readOnly: mount.readOnly,
      };
      return { disks: await disksBelow(mount.target, sysPath), filesystem };
    }),
  );
  return read.filter((found) => found !== null);
};

/** Folder in /sys of the block device that a mount lies on, or null for one without. */
const blockDeviceOf = async (mount: Mount, sysPath: string): Promise<string | null> => {
  const direct = await linkTarget(`${sysPath}/dev/block/${mount.device}`);
  if (direct !== null) return direct;
  // btrfs and ZFS have device numbers of their own; the source still names the disk.
  if (!mount.source.startsWith('/dev/')) return null;
  const device = await realpath(mount.source).catch(() => null);
  return device === null ? null : linkTarget(`${sysPath}/class/block/${basename(device)}`);
};

/** Whole disks below a block device: through partitions and, for dm and md, through the devices they are made of. */
const disksBelow = async (target: string, sysPath: string, depth = 0): Promise<string[]> => {
  // LVM on dm-crypt on RAID on a partition is 4 deep.
  if (depth > 8) return [];
  const slaves = (await listFolder(`${target}/slaves`)) ?? [];
  if (slaves.length > 0) {
    const below = await Promise.all(
      slaves.map(async (slave) => {
        const found = await linkTarget(`${sysPath}/class/block/${slave}`);
        return found === null ? [] : disksBelow(found, sysPath, depth + 1);
      }),
    );
    return [...new Set(below.flat())];
  }
  const partition = (await readFileNumber(`${target}/partition`)) !== null;
  return [basename(partition ? dirname(target) : target)];
};

/** macOS and Windows. */
const readDisksElsewhere = async (
  components: StorageAdapterComponents,
  signal: AbortSignal | undefined,
): Promise<DiskList> => {
  const [layout, devices, sizes] = await Promise.all([
    askFact(components, 'diskLayout', signal),
    askFact(components, 'blockDevices', signal),
    askFact(components, 'fsSize', signal),
  ]);
  if (!layout.known) return layout;
  return known(
    layout.value
      .filter((disk) => disk.size > 0)
      .slice(0, DISKS_MAX)
      .map((disk): Disk => {
        const name = disk.device.replace('/dev/', '') || disk.name;
        const onDisk = devices.known
          ? devices.value.filter((device) => device.device === disk.device || device.name.startsWith(name))
          : [];
        const mounts = new Set(onDisk.map((device) => device.mount).filter((mount) => mount !== ''));
        const removable = onDisk.find((device) => device.type === 'disk')?.removable;
        const kind = knownText(
          disk.interfaceType.toLowerCase() === 'nvme' ? 'nvme' : disk.type.toLowerCase(),
          'the system does not tell what kind of disk this is',
        );
        return {
          name,
          model: knownText(disk.name, 'this disk does not tell its model'),
          kind: kind.known && kind.value === 'hd' ? known('hdd') : kind,
          sizeBytes: disk.size,
          removable:
            removable === undefined
              ? unknown('the system does not tell whether this disk can be removed')
              : known(removable),
          filesystems: (sizes.known ? sizes.value : [])
            .filter((size) => mounts.has(size.mount))
            .map((size) => ({
              mount: size.mount,
              kind: size.type,
              totalBytes: size.size,
              freeBytes: size.available,
              readOnly: size.rw === false,
            })),
        };
      }),
  );
};
