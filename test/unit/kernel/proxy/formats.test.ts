import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assetIdOf, decodeCbor, encodeCbor } from '../../../../main/base/index.ts';
import {
  type GlobalAddress,
  globalAddressOf,
  type LeaseId,
  parseGlobalAddress,
} from '../../../../main/kernel/leases/index.ts';
import { createDatagramWriter, readDatagrams } from '../../../../main/kernel/proxy/datagram-frames.ts';
import { FORWARD_REFUSALS, ProxyError, RouteError } from '../../../../main/kernel/proxy/errors.ts';
import {
  decodeAnswer,
  decodeOpening,
  encodeAnswer,
  encodeOpening,
  type ForwardOpening,
} from '../../../../main/kernel/proxy/forward-protocol.ts';
import {
  decodeRouteQuestion,
  decodeRouteReply,
  encodeRouteQuestion,
  isFor,
  encodeRouteReply,
} from '../../../../main/kernel/proxy/routes/messages.ts';
import {
  decodeRoutePayload,
  encodeRoutePayload,
  isInTime,
  openRoute,
} from '../../../../main/kernel/proxy/routes/record.ts';
import { serviceAssetOf } from '../../../../main/kernel/proxy/exposures.ts';
import { parseTarget } from '../../../../main/kernel/proxy/target-text.ts';
import { createManualClock } from '../../../support/manual-clock.ts';
import { makePeer } from '../../../support/stoq/make-peer.ts';
import { createStoqWorkers } from '../../../support/stoq/test-node.ts';
import { fromHex, readVectors, toHex } from '../../../support/vectors.ts';

const vectors = readVectors<{
  service: { record: string; asset: string; keys: { ed25519: string; falcon1024: string }; address: GlobalAddress };
  route: { payload: string; revoked: string };
  question: string;
  reply: string;
  openings: { service: string; exit: string };
  answers: { ok: string; refused: string };
  datagrams: string;
}>('proxy-forward', 'forward.json');
const keys = {
  ed25519: fromHex(vectors.service.keys.ed25519),
  falcon1024: fromHex(vectors.service.keys.falcon1024),
};
const FIXED = 'fd5e:1:2:3:4:5:6:7' as GlobalAddress;

/** @returns whose fault it is that something is not taken; 'none' where it is. Rethrows what is no expected failure. */
const verdictOf = (read: () => unknown): unknown => {
  try {
    read();
    return 'none';
  } catch (error) {
    if (error instanceof ProxyError || error instanceof RouteError) return (error.data as { verdict?: string }).verdict;
    throw error;
  }
};

describe('openings and answers', () => {
  it('are as the page has them', () => {
    const service = decodeOpening(fromHex(vectors.openings.service));
    expect(service).toEqual({ kind: 'service', address: FIXED, port: 80, mode: 'stream', probe: false });
    expect(toHex(encodeOpening(service))).toBe(vectors.openings.service);
    const exit = decodeOpening(fromHex(vectors.openings.exit));
    expect(exit).toEqual({
      kind: 'exit',
      lease: `lease-${'0123456789abcdef'.repeat(2)}`,
      host: 'example.org',
      port: 443,
      mode: 'datagram',
      probe: true,
    });
    expect(toHex(encodeOpening(exit))).toBe(vectors.openings.exit);
    expect(decodeAnswer(fromHex(vectors.answers.ok))).toEqual({ ok: true });
    expect(decodeAnswer(fromHex(vectors.answers.refused))).toEqual({
      ok: false,
      code: 'unknown',
      sentence: 'Nothing there.',
    });
  });

  it('read back what was written', () => {
    const opening = fc.oneof(
      fc.record({
        kind: fc.constant('service' as const),
        address: fc.constant(FIXED),
        port: fc.integer({ min: 1, max: 65_535 }),
        mode: fc.constantFrom('stream' as const, 'datagram' as const),
        probe: fc.boolean(),
      }),
      fc.record({
        kind: fc.constant('exit' as const),
        lease: fc.constant(`lease-${'ab'.repeat(16)}` as LeaseId),
        host: fc.stringMatching(/^[a-z0-9.:-]{1,60}$/),
        port: fc.integer({ min: 1, max: 65_535 }),
        mode: fc.constantFrom('stream' as const, 'datagram' as const),
        probe: fc.boolean(),
      }),
    ) satisfies fc.Arbitrary<ForwardOpening>;
    fc.assert(
      fc.property(opening, (one) => {
        expect(decodeOpening(encodeOpening(one))).toEqual(one);
      }),
    );
    const answer = fc.record({
      ok: fc.constant(false as const),
      code: fc.constantFrom(...FORWARD_REFUSALS),
      sentence: fc.string({ maxLength: 600 }),
    });
    fc.assert(
      fc.property(answer, (one) => {
        const back = decodeAnswer(encodeAnswer(one));
        expect(back).toMatchObject({ ok: false, code: one.code });
        // No control characters reach a log or a terminal, however long the peer made it.
        expect(back).toMatchObject({ sentence: expect.not.stringMatching(/\p{Cc}/u) });
      }),
    );
  });

  it('refuse everything else with a verdict, and never crash', () => {
    const good = decodeCbor(fromHex(vectors.openings.exit)) as Record<string, unknown>;
    const bad: unknown[] = [
      null,
      [],
      { ...good, v: 2 },
      { ...good, v: 0 },
      { ...good, port: 0 },
      { ...good, port: 65_536 },
      { ...good, host: '' },
      { ...good, host: 'a b' },
      { ...good, host: 'a\r\nb' },
      { ...good, host: 'fe80::1%eth0' },
      { ...good, host: 'x'.repeat(254) },
      { ...good, lease: new Uint8Array(15) },
      { ...good, mode: 'raw' },
      { ...good, probe: 1 },
      { ...good, more: 1 },
      { ...good, kind: 'service' },
    ];
    for (const value of bad) expect(() => decodeOpening(encodeCbor(value)), JSON.stringify(value)).toThrow(ProxyError);
    for (const decode of [decodeOpening, decodeAnswer])
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
          expect(['none', 'reject', 'ignore']).toContain(verdictOf(() => decode(bytes)));
        }),
      );
    expect(verdictOf(() => decodeOpening(encodeCbor({ ...good, v: 2 })))).toBe('ignore');
  });
});

describe('routes', () => {
  it('are as the page has them', () => {
    const service = decodeCbor(fromHex(vectors.service.record)) as Parameters<typeof serviceAssetOf>[0];
    expect(assetIdOf('service', service)).toBe(vectors.service.asset);
    expect(serviceAssetOf(service)).toBe(vectors.service.asset);
    expect(globalAddressOf(keys, vectors.service.asset)).toBe(vectors.service.address);
    for (const payload of [vectors.route.payload, vectors.route.revoked]) {
      const record = decodeRoutePayload(fromHex(payload), keys);
      expect(record).toMatchObject({ address: vectors.service.address, host: makePeer(1).local.peerId });
      expect(toHex(encodeRoutePayload(record))).toBe(payload);
    }
    const nonce = new Uint8Array(16).fill(7);
    const question = decodeRouteQuestion(fromHex(vectors.question));
    expect(isFor(question, FIXED)).toBe(true);
    expect(isFor(question, parseGlobalAddress('fd5e::2') ?? FIXED)).toBe(false);
    expect(toHex(encodeRouteQuestion(FIXED, nonce))).toBe(vectors.question);
    expect(toHex(encodeRouteQuestion(FIXED, nonce.with(0, 8)))).not.toBe(vectors.question);
    expect(decodeRouteReply(fromHex(vectors.reply))).toBeNull();
    expect(toHex(encodeRouteReply(null))).toBe(vectors.reply);
  });

  it('count only where two signatures hold and the keys hash to the address', async () => {
    const workers = createStoqWorkers();
    const payload = fromHex(vectors.route.payload);
    const signed = await makePeer(1).signer.sign('route', payload);
    expect((await openRoute(workers, signed)).record.address).toBe(vectors.service.address);
    const foreign = await makePeer(2).signer.sign('route', payload);
    await expect(openRoute(workers, foreign)).rejects.toMatchObject({
      code: 'ROUTE_MALFORMED',
      data: { verdict: 'reject' },
    });
    const wrongDomain = await makePeer(1).signer.sign('stoq-peer', payload);
    await expect(openRoute(workers, wrongDomain)).rejects.toThrow(RouteError);
    const flipped = new Uint8Array(signed);
    flipped[flipped.length - 100] = (flipped[flipped.length - 100] ?? 0) ^ 1;
    await expect(openRoute(workers, flipped)).rejects.toThrow(RouteError);
    await expect(openRoute(workers, new Uint8Array(9_000))).rejects.toThrow(RouteError);
  });

  it('refuse every field that is not as it must be', () => {
    const good = decodeCbor(fromHex(vectors.route.payload)) as Record<string, unknown>;
    const issuedAtMs = good['issuedAtMs'] as number;
    const bad: Record<string, unknown>[] = [
      { v: 2 },
      { address: new Uint8Array(16) },
      { asset: 'asset:service:x' },
      { asset: assetIdOf('service', { other: 1 }) },
      { services: [['tcp', 0]] },
      { services: [['sctp', 1]] },
      {
        services: [
          ['tcp', 1],
          ['tcp', 1],
        ],
      },
      { services: Array.from({ length: 17 }, (_, port) => ['tcp', port + 1]) },
      { revoked: true },
      { relays: 1 },
      { sequence: -1 },
      { expiresAtMs: issuedAtMs },
      { expiresAtMs: issuedAtMs + 86_400_001 },
      { more: 1 },
    ];
    for (const change of bad)
      expect(() => decodeRoutePayload(encodeCbor({ ...good, ...change }), keys), JSON.stringify(change)).toThrow(
        RouteError,
      );
    for (const read of [(bytes: Uint8Array) => decodeRoutePayload(bytes, keys), decodeRouteQuestion, decodeRouteReply])
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
          expect(['none', 'reject', 'ignore']).toContain(verdictOf(() => read(bytes)));
        }),
      );
  });

  it('count three hours around their time', () => {
    const clock = createManualClock();
    const nowMs = clock.nowMs();
    const HOUR_MS = 3_600_000;
    expect(isInTime({ issuedAtMs: nowMs + 2 * HOUR_MS, expiresAtMs: nowMs + 4 * HOUR_MS }, clock)).toBe(true);
    expect(isInTime({ issuedAtMs: nowMs + 4 * HOUR_MS, expiresAtMs: nowMs + 5 * HOUR_MS }, clock)).toBe(false);
    expect(isInTime({ issuedAtMs: nowMs - 9 * HOUR_MS, expiresAtMs: nowMs - 2 * HOUR_MS }, clock)).toBe(true);
    expect(isInTime({ issuedAtMs: nowMs - 9 * HOUR_MS, expiresAtMs: nowMs - 4 * HOUR_MS }, clock)).toBe(false);
  });
});

describe('datagrams in a stream', () => {
  it('come out as they went in, however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 50 }),
        async (payloads, size) => {
          const chunks: Uint8Array[] = [];
          const writer = createDatagramWriter(
            { write: async (bytes) => void chunks.push(new Uint8Array(bytes)) },
            { onError: () => undefined },
          );
          for (const payload of payloads) expect(writer.send(payload)).toBe(true);
          await new Promise((resolve) => setImmediate(resolve));
          const all = Buffer.concat(chunks);
          let place = 0;
          const got: Uint8Array[] = [];
          const read = async (): Promise<Uint8Array | null> =>
            place >= all.length ? null : all.subarray(place, (place += size));
          await readDatagrams({ read }, (payload) => void got.push(new Uint8Array(payload)));
          expect(got.map(toHex)).toEqual(payloads.map(toHex));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('are as the page has them, and dropped when too much waits', async () => {
    const chunks: Uint8Array[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const writer = createDatagramWriter(
      {
        write: (bytes) => {
          chunks.push(new Uint8Array(bytes));
          return promise;
        },
      },
      { onError: () => undefined },
    );
    for (const text of ['abc', '', 'x']) writer.send(Buffer.from(text));
    await new Promise((go) => setImmediate(go));
    expect(toHex(Buffer.concat(chunks))).toBe(vectors.datagrams);
    let kept = 0;
    while (writer.send(new Uint8Array(60_000))) kept += 1;
    expect(kept).toBe(4);
    expect(writer.send(new Uint8Array(65_536))).toBe(false);
    resolve();
  });
});

describe('targets', () => {
  it('are host and port, a port, or a path', () => {
    expect(parseTarget('8080', 'tcp')).toEqual({ kind: 'socket', host: 'localhost', port: 8080 });
    expect(parseTarget('53', 'udp')).toEqual({ kind: 'socket', host: '127.0.0.1', port: 53 });
    expect(parseTarget('[::1]:22', 'tcp')).toEqual({ kind: 'socket', host: '::1', port: 22 });
    expect(parseTarget('nas.local:445', 'tcp')).toEqual({ kind: 'socket', host: 'nas.local', port: 445 });
    expect(parseTarget('job:job-0123456789abcdef:80', 'tcp')).toEqual({
      kind: 'container',
      id: 'job-0123456789abcdef',
      port: 80,
    });
    expect(parseTarget('unix:/run/x.sock', 'http')).toEqual({ kind: 'unix', path: '/run/x.sock' });
    for (const [text, protocol] of [
      ['', 'tcp'],
      ['0', 'tcp'],
      ['65536', 'tcp'],
      ['host', 'tcp'],
      ['host:', 'tcp'],
      ['a b:1', 'tcp'],
      ['[::g]:1', 'tcp'],
      ['unix:relative', 'tcp'],
      [`unix:/${'x'.repeat(108)}`, 'tcp'],
      ['unix:/x', 'udp'],
      ['job:job-0123456789abcdef', 'tcp'],
      ['job:job-0123456789abcdef:0', 'tcp'],
      ['job:job-0123456789abcdef:80', 'udp'],
    ] as const)
      expect(() => parseTarget(text, protocol), text).toThrow(ProxyError);
  });
});
