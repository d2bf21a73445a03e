import { networkInterfaces } from 'node:os';
import type { Logger, WorkerPool } from '../../../base/index.ts';
import type { Inventory, Reading } from '../../../../preload/contract/index.ts';
import {
  defaultRoutes,
  known,
  knownNumber,
  knownText,
  linkTarget,
  listFolder,
  type Monitor,
  readFileNumber,
  readFileText,
  readMeteredByInterface,
  unknown,
} from '../../monitor/index.ts';
import type { AssetAdapter } from '../interface.ts';
import { BYTES_PER_MEGABIT, INTERFACES_MAX } from './constants.ts';
import { askFact } from './facts.ts';

type InterfaceList = Inventory['interfaces'];
type Interface = Extract<InterfaceList, { known: true }>['value'][number];

export interface NetworkAdapterComponents {
  logger: Logger;
  monitor: Monitor;
  workers?: WorkerPool | undefined;
}

/** The administrator switched it on (IFF_UP in linux/if.h). */
const IFF_UP = 0x1;
const ARPHRD_LOOPBACK = 772;
const ARPHRD_NONE = 65534;

const addressesOf = (name: string): Interface['addresses'] =>
  (networkInterfaces()[name] ?? []).map((address) => ({
    address: address.address,
    prefixLength: Number(address.cidr?.split('/')[1] ?? (address.family === 'IPv6' ? 128 : 32)),
    family: address.family === 'IPv6' ? 'ipv6' : 'ipv4',
  }));

/** Speed of a link in Mbit/s. Drivers write -1 or 4294967295 for "I cannot tell", and refuse to be read when it is down. */
export const speedOf = (read: number | null, name: string): Reading<number> =>
  knownNumber(
    read === 4_294_967_295 ? null : read,
    `${name} does not tell its speed, as is usual for a virtual or unconnected link`,
    1,
  );

/** Kind of an interface from what /sys says of it. */
export const kindOfInterface = (facts: {
  type: number | null;
  devtype: string;
  wireless: boolean;
  tunnel: boolean;
  device: boolean;
}): Reading<string> => {
  if (facts.type === ARPHRD_LOOPBACK) return known('loopback');
  if (facts.wireless || facts.devtype === 'wlan') return known('wireless');
  if (facts.devtype === 'wwan') return known('mobile');
  if (facts.devtype !== '') return known(facts.devtype);
  if (facts.tunnel || facts.type === ARPHRD_NONE) return known('tunnel');
  if (facts.type === 1) return known(facts.device ? 'ethernet' : 'virtual ethernet');
  return unknown('the kernel does not tell what kind of interface this is');
};

/**
 * Interfaces from /sys/class/net, those that are down included. systeminformation blocks its thread for over 100 ms with
 * a dozen programs, leaves out interfaces without address, and gives one address per family.
 */
export const readLinuxInterfaces = async (
  sysPath: string,
  procPath: string,
  signal?: AbortSignal,
): Promise<InterfaceList> => {
  const names = await listFolder(`${sysPath}/class/net`);
  if (names === null) return unknown('the system does not show its network interfaces here');
  const [routes, metered] = await Promise.all([defaultRoutes(procPath), readMeteredByInterface(signal)]);
  const read = await Promise.all(
    names.slice(0, INTERFACES_MAX).map(async (name): Promise<Interface | null> => {
      const folder = `${sysPath}/class/net/${name}`;
      const [flags, type, address, speed, uevent, target, device, wireless, tunnel] = await Promise.all([
        readFileText(`${folder}/flags`),
        readFileNumber(`${folder}/type`),
        readFileText(`${folder}/address`),
        readFileNumber(`${folder}/speed`),
        readFileText(`${folder}/uevent`),
        linkTarget(folder),
        linkTarget(`${folder}/device`),
        listFolder(`${folder}/wireless`),
        readFileText(`${folder}/tun_flags`),
      ]);
      // Files such as bonding_masters lie beside the interfaces.
      if (flags === null || !/^0x[0-9a-f]{1,8}$/.test(flags.trim())) return null;
      const loopback = type === ARPHRD_LOOPBACK;
      const mac = address?.trim() ?? '';
      return {
        name,
        kind: kindOfInterface({
          type,
          devtype: /^DEVTYPE=(\S+)$/m.exec(uevent ?? '')?.[1] ?? '',
          wireless: wireless !== null,
          tunnel: tunnel !== null,
          device: device !== null,
        }),
        mac:
          /^[0-9a-f]{2}(:[0-9a-f]{2})+$/.test(mac) && !/^[0:]+$/.test(mac)
            ? known(mac)
            : unknown('this interface has no hardware address'),
        up: (Number.parseInt(flags, 16) & IFF_UP) !== 0,
        loopback,
        virtual:
          target === null
            ? unknown('the kernel does not tell what lies below this interface')
            : known(target.includes('/devices/virtual/')),
        speedMbps: speedOf(speed, name),
        metered: loopback
          ? known(false)
          : metered.known
            ? (metered.value.get(name) ?? unknown('NetworkManager does not manage this interface'))
            : metered,
        isDefault: routes.includes(name),
        addresses: addressesOf(name),
      };
    }),
  );
  return known(read.filter((found) => found !== null));
};

/** Capacity: speed of the link that carries the default route, in bytes per second. */
export const createNetworkAdapter = (components: NetworkAdapterComponents): AssetAdapter<InterfaceList> => {
  /** Of the default link at the last detection, for the share in use. */
  let capacity: Reading<number> = unknown('nothing was detected yet');
  return {
    kind: 'network',
    elasticity: 'share',
    detect: async (signal) => {
      signal?.throwIfAborted();
      const inventory =
        process.platform === 'linux'
          ? await readLinuxInterfaces('/sys', '/proc', signal)
          : await readInterfacesElsewhere(components, signal);
      signal?.throwIfAborted();
      capacity = capacityOf(inventory);
      return {
        inventory,
        assets: [
          { resource: 'network', label: 'Network', unit: 'bytesPerSecond', capacity, fingerprint: { kind: 'network' } },
        ],
      };
    },
    measure: async () => {
      const sample = components.monitor.latest();
      const early = unknown('nothing was measured yet');
      const received = sample?.networkReceivedBytesPerSecond ?? early;
      const sent = sample?.networkSentBytesPerSecond ?? early;
      const temperatureCelsius = unknown('network cards do not tell their temperature');
      if (!received.known || !sent.known)
        return {
          used: received.known ? sent : received,
          usedPercent: received.known ? sent : received,
          temperatureCelsius,
        };
      // A link carries its speed in each direction at once, so the busier direction is what fills it.
      const used = Math.max(received.value, sent.value);
      return {
        used: known(used),
        usedPercent: capacity.known ? known(Math.min(100, (used / capacity.value) * 100)) : capacity,
        temperatureCelsius,
      };
    },
    // Rates are held by whoever sends for others (`Holder.setEffective`), and counted by the network meter.
    allocate: async () => undefined,
    applyLevel: async () => undefined,
    release: async () => undefined,
  };
};

/** @returns bytes per second of the default link, or why that is not known */
export const capacityOf = (inventory: InterfaceList): Reading<number> => {
  if (!inventory.known) return inventory;
  const link = inventory.value.find((candidate) => candidate.isDefault);
  if (link === undefined) return unknown('no interface leads out of this machine');
  return link.speedMbps.known ? known(Math.floor(link.speedMbps.value * BYTES_PER_MEGABIT)) : link.speedMbps;
};

/** macOS and Windows. */
const readInterfacesElsewhere = async (
  components: NetworkAdapterComponents,
  signal: AbortSignal | undefined,
): Promise<InterfaceList> => {
  const [asked, metered] = await Promise.all([
    askFact(components, 'networkInterfaces', signal),
    readMeteredByInterface(signal),
  ]);
  if (!asked.known) return asked;
  return known(
    asked.value.slice(0, INTERFACES_MAX).map(
      (found): Interface => ({
        name: found.iface,
        kind: knownText(found.type, 'the system does not tell what kind of interface this is'),
        mac: knownText(found.mac === '00:00:00:00:00:00' ? '' : found.mac, 'this interface has no hardware address'),
        up: found.operstate === 'up',
        loopback: found.internal,
        virtual: known(found.virtual),
        speedMbps: speedOf(found.speed, found.iface),
        metered: metered.known ? (metered.value.get(found.iface) ?? unknown('the system does not tell')) : metered,
        isDefault: found.default,
        addresses: addressesOf(found.iface),
      }),
    ),
  );
};
