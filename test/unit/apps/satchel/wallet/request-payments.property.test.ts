import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sharePayments } from '../../../../../main/apps/satchel/wallet/request-payments.ts';

const sum = (amounts: Iterable<bigint>): bigint => [...amounts].reduce((all, one) => all + one, 0n);

it('counts every payment that came after the first request once, whatever was asked and paid', () => {
  const amount = fc.bigInt(1n, 5n);
  const time = fc.integer({ min: 0, max: 20 });
  fc.assert(
    fc.property(
      fc.array(fc.record({ amountMicro: fc.option(amount), createdAtMs: time }), { minLength: 1, maxLength: 5 }),
      fc.array(fc.record({ amountMicro: amount, atMs: time }), { maxLength: 12 }),
      (asked, came) => {
        const requests = asked
          .toSorted((one, other) => one.createdAtMs - other.createdAtMs)
          .map((one, place) => ({ ...one, id: String(place) }));
        const payments = came.toSorted((one, other) => one.atMs - other.atMs);
        const paid = sharePayments(requests, payments);
        const first = requests[0]!.createdAtMs;
        const counted = payments.filter(({ atMs }) => atMs >= first).map(({ amountMicro }) => amountMicro);
        expect(sum(paid.values())).toBe(sum(counted));
        for (const { id, createdAtMs } of requests) {
          const since = payments.filter(({ atMs }) => atMs >= createdAtMs).map(({ amountMicro }) => amountMicro);
          expect(paid.get(id)! <= sum(since)).toBe(true);
        }
      },
    ),
  );
});
