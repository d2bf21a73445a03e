import type { NetworkInterfaceInfo } from 'node:os';
import type { Clock } from '../../../base/index.ts';
import { type Ip, parseIp, sharesPrefix } from './ip.ts';

/** What is found out about the machine's interfaces holds so long: asking costs up to a millisecond. */
const KEPT_MS = 1_000;
/** Of IPv6, what sits behind one router: the most that a home is commonly given (RFC 6177). */
const HOME_BITS = 56;
/** A shorter prefix is that of a tunnel to everywhere, and says nothing about what is near. */
const BITS_MIN = { 4: 8, 6: 20 } as const;

/** What is near this machine, whatever its addresses look like. */
export interface OwnAddresses {
  /** @returns null for what is far away */
  ruleOf(ip: Ip): 'ownMachine' | 'ownNetwork' | null;
}
export interface OwnAddressesComponents {
  clock: Pick<Clock, 'monotonicMs'>;
  /** As `os.networkInterfaces()`. */
  interfaces(): Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
  /** Addresses at which the world sees this node: its router's, which may answer from inside otherwise than from outside. */
  seenAt(): readonly string[];
}
export const createOwnAddresses = ({ clock, interfaces, seenAt }: OwnAddressesComponents): OwnAddresses => {
  let readAtMs = -Infinity;
  let own: { ip: Ip; bits: number }[] = [];
  const read = (): void => {
    readAtMs = clock.monotonicMs();
    own = Object.values(interfaces()).flatMap((infos) =>
      (infos ?? []).flatMap(({ address, cidr }) => {
        const ip = parseIp(address.split('%')[0] ?? '');
        if (ip === null) return [];
        const bits = Number(cidr?.split('/')[1] ?? ip.bytes.length * 8);
        const site = ip.family === 6 ? Math.min(bits, HOME_BITS) : bits;
        return [{ ip, bits: Number.isInteger(site) && site >= BITS_MIN[ip.family] ? site : ip.bytes.length * 8 }];
      }),
    );
  };
  return {
    ruleOf: (ip) => {
      if (clock.monotonicMs() - readAtMs >= KEPT_MS) read();
      const whole = ip.bytes.length * 8;
      const isOwn = own.some((one) => sharesPrefix(one.ip, ip, whole));
      if (isOwn) return 'ownMachine';
      const isSeen = seenAt().some((text) => {
        const seen = parseIp(text);
        return seen !== null && sharesPrefix(seen, ip, seen.family === 6 ? HOME_BITS : whole);
      });
      return isSeen || own.some((one) => sharesPrefix(one.ip, ip, one.bits)) ? 'ownNetwork' : null;
    },
  };
};
