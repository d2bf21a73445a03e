import { expect } from 'vitest';
import type { BorrowRequest, LeaseId } from '../../../main/kernel/leases/index.ts';
import type { LeaseView } from '../../../preload/contract/index.ts';
import type { LeaseNode, LeaseWorld } from './lease-world.ts';

/** A lender, a borrower, and what tests do with them. */
export interface Pair {
  readonly lender: LeaseNode;
  readonly borrower: LeaseNode;
  /** Asks, and waits until it runs or has failed. */
  lease(offer: string, given?: Partial<BorrowRequest>): Promise<LeaseView>;
  /** Asks, and waits for nothing. */
  request(offer: string, given?: Partial<BorrowRequest>): Promise<LeaseId>;
  /** At the lender and at the borrower. */
  both(id: string): Promise<[LeaseView, LeaseView]>;
  /** Nothing of the lender is taken by anybody. */
  expectNothingTaken(): void;
}
export const createPair = async (world: LeaseWorld): Promise<Pair> => {
  const lender = await world.node('lender');
  const borrower = await world.node('borrower');
  const request: Pair['request'] = async (offer, given = {}) => {
    const { id } = await world.clock.drive(
      borrower.engine.request({
        offer,
        amount: 1000,
        minutes: 1,
        priceMicroMax: 0n,
        route: 'direct',
        purpose: 'a test',
        ...given,
      }),
    );
    return id as LeaseId;
  };
  return {
    lender,
    borrower,
    request,
    lease: async (offer, given) => {
      const id = await request(offer, given);
      return await world.clock.drive(borrower.engine.settled(id));
    },
    both: async (id) => [await lender.engine.get(id as LeaseId), await borrower.engine.get(id as LeaseId)],
    expectNothingTaken: () => {
      expect(lender.book.list()).toEqual([]);
      expect(lender.provider.running.size).toBe(0);
      expect(lender.engine.leasesOf('memory')).toBe(0);
    },
  };
};
