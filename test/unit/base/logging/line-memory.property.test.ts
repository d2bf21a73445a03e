import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NewestKept } from '../../../../main/base/logging/line-memory.ts';

it('keeps exactly the newest, in order', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.nat(9), { maxLength: 40 }),
      fc.nat(10),
      (capacity, things, limit) => {
        const memory = new NewestKept<number>(capacity);
        for (const thing of things) memory.add(thing);
        const wanted = (thing: number): boolean => thing % 2 === 0;
        const kept = things.slice(-capacity).filter(wanted);
        expect(memory.newest(limit, wanted)).toEqual(limit === 0 ? [] : kept.slice(-limit));
      },
    ),
  );
});
