import type { GlobalAddress } from '../../main/kernel/leases/index.ts';
import { createStack, type Drop, type Stack } from '../../main/kernel/proxy/forwarders/vpn/stack.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { createMemoryDialer, type MemoryDialer } from './memory-pipe.ts';
import { createSeededRandom } from './seeded-random.ts';
import { createSilentLogger } from './silent-logger.ts';
import { LOCAL, readTcp, type TcpSeen } from './vpn-packets.ts';

/** A stack on a device that is a list. */
export interface VpnWorld {
  readonly clock: ManualClock;
  readonly dialer: MemoryDialer;
  readonly stack: Stack;
  readonly drops: Drop[];
  /** Whether the device takes nothing. */
  full: boolean;
  /** Gives packets to the stack as one batch and lets all promises go on. */
  give(...packets: Buffer[]): Promise<void>;
  /** What the stack has sent since it was asked last. */
  take(): Buffer[];
  /** The same, all of it TCP. */
  takeTcp(): TcpSeen[];
}
export const createVpnWorld = ({ mtuBytes = 1500, seed = 1 }: { mtuBytes?: number; seed?: number } = {}): VpnWorld => {
  const clock = createManualClock();
  const dialer = createMemoryDialer();
  const drops: Drop[] = [];
  let sent: Buffer[] = [];
  const world = { full: false };
  const stack = createStack(
    {
      outside: { clock, random: createSeededRandom(seed) },
      logger: createSilentLogger(),
      dialer,
      output: {
        get full() {
          return world.full;
        },
        reserve: (bytes) => {
          if (world.full) return null;
          // Never zeros, as a buffer that is used again is none either.
          const packet = Buffer.alloc(bytes, 0xa5);
          sent.push(packet);
          return packet;
        },
      },
      dropped: (why) => drops.push(why),
    },
    { local: LOCAL as GlobalAddress, mtuBytes },
  );
  const take = (): Buffer[] => {
    const all = sent;
    sent = [];
    return all;
  };
  return {
    clock,
    dialer,
    stack,
    drops,
    get full() {
      return world.full;
    },
    set full(full) {
      world.full = full;
      if (!full) stack.room();
    },
    give: async (...packets) => {
      for (const packet of packets) stack.receive(packet);
      stack.flush();
      await clock.advance(0);
    },
    take,
    takeTcp: () => take().map(readTcp),
  };
};
