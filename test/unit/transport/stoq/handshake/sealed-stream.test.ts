import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CarrierStream } from '../../../../../main/transport/stoq/carriers/interface.ts';
import { sealStream } from '../../../../../main/transport/stoq/handshake/sealed-stream.ts';
import { sha256 } from '../../../../../main/base/index.ts';
import { createPipe, type PipeEnd } from '../../../../support/stoq/pipe.ts';

const session = (name = 's') => ({ deriveKey: (label: string): Uint8Array => sha256(Buffer.from(`${name} ${label}`)) });

const pair = (
  options: { recordsPerKey?: number; other?: string; number?: number } = {},
): {
  ends: [PipeEnd, PipeEnd];
  a: CarrierStream;
  b: CarrierStream;
} => {
  const ends = createPipe();
  return {
    ends,
    a: sealStream(ends[0], session(), 'out', 1, options),
    b: sealStream(ends[1], session(options.other), 'in', options.number ?? 1, options),
  };
};
const readAll = async (stream: CarrierStream, maxBytes = 65_536): Promise<Uint8Array> => {
  const parts: Uint8Array[] = [];
  for (let part = await stream.read(maxBytes); part !== null; part = await stream.read(maxBytes)) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
};
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
/** A stream that gives the records which an attacker puts together. */
const replay = async (parts: readonly Uint8Array[]): Promise<CarrierStream> => {
  const [from, to] = createPipe();
  for (const part of parts) await from.write(part);
  await from.finish();
  return sealStream(to, session(), 'in', 1);
};
const recordsOf = async (...texts: string[]): Promise<readonly Uint8Array[]> => {
  const { a, ends } = pair();
  for (const part of texts) await a.write(Buffer.from(part));
  await a.finish();
  return ends[0].written;
};

describe('a sealed stream', () => {
  it('carries any bytes in any pieces, over changes of key, and shows none of them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 8, maxLength: 300 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 400 }),
        async (parts, maxBytes) => {
          const { a, b, ends } = pair({ recordsPerKey: 3 });
          for (const part of parts) await a.write(part);
          await a.finish();
          const whole = Buffer.concat(parts);
          expect(await readAll(b, maxBytes)).toEqual(new Uint8Array(whole));
          expect(await b.read(1)).toBeNull();
          const wire = Buffer.concat(ends[0].written);
          for (const part of parts) expect(wire.includes(Buffer.from(part))).toBe(false);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('carries both directions at once, each under keys of its own, and half of it may end', async () => {
    const { a, b, ends } = pair();
    await a.write(Buffer.from('same'));
    await b.write(Buffer.from('same'));
    expect(ends[0].written[0]).not.toEqual(ends[1].written[0]);
    await a.finish();
    expect(text(await readAll(b))).toBe('same');
    await b.write(Buffer.from(' still'));
    await b.finish();
    expect(text(await readAll(a))).toBe('same still');
  });

  it('splits what is larger than a record, and no record is larger than it may', async () => {
    const { a, b, ends } = pair();
    const large = new Uint8Array(150_000).map((_, place) => place);
    const written = a.write(large).then(() => a.finish());
    expect(await readAll(b)).toEqual(large);
    await written;
    expect(ends[0].written.map(({ length }) => length)).toEqual([65_555, 65_555, 18_947, 19]);
  });

  it('holds the writer back while nobody reads, and asks for no more than one record ahead', async () => {
    const { a, b, ends } = pair();
    let done = 0;
    const writing = (async () => {
      for (let n = 0; n < 40; n++) {
        await a.write(new Uint8Array(65_536));
        done += 1;
      }
      await a.finish();
    })();
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toBeLessThan(6);
    await b.read(1);
    await new Promise((resolve) => setImmediate(resolve));
    const taken = ends[1].log.reduce((sum, event) => sum + (event.kind === 'read' ? event.bytes : 0), 0);
    expect(taken).toBeLessThanOrEqual(2 * 65_555);
    expect((await readAll(b)).length).toBe(40 * 65_536 - 1);
    await writing;
  });

  it('reads nothing under another session’s keys, or as another stream', async () => {
    for (const options of [{ other: 'x' }, { number: 3 }]) {
      const { a, b, ends } = pair(options);
      await a.write(Buffer.from('secret'));
      await expect(b.read(10)).rejects.toMatchObject({ code: 'MALFORMED', data: { verdict: 'reject' } });
      // It stays broken, and the other end hears of it.
      await expect(b.read(10)).rejects.toMatchObject({ code: 'MALFORMED' });
      await expect(ends[0].read(1)).rejects.toMatchObject({ code: 'RESET' });
    }
  });

  it('is not mistaken for its own other direction', async () => {
    const [from, to] = createPipe();
    await sealStream(from, session(), 'out', 1).write(Buffer.from('mine'));
    await expect(sealStream(to, session(), 'out', 1).read(10)).rejects.toMatchObject({ code: 'MALFORMED' });
  });

  it('tells every way of cutting, repeating, leaving out or exchanging records', async () => {
    const [one, two, end] = (await recordsOf('one', 'two')) as [Uint8Array, Uint8Array, Uint8Array];
    expect(text(await readAll(await replay([one, two, end])))).toBe('onetwo');
    const attacks: Record<string, Uint8Array[]> = {
      'no end': [one, two],
      nothing: [],
      'half a record': [one, two.subarray(0, 9)],
      'half a header': [one, two, end.subarray(0, 2)],
      repeated: [one, one, end],
      exchanged: [two, one, end],
      'left out': [two, end],
      'ended early': [one, end],
      'behind the end': [one, two, end, Uint8Array.of(0)],
      'end twice': [one, two, end, end],
      'not the end after all': [one, two, Uint8Array.of((end[0] as number) & 0x7f, ...end.subarray(1))],
      'of another length': [Uint8Array.of(0, 0, 2, ...one.subarray(3)), two, end],
    };
    for (const [name, parts] of Object.entries(attacks))
      await expect(
        replay(parts).then((stream) => readAll(stream)),
        name,
      ).rejects.toMatchObject({ code: 'MALFORMED' });
  });

  it('tells every changed bit, and takes no memory for lengths that are only claimed', async () => {
    const records = await recordsOf('some text');
    const wire = Buffer.concat(records);
    for (let bit = 0; bit < wire.length * 8; bit++) {
      const changed = new Uint8Array(wire);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      await expect(replay([changed]).then((stream) => readAll(stream))).rejects.toMatchObject({ code: 'MALFORMED' });
    }
    for (const header of [
      [0xff, 0xff, 0xff],
      [0x7f, 0xff, 0xff],
      [0x01, 0x00, 0x01],
      [0, 0, 0],
      [0x80, 0, 1],
    ]) {
      const [from, to] = createPipe();
      await from.write(Uint8Array.from(header));
      await expect(sealStream(to, session(), 'in', 1).read(1)).rejects.toMatchObject({ code: 'MALFORMED' });
    }
  });

  it('survives any garbage as a typed error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (garbage) => {
        await expect(replay([garbage]).then((stream) => readAll(stream))).rejects.toMatchObject({ code: 'MALFORMED' });
      }),
      { numRuns: 500 },
    );
  });

  it('passes on what the carrier says when the channel is gone', async () => {
    const { a, b, ends } = pair();
    ends[0].reset();
    await expect(b.read(1)).rejects.toMatchObject({ code: 'RESET' });
    await expect(a.write(Uint8Array.of(1))).rejects.toMatchObject({ code: 'RESET' });
  });

  it('refuses to write behind its end', async () => {
    const { a } = pair();
    await a.finish();
    await a.finish();
    await expect(a.write(Uint8Array.of(1))).rejects.toThrow('behind the end');
  });
});
