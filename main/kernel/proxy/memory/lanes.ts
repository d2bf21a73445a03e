import { type Logger, messageOf, type Outside } from '../../../base/index.ts';
import type { MemoryClient } from './client.ts';
import { damaged, MemoryError } from './errors.ts';

/** What is wrong with bytes that a lender gave: the page that does not open, and where it lies in them. */
export interface Fault {
  damaged: number;
  from: number;
  bytes: number;
}
/** One lender, or two that have the same: written to both, read from the first that answers right. */
export interface Lanes {
  /**
   * @param check - takes what a lender gave; called again with the bytes of another where it found a fault
   * @throws {MemoryError} `PAGE_DAMAGED` where all have a fault, `LENDER_AWAY` | `LEASE_OVER` where none answers
   */
  read(offset: number, length: number, check: (bytes: Uint8Array) => Fault | null): Promise<void>;
  /** Resolves once every lender that is not behind has it. @throws {MemoryError} when none has */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Whether two lenders have everything. */
  readonly mirrored: boolean;
  /**
   * Takes a lender as second one, in place of one that is lost, and brings it up to date.
   *
   * @param copy - copies everything from the one to the other, through `read` and what `target` writes
   */
  mirror(client: MemoryClient, copy: (target: MemoryClient) => Promise<void>): Promise<void>;
  close(): void;
}

interface Lane {
  client: MemoryClient;
  /** `behind`: it missed a write; it is not asked until it has been brought up to date. `copying`: written to, not read. */
  state: 'whole' | 'copying' | 'behind' | 'lost';
}
/** First and longest wait until a lender that is behind is tried again, ms. */
const CATCH_UP_MS_MIN = 1_000;
const CATCH_UP_MS_MAX = 60_000;

export interface LanesComponents {
  outside: Outside;
  logger: Logger;
}

export const createLanes = ({ outside, logger }: LanesComponents, first: MemoryClient): Lanes => {
  const lanes: Lane[] = [{ client: first, state: 'whole' }];
  let copy: ((target: MemoryClient) => Promise<void>) | null = null;
  let closed = false;

  const others = (lane: Lane): boolean => lanes.some((other) => other !== lane && other.state === 'whole');
  const fell = (lane: Lane, error: unknown): void => {
    // The only one that has everything stays the one that is asked.
    if (closed || !others(lane)) return;
    const over = error instanceof MemoryError && error.code === 'LEASE_OVER';
    if (lane.state === 'behind' || lane.state === 'lost') return;
    lane.state = over ? 'lost' : 'behind';
    logger.info('A lender of mirrored memory fell behind', { problem: messageOf(error), over });
    if (!over) later(lane, CATCH_UP_MS_MIN);
  };
  const later = (lane: Lane, ms: number): void => {
    outside.clock.after(ms, () => {
      void catchUp(lane).then((done) => {
        if (!done && !closed && lane.state === 'behind') later(lane, Math.min(CATCH_UP_MS_MAX, ms * 2));
      });
    });
  };
  /** @returns whether the lane has everything now */
  const catchUp = async (lane: Lane): Promise<boolean> => {
    if (closed || copy === null || lane.state !== 'behind') return false;
    lane.state = 'copying';
    try {
      await lane.client.open();
      await copy(lane.client);
      // A write may have failed on it meanwhile.
      if ((lane.state as Lane['state']) !== 'copying') return false;
      lane.state = 'whole';
      return true;
    } catch (error) {
      fell(lane, error);
      return false;
    }
  };
  const readable = (): Lane[] => lanes.filter(({ state }) => state === 'whole');

  return {
    read: async (offset, length, check) => {
      let problem: Error | null = null;
      const faults: { lane: Lane; fault: Fault }[] = [];
      for (const lane of readable()) {
        let bytes: Uint8Array;
        try {
          bytes = await lane.client.read(offset, length);
        } catch (error) {
          problem ??= error as Error;
          fell(lane, error);
          continue;
        }
        const fault = check(bytes);
        if (fault === null) {
          // What another one has wrong is put right from here.
          for (const bad of faults)
            void bad.lane.client.write(offset, bytes.slice()).catch((error: unknown) => fell(bad.lane, error));
          return;
        }
        faults.push({ lane, fault });
      }
      const fault = faults[0];
      if (fault !== undefined) throw damaged(fault.fault.damaged);
      throw problem ?? damaged(0);
    },
    write: async (offset, bytes) => {
      const targets = lanes.filter(({ state }) => state === 'whole' || state === 'copying');
      if (targets.length === 1) {
        await (targets[0] as Lane).client.write(offset, bytes);
        return;
      }
      const outcomes = await Promise.allSettled(targets.map(({ client }) => client.write(offset, bytes)));
      let done = false;
      let problem: unknown = null;
      outcomes.forEach((outcome, i) => {
        if (outcome.status === 'rejected') problem ??= outcome.reason;
        else if ((targets[i] as Lane).state === 'whole') done = true;
      });
      if (!done) throw problem as Error;
      outcomes.forEach((outcome, i) => {
        if (outcome.status === 'rejected') fell(targets[i] as Lane, outcome.reason);
      });
    },
    get mirrored() {
      return readable().length > 1;
    },
    mirror: async (client, copyTo) => {
      copy = copyTo;
      const lost = lanes.findIndex(({ state }) => state !== 'whole');
      const lane: Lane = { client, state: 'behind' };
      const place = lost < 0 ? 1 : lost;
      lanes[place]?.client.close();
      lanes[place] = lane;
      if (!(await catchUp(lane)) && !closed) later(lane, CATCH_UP_MS_MIN);
    },
    close: () => {
      closed = true;
      for (const { client } of lanes) client.close();
    },
  };
};
