import type { AllocationId, Clock } from '../../../base/index.ts';
import type { AllocationBook } from '../../assets/index.ts';
import { createMeter, type Meter } from '../engine/meter.ts';
import type { LeaseEntry, Totals } from '../engine/lease-entry.ts';
import type { LeaseProvider, LentLease, ProvidedLease } from '../interface.ts';

/** What a lease takes of this machine: an allocation, and what its provider runs. */
export interface LentProcess {
  /** @throws {AllocationError} */
  allocate(): Promise<void>;
  /** @throws what the provider throws */
  start(provider: LeaseProvider, lent: LentLease): Promise<void>;
  /** Whoever does not sign gets nothing; whoever signs again goes on. */
  setStopped(stopped: boolean): void;
  /** What may be taken now. */
  readonly effective: number;
  use(): { unitSeconds: number; used: number; sentBytes: number; receivedBytes: number };
  /** Tells the book what is really taken. */
  report(): void;
  /** Gives everything back. Waits for the provider. May be called twice. */
  stop(reason: string): Promise<void>;
}
export interface LentProcessComponents {
  clock: Clock;
  allocations: AllocationBook;
  entry: LeaseEntry;
  /** The level does not cover it any more. */
  onEvicted: (reason: string) => void;
  /** What may be taken is another amount. */
  onEffective: () => void;
  onError: (error: unknown) => void;
}

/** @param base - what receipts have counted before a restart */
export const createLentProcess = (
  { clock, allocations, entry, onEvicted, onEffective, onError }: LentProcessComponents,
  base: Totals,
): LentProcess => {
  const { amount, resource } = entry.facts;
  const meter: Meter = createMeter(clock, base.unitSeconds);
  let ids: readonly AllocationId[] = [];
  let booked = 0;
  let stopped = false;
  let provided: ProvidedLease | null = null;
  let over = false;
  let last = { used: 0, sentBytes: base.sentBytes, receivedBytes: base.receivedBytes };

  const effective = (): number => (stopped || over ? 0 : Math.min(booked, amount));
  const apply = (): void => {
    // What has not begun takes nothing, whatever the book has set aside for it.
    meter.set(provided === null ? 0 : effective());
    provided?.setEffective(effective());
    onEffective();
  };
  const measure = (): typeof last => {
    if (provided === null) return last;
    const { used, sentBytes, receivedBytes } = provided.use();
    // A provider that goes on after a restart may have lost what it counted before; sums never fall.
    last = {
      used,
      sentBytes: Math.max(last.sentBytes, sentBytes),
      receivedBytes: Math.max(last.receivedBytes, receivedBytes),
    };
    return last;
  };
  return {
    allocate: async () => {
      ids = await allocations.allocate([
        {
          resource,
          amount,
          purpose: entry.id,
          holder: {
            setEffective: (given) => {
              booked = given;
              apply();
            },
            evict: onEvicted,
          },
        },
      ]);
    },
    start: async (provider, lent) => {
      const begun = await provider.start(lent);
      provided = begun;
      if (over) await begun.stop('the lease has ended');
      else apply();
    },
    setStopped: (next) => {
      if (stopped === next) return;
      stopped = next;
      apply();
    },
    get effective() {
      return provided === null ? 0 : effective();
    },
    use: () => ({ unitSeconds: meter.unitSeconds(), ...measure() }),
    report: () => {
      const [id] = ids;
      if (id !== undefined && provided !== null && !over) allocations.reportUse(id, Math.max(0, measure().used));
    },
    stop: async (reason) => {
      if (!over) {
        measure();
        meter.set(0);
        over = true;
      }
      try {
        await provided?.stop(reason);
      } catch (error) {
        onError(error);
      }
      const taken = ids;
      ids = [];
      await allocations.release(taken);
    },
  };
};
