import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Frame } from '../../../../../main/kernel/proxy/circuits/cells.ts';
import { CELL } from '../../../../../main/kernel/proxy/circuits/cells.ts';
import type { CircuitEnd } from '../../../../../main/kernel/proxy/circuits/circuit-end.ts';
import { DETACHED_MS } from '../../../../../main/kernel/proxy/circuits/constants.ts';
import { CircuitError, circuitClosed } from '../../../../../main/kernel/proxy/circuits/errors.ts';
import { createSession, type Session } from '../../../../../main/kernel/proxy/circuits/session.ts';
import { createManualClock, type ManualClock } from '../../../../support/manual-clock.ts';

/** Two ends of a circuit; once it is cut, what was on its way is lost, as with a relay that died. */
const createCircuit = (clock: ManualClock, delayMs: number) => {
  let live = true;
  const ends = [0, 1].map(() => ({ queue: [] as Frame[], wake: (): void => undefined }));
  const cut = (): void => {
    live = false;
    for (const end of ends) {
      end.queue = [];
      end.wake();
    }
  };
  const endOf = (own: number): CircuitEnd => ({
    send: async (frames) => {
      if (!live) throw circuitClosed();
      const copies = frames.map(({ type, parts }) => ({ type, body: Buffer.concat(parts) }));
      clock.after(delayMs, () => {
        if (!live) return;
        const other = ends[1 - own];
        other?.queue.push(...copies);
        other?.wake();
      });
      await clock.sleep(1);
      if (!live) throw circuitClosed();
    },
    receive: async () => {
      const end = ends[own];
      if (end === undefined) return null;
      while (live && end.queue.length === 0)
        await new Promise<void>((resolve) => {
          end.wake = resolve;
        });
      return live ? end.queue.splice(0) : null;
    },
    finish: () => Promise.resolve(),
    close: cut,
  });
  return { near: endOf(0), far: endOf(1), cut };
};

test('bytes of both ways come whole and in order, wherever and however often circuits die', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(1), fc.integer({ min: 1, max: 30_000 }), fc.nat(40)), { minLength: 1, maxLength: 25 }),
      fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 8 }),
      async (writes, cuts) => {
        const clock = createManualClock();
        const circuits: ReturnType<typeof createCircuit>[] = [];
        const sessions: Session[] = [];
        const attach = async (): Promise<void> => {
          const [near, far] = sessions;
          if (near === undefined || far === undefined) return;
          far.detach('');
          const circuit = createCircuit(clock, 7);
          circuits.push(circuit);
          const [nearHas, farHas] = [near.received, far.received];
          void far.attach(circuit.far, nearHas, 0);
          void near.attach(circuit.near, farHas, 20);
        };
        const got: Buffer[][] = [[], []];
        for (const side of [0, 1])
          sessions.push(
            createSession(
              { clock },
              {
                watches: side === 0,
                onDetached: () => {
                  if (side === 0) clock.after(30, () => void attach());
                },
                onClosed: () => undefined,
              },
            ),
          );
        for (const [side, { pipe }] of sessions.entries())
          pipe.on('data', (bytes: Buffer) => got[side]?.push(Buffer.from(bytes)));
        await attach();
        const sent: Buffer[][] = [[], []];
        let fill = 0;
        for (const [side, length, waitMs] of writes) {
          const bytes = Buffer.alloc(length, (fill += 1));
          sent[side]?.push(bytes);
          sessions[side]?.pipe.write(bytes);
          await clock.advance(waitMs);
          const cutAfter = cuts.pop();
          if (cutAfter !== undefined) {
            await clock.advance(cutAfter);
            circuits.at(-1)?.cut();
          }
        }
        await clock.advance(8_000);
        expect(Buffer.concat(got[1] ?? []).equals(Buffer.concat(sent[0] ?? []))).toBe(true);
        expect(Buffer.concat(got[0] ?? []).equals(Buffer.concat(sent[1] ?? []))).toBe(true);
        for (const session of sessions) session.close();
        await clock.advance(DETACHED_MS);
        expect(clock.pendingCount).toBe(0);
      },
    ),
    { numRuns: 60 },
  );
});

test('whatever frames the far end makes up, the circuit goes and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          type: fc.constantFrom(...Object.values(CELL)),
          body: fc.uint8Array({ maxLength: 64 }),
        }),
        { minLength: 1, maxLength: 10 },
      ),
      async (frames) => {
        const clock = createManualClock();
        const reasons: string[] = [];
        let closed = 0;
        const session = createSession(
          { clock },
          { watches: false, onDetached: (reason) => reasons.push(reason), onClosed: () => (closed += 1) },
        );
        session.pipe.on('data', () => undefined);
        const rest = frames.map((frame) => [frame]);
        const done = session.attach(
          {
            send: () => Promise.resolve(),
            receive: async () => rest.shift() ?? null,
            finish: () => Promise.resolve(),
            close: () => undefined,
          },
          0,
          0,
        );
        await clock.advance(1_000);
        await done;
        expect(session.attached).toBe(false);
        expect(reasons.length + closed).toBe(1);
        session.close();
      },
    ),
    { numRuns: 100 },
  );
});

test('an end that says it has more than it was sent is not believed', async () => {
  const clock = createManualClock();
  const session = createSession({ clock }, { watches: false, onDetached: () => undefined, onClosed: () => undefined });
  const { near } = createCircuit(clock, 1);
  await expect(session.attach(near, 5, 0)).rejects.toThrow(CircuitError);
  session.close();
});
