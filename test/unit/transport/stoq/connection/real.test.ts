import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as nodeModule from 'node:module';
import { afterEach, describe, expect, it } from 'vitest';
import { createSystemOutside, sha256 } from '../../../../../main/base/index.ts';
import { createQuicCarrier } from '../../../../../main/transport/stoq/carriers/quic/create-quic-carrier.ts';
import { createTlsCarrier } from '../../../../../main/transport/stoq/carriers/tls/create-tls-carrier.ts';
import { createEndpoint } from '../../../../../main/transport/stoq/connection/create-endpoint.ts';
import { request, respond } from '../../../../../main/transport/stoq/connection/messages.ts';
import { createHandshaker } from '../../../../../main/transport/stoq/handshake/create-handshaker.ts';
import type { Address, EndpointControl } from '../../../../../main/transport/stoq/interface.ts';
import { createPeerBook } from '../../../../../main/transport/stoq/standing/peer-book.ts';
import { createRateGate } from '../../../../../main/transport/stoq/standing/rate-gate.ts';
import { createSelfMadeVerifier } from '../../../../../main/transport/stoq/verifier.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createInlineWorkers } from '../../../../support/stoq/inline-workers.ts';
import { makePeer } from '../../../../support/stoq/make-peer.ts';
import { ECHO, echo, LIMITS, readAll } from './fixture.ts';

const ROOM = join(import.meta.dirname, '../../../../../main/transport/stoq');
const outside = createSystemOutside();
const logger = createSilentLogger();
const workers = createInlineWorkers({
  rooms: { stoq: async () => (await import('../../../../../main/transport/stoq/tasks.ts')).stoqTasks },
});

const started: EndpointControl[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((endpoint) => endpoint.stop()));
});
const start = async (seed: number, tiers: readonly ('quic' | 'tls')[]) => {
  const { local } = makePeer(seed);
  const endpoint = createEndpoint(
    {
      outside,
      logger,
      metrics: null,
      local,
      handshaker: createHandshaker(
        { outside, logger, workers, metrics: null },
        { local, verifier: createSelfMadeVerifier({ workers }), memberships: () => [], open: () => true },
      ),
      carriers: [
        createQuicCarrier({ outside, logger, metrics: null }),
        createTlsCarrier({ outside, logger, metrics: null }),
      ],
      book: createPeerBook({ outside, logger, store: null }),
      gate: createRateGate({ clock: outside.clock }),
      datagrams: null,
    },
    { limits: LIMITS, agent: 'test/1', keepsPeers: false },
  );
  await endpoint.start();
  started.push(endpoint);
  const addresses: Address[] = [];
  for (const tier of tiers)
    addresses.push(
      await endpoint.listen((tier === 'quic' ? '/ip6/::1/udp/0/quic-v1' : '/ip6/::1/tcp/0/tls') as Address),
    );
  return { endpoint, addresses, peerId: local.peerId };
};

describe('endpoints over real carriers', () => {
  it.each(['quic', 'tls'] as const)('exchange 8 MB and requests over %s on loopback', async (tier) => {
    const [a, b] = [await start(1, []), await start(2, [tier])];
    b.endpoint.handle({ ...ECHO, bytesMax: null }, echo);
    b.endpoint.handle({ ...ECHO, name: '/test/hash/1' }, (stream) => respond(stream, {}, sha256));
    const connection = await a.endpoint.connect({ peer: b.peerId, addresses: b.addresses });
    expect(connection.path?.tier).toBe(tier);
    const data = createSeededRandom(1).bytes(1 << 20);
    const stream = await connection.openStream(ECHO.name);
    const [back] = await Promise.all([
      readAll(stream),
      (async () => {
        for (let count = 0; count < 8; count++) await stream.write(data);
        await stream.finish();
        await stream.acknowledged();
      })(),
    ]);
    expect(back.length).toBe(8 << 20);
    expect(sha256(back.subarray(7 << 20))).toEqual(sha256(data));
    const question = Uint8Array.of(1, 2, 3);
    expect(new Uint8Array(await request(connection, '/test/hash/1', question))).toEqual(
      new Uint8Array(sha256(question)),
    );
    expect(await connection.ping()).toBeLessThan(5_000);
    const other = b.endpoint.connection(a.peerId);
    expect(other?.exportKey('test')).toEqual(connection.exportKey('test'));
    const ended = new Promise((resolve) => other?.on('closed', ({ reason }) => resolve(reason)));
    await connection.close();
    expect(await ended).toBe('done');
  });

  it('take QUIC before TLS, and TLS where nothing answers by QUIC', async () => {
    const [a, b] = [await start(1, []), await start(2, ['quic', 'tls'])];
    const first = await a.endpoint.connect({ peer: b.peerId, addresses: b.addresses.toReversed() });
    expect(first.path?.tier).toBe('quic');
    await first.close();
    const silent = '/ip6/::1/udp/9/quic-v1' as Address;
    const c = await start(3, []);
    const second = await c.endpoint.connect({ peer: b.peerId, addresses: [silent, b.addresses[1] as Address] });
    expect(second.path?.tier).toBe('tls');
  });
});

describe('README.md of the room', () => {
  it('has an example that runs', async () => {
    const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(ROOM, 'README.md'), 'utf8')) ?? [];
    const names: Record<string, unknown> = { logger, workers, limits: LIMITS };
    for (const [index, name] of ['alice', 'bob'].entries()) names[name] = makePeer(index + 1).local;
    const imports = [...code.matchAll(/^import \{([^}]*)\} from '([^']*)';$/gm)];
    expect(imports.length).toBeGreaterThan(3);
    for (const [, list = '', from = ''] of imports) {
      const room = (await import(join(dirname(join(ROOM, 'README.md')), from))) as Record<string, unknown>;
      for (const name of list.split(',').map((one) => one.trim()))
        if (!name.startsWith('type ')) names[name] = room[name];
    }
    const body = nodeModule.stripTypeScriptTypes(
      `(async () => {${code.replaceAll(/^import .*$/gm, '')}; return answer; })()`,
    );
    // oxlint-disable-next-line typescript/no-implied-eval -- it is our own text, and running it is the point
    const run = new Function(...Object.keys(names), `return ${body}`) as (...values: unknown[]) => Promise<string>;
    expect(await run(...Object.values(names))).toBe('HELLO');
  });
});
