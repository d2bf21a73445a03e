import { Duplex } from 'node:stream';

/** Two ends of a pipe in memory, with back-pressure: a write is done once the other end has taken it. */
export const createDuplexPair = (): [Duplex, Duplex] => {
  const ends: Duplex[] = [];
  const waiting: ((() => void) | null)[] = [null, null];
  const make = (own: 0 | 1): Duplex =>
    new Duplex({
      read: () => {
        const go = waiting[own];
        waiting[own] = null;
        go?.();
      },
      write: (bytes: Buffer, _encoding, done) => {
        const other = ends[1 - own] as Duplex;
        if (other.destroyed) done(new Error('the other end is gone'));
        // A copy, as a wire makes one: the writer's buffer is its own again.
        else if (other.push(Buffer.from(bytes))) done();
        else waiting[1 - own] = done;
      },
      final: (done) => {
        (ends[1 - own] as Duplex).push(null);
        done();
      },
      destroy: (error, done) => {
        const other = ends[1 - own] as Duplex;
        if (!other.destroyed) process.nextTick(() => other.destroy());
        done(error);
      },
    });
  const pair: [Duplex, Duplex] = [make(0), make(1)];
  ends.push(...pair);
  return pair;
};
