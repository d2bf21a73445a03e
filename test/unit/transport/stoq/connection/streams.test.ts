import { afterEach, describe, expect, it } from 'vitest';
import { StreamError } from '../../../../../main/transport/stoq/errors.ts';
import type { NetworkId, ProtocolSpec, Stream } from '../../../../../main/transport/stoq/interface.ts';
import { createNet, ECHO, echo, type Net, type Node, readAll } from './fixture.ts';

let net: Net;
afterEach(async () => {
  await net.stop();
});

const codeOf = (error: unknown): string => (error instanceof StreamError ? error.code : String(error));
const failing = (work: Promise<unknown>): Promise<string> => work.then(() => 'nothing failed', codeOf);
/** Two nodes; the second handles `spec` with `handler`. */
const pair = async (spec: Partial<ProtocolSpec>, handler: (stream: Stream) => Promise<void>) => {
  net = createNet();
  const [a, b] = [await net.add(1), await net.add(2)];
  b.endpoint.handle({ ...ECHO, ...spec }, handler);
  const connection = await net.connect(a, b);
  const offences: string[] = [];
  b.endpoint.on('offended', ({ offence }) => offences.push(offence));
  return { a, b, connection, offences };
};
const never = (): Promise<void> => new Promise(() => undefined);
const readEnd = async (stream: Stream): Promise<void> => {
  await readAll(stream);
};

describe('a stream', () => {
  it('of a protocol that nobody handles says so at the first read', async () => {
    const { connection } = await pair({}, echo);
    const stream = await net.during(connection.openStream('/test/none/1'));
    expect(await net.during(failing(stream.read()))).toBe('PROTOCOL_UNKNOWN');
  });

  it('is refused to a writer that never reads, too', async () => {
    const { connection } = await pair({}, echo);
    const stream = await net.during(connection.openStream('/test/none/1'));
    await net.during(stream.write(new Uint8Array(10)));
    await net.pass(100);
    expect(await net.during(failing(stream.write(new Uint8Array(10))))).toBe('PROTOCOL_UNKNOWN');
  });

  it('of a protocol of another network does not exist', async () => {
    const { connection } = await pair({ networks: new Set(['other' as NetworkId]) }, echo);
    const stream = await net.during(connection.openStream(ECHO.name));
    expect(await net.during(failing(stream.read()))).toBe('PROTOCOL_UNKNOWN');
  });

  it('carries extensions, and refuses too many bytes of them before anything is sent', async () => {
    let seen: Readonly<Record<string, Uint8Array>> = {};
    const { connection } = await pair({}, async (stream) => {
      seen = stream.extensions;
      await echo(stream);
    });
    const extensions = { token: Uint8Array.of(1, 2, 3) };
    const stream = await net.during(connection.openStream(ECHO.name, { extensions }));
    await net.during(stream.finish());
    await net.during(readAll(stream));
    expect(seen).toEqual(extensions);
    const large = { token: new Uint8Array(4096) };
    expect(await failing(connection.openStream(ECHO.name, { extensions: large }))).toBe('MALFORMED');
  });

  it('is encrypted twice where the protocol asks, and refused where it is not', async () => {
    const { connection, a } = await pair({ sealed: true }, echo);
    // The opener knows the protocol and seals of itself.
    a.endpoint.handle({ ...ECHO, sealed: true }, echo);
    const stream = await net.during(connection.openStream(ECHO.name));
    await net.during(stream.write(Uint8Array.of(1, 2, 3)));
    await net.during(stream.finish());
    expect(await net.during(readAll(stream))).toEqual(Uint8Array.of(1, 2, 3));
    await net.during(stream.acknowledged());
    const open = await net.during(connection.openStream(ECHO.name, { sealed: false }));
    expect(await net.during(failing(open.read()))).toBe('REFUSED');
  });

  it('ends when its deadline is over, for whoever waits', async () => {
    const { connection, offences } = await pair({ deadlineMs: 2_000 }, readEnd);
    const stream = await net.during(connection.openStream(ECHO.name, { deadlineMs: 500 }));
    await net.during(stream.write(Uint8Array.of(1)));
    const startMs = net.clock.monotonicMs();
    expect(await net.during(failing(stream.read()))).toBe('DEADLINE');
    expect(net.clock.monotonicMs() - startMs).toBeLessThanOrEqual(500);
    // A peer that keeps the handler waiting is counted.
    const slow = await net.during(connection.openStream(ECHO.name));
    await net.during(slow.write(Uint8Array.of(1)));
    await net.pass(2_500);
    expect(offences).toEqual(['timedOut']);
    expect(await net.during(failing(slow.read()))).toBe('RESET');
  });

  it('ends when its caller gives up, with the reason', async () => {
    const { connection } = await pair({}, readEnd);
    const controller = new AbortController();
    const stream = await net.during(connection.openStream(ECHO.name, { signal: controller.signal }));
    const read = stream.read().catch((error: unknown) => error);
    controller.abort(new Error('enough'));
    expect(await net.during(read)).toMatchObject({ message: 'enough' });
  });

  it('that sends more than its protocol allows is reset, which costs standing', async () => {
    const { connection, offences, b, a } = await pair({ bytesMax: 1000 }, readEnd);
    const stream = await net.during(connection.openStream(ECHO.name));
    await net.during(stream.write(new Uint8Array(1001)));
    expect(await net.during(failing(stream.read()))).toBe('RESET');
    expect(offences).toEqual(['limitBroken']);
    expect(b.book.get(a.peerId)?.points).toBeGreaterThan(9);
  });

  it('that sends a byte a second is reset where a rate is asked for', async () => {
    const { connection, offences } = await pair({ bytesPerSecondMin: 100 }, readEnd);
    const stream = await net.during(connection.openStream(ECHO.name));
    let failed = '';
    for (let second = 0; second < 15 && failed === ''; second++) {
      stream.write(Uint8Array.of(1)).catch((error: unknown) => (failed = codeOf(error)));
      await net.pass(1_000);
    }
    expect(offences).toEqual(['tooSlow']);
    expect(await net.during(failing(stream.read()))).toBe('RESET');
  });

  it('is reset when its handler fails, and the failure is logged', async () => {
    const { connection, b } = await pair({}, () => Promise.reject(new TypeError('a bug')));
    const stream = await net.during(connection.openStream(ECHO.name));
    expect(await net.during(failing(stream.read()))).toMatch(/RESET|CLOSED/);
    expect(b.log.filter(({ level }) => level === 'error')).toMatchObject([
      { message: 'Handler failed', context: { protocol: ECHO.name, problem: 'a bug' } },
    ]);
  });

  it('whose handler finds the peer at fault costs standing', async () => {
    const { connection, offences } = await pair({}, () =>
      Promise.reject(new StreamError({ code: 'MALFORMED', problem: 'no such field', verdict: 'reject' }, 'no')),
    );
    const stream = await net.during(connection.openStream(ECHO.name));
    await net.during(failing(stream.read()));
    expect(offences).toEqual(['malformed']);
  });

  it('is refused beyond the streams that a peer may have at once, and taken again when one has ended', async () => {
    const { connection } = await pair({ streamsMax: 2 }, echo);
    const open = async (): Promise<Stream> => {
      const stream = await connection.openStream(ECHO.name);
      await stream.write(Uint8Array.of(1));
      return stream;
    };
    const streams = [await net.during(open()), await net.during(open())];
    await net.during(Promise.all(streams.map((stream) => stream.read())));
    expect(await net.during(failing((await net.during(open())).read()))).toBe('TOO_MANY');
    await net.during(streams[0]!.finish());
    expect(await net.during(streams[0]!.read())).toBeNull();
    await net.pass(50);
    expect((await net.during((await net.during(open())).read()))?.length).toBe(1);
  });

  it('is not acknowledged when the other program did not read it', async () => {
    const { connection } = await pair({}, async (stream) => {
      await stream.read(1);
    });
    const stream = await net.during(connection.openStream(ECHO.name));
    await net.during(stream.write(new Uint8Array(1000)));
    await net.during(stream.finish());
    expect(await net.during(failing(stream.acknowledged()))).toBe('RESET');
  });

  it('holds the writer back while the other end does not read', async () => {
    let reader: Stream | null = null;
    const { connection } = await pair({}, (stream) => {
      reader = stream;
      return never();
    });
    const stream = await net.during(connection.openStream(ECHO.name));
    let written = 0;
    void (async () => {
      for (let count = 0; count < 100; count++) {
        await stream.write(new Uint8Array(64 * 1024));
        written += 64 * 1024;
      }
    })().catch(() => undefined);
    await net.pass(2_000);
    expect(written).toBeLessThan(1024 * 1024);
    const before = written;
    void (async () => {
      for (;;) if ((await (reader as unknown as Stream).read()) === null) return;
    })().catch(() => undefined);
    await net.pass(500);
    expect(written).toBeGreaterThan(before);
    stream.reset();
  });
});

describe('the gate of the owner', () => {
  it('holds what crosses the wire to the rate, headers and all', async () => {
    const { createRateGate } = await import('../../../../../main/transport/stoq/standing/rate-gate.ts');
    net = createNet({ delayMs: 1 });
    const gate = createRateGate({ clock: net.clock }, { sendBytesPerSecond: 100_000 });
    const [a, b] = [await net.add(1, { gate }), await net.add(2)] as [Node, Node];
    b.endpoint.handle({ ...ECHO, bytesMax: null }, readEnd);
    const connection = await net.connect(a, b);
    await net.pass(3_000);
    const stream = await net.during(connection.openStream(ECHO.name));
    const before = connection.path?.stats().sentBytes ?? 0;
    void (async () => {
      for (;;) await stream.write(new Uint8Array(16 * 1024));
    })().catch(() => undefined);
    await net.pass(30_000);
    const rate = ((connection.path?.stats().sentBytes ?? 0) - before) / 30;
    expect(rate).toBeGreaterThan(90_000);
    expect(rate).toBeLessThan(106_000);
    stream.reset();
  });
});

describe('datagrams', () => {
  it.each([true, false])('arrive, with a link of their own: %s', async (link) => {
    net = createNet({ seed: 3 });
    const [a, b] = [await net.add(1, { datagrams: link }), await net.add(2, { datagrams: link })];
    const spec = { ...ECHO, name: '/test/game/1', datagramBytesPerSecondMax: 10_000 };
    const got: number[] = [];
    b.endpoint.handle(spec, never, (payload) => got.push(payload[0] ?? -1));
    const connection = await net.connect(a, b);
    await net.pass(1_000);
    expect(connection.sendDatagram('/test/none/1', Uint8Array.of(1))).toBe(false);
    for (let number = 0; number < 20; number++) {
      connection.sendDatagram(spec.name, Uint8Array.of(number));
      await net.pass(20);
    }
    expect(got.length).toBeGreaterThan(15);
    expect(got).toEqual(got.toSorted((x, y) => x - y));
  });

  it('beyond the rate of their protocol are dropped, and a flood costs standing', async () => {
    net = createNet();
    const [a, b] = [await net.add(1, { datagrams: true }), await net.add(2, { datagrams: true })];
    const spec = { ...ECHO, name: '/test/game/1', datagramBytesPerSecondMax: 1_000 };
    let bytes = 0;
    b.endpoint.handle(spec, never, (payload) => (bytes += payload.length));
    const offences: string[] = [];
    b.endpoint.on('offended', ({ offence }) => offences.push(offence));
    const connection = await net.connect(a, b);
    await net.pass(1_000);
    for (let count = 0; count < 300; count++) {
      connection.sendDatagram(spec.name, new Uint8Array(1_000));
      await net.pass(10);
    }
    expect(bytes).toBeGreaterThan(2_000);
    expect(bytes).toBeLessThan(6_000);
    expect(offences.length).toBeGreaterThan(0);
  });
});
