import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { type DerivedKeys, keyIdBytesOf, keyIdText, signRecord } from '../../../main/base/crypto/index.ts';
import { createSystemOutside, decodeCbor } from '../../../main/base/index.ts';
import type { Carrier } from '../../../main/transport/stoq/carriers/interface.ts';
import { createQuicCarrier } from '../../../main/transport/stoq/carriers/quic/create-quic-carrier.ts';
import { createTlsCarrier } from '../../../main/transport/stoq/carriers/tls/create-tls-carrier.ts';
import type { Address, Connection, PeerId } from '../../../main/transport/stoq/interface.ts';
import { createReachParts } from '../../../main/transport/stoq/reach/create-reach-parts.ts';
import { createSideSocket } from '../../../main/transport/stoq/reach/create-side-socket.ts';
import { RELAY_LIMITS } from '../../../main/transport/stoq/reach/relay-service.ts';
import { createLocalPeer } from '../../../main/transport/stoq/verifier.ts';
import { createSilentLogger } from '../silent-logger.ts';
import { createStoqWorkers, startTestNode } from '../stoq/test-node.ts';

// One node of a test in name spaces: file of its identity, port, `relay` or `plain`, ways to map ports (`-` for none). A line in, a line of JSON out.
const [file = '', port = '4001', role = 'plain', maps = '-'] = process.argv.slice(2);
const outside = createSystemOutside();
const kept: Parameters<typeof createSilentLogger>[0] = [];
const logger = createSilentLogger(kept);
const workers = createStoqWorkers();
const identity = decodeCbor(readFileSync(file)) as { certificate: Uint8Array; node: DerivedKeys['node'] };
const { public: publicKeys, secret } = identity.node;
const keyIdBytes = keyIdBytesOf(publicKeys);
const local = createLocalPeer(
  {
    keyId: keyIdText(keyIdBytes),
    keyIdBytes,
    keys: publicKeys,
    sign: (domain, payload) =>
      Promise.resolve(signRecord(publicKeys, secret, domain, payload, outside.random.bytes(48))),
  },
  identity.certificate,
);
const side = await createSideSocket(
  { outside, logger, metrics: null },
  { port: 0, backend: join(import.meta.dirname, '../../../main/transport/stoq/reach/side-worker.ts') },
);
const carriers: Carrier[] = [
  createQuicCarrier({ outside, logger, metrics: null }),
  createTlsCarrier({ outside, logger, metrics: null }),
];
const node = await startTestNode(
  { outside, workers, logger },
  { local, carriers, datagrams: side, relays: () => role === 'relay', idleMs: null },
);
const listening: string[] = [];
for (const host of ['/ip4/0.0.0.0', '/ip6/::'])
  for (const tail of [`/udp/${port}/quic-v1`, `/tcp/${port}/tls`])
    try {
      listening.push(await node.endpoint.listen((host + tail) as Address));
    } catch {
      // This host has no such family.
    }
let lies = 0;
const { reach, relay } = createReachParts(
  {
    outside,
    logger,
    metrics: null,
    endpoint: node.endpoint,
    side,
    carriers,
    punchedQuic: createQuicCarrier({ outside, logger, metrics: null }),
    onLie: () => {
      lies += 1;
    },
  },
  {
    settleMs: 200,
    relayLimits: () => (role === 'relay' ? { ...RELAY_LIMITS, bytesPerSecondMax: 2 ** 30 } : null),
    mapPorts:
      maps === '-'
        ? null
        : {
            protocols: maps.split(',') as ('pcp' | 'nat-pmp' | 'upnp')[],
            ports: () => [
              { protocol: 'udp', port: Number(port) },
              { protocol: 'tcp', port: Number(port) },
              { protocol: 'udp', port: side.port },
            ],
          },
  },
);
await reach.start();

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
// Takes all bytes of a stream and answers with their hash.
node.endpoint.handle(
  { name: '/test/hash/1', streamsMax: 8, opensPerTenSeconds: 64, bytesMax: null, deadlineMs: null },
  async (stream) => {
    const hash = createHash('sha256');
    for (let chunk = await stream.read(262_144); chunk !== null; chunk = await stream.read(262_144)) hash.update(chunk);
    await stream.write(hash.digest());
    await stream.finish();
  },
);
let datagrams = 0;
node.endpoint.handle(
  {
    name: '/test/datagram/1',
    streamsMax: 1,
    opensPerTenSeconds: 8,
    bytesMax: null,
    deadlineMs: null,
    datagramBytesPerSecondMax: 2 ** 20,
  },
  () => Promise.resolve(),
  () => {
    datagrams += 1;
  },
);

const describe = (connection: Connection | null): object => ({
  tier: connection?.path?.tier ?? null,
  paths: connection?.paths().map(({ tier, remoteAddress, direction }) => ({ tier, remoteAddress, direction })) ?? [],
});
const commands: Record<string, (words: readonly string[]) => Promise<object>> = {
  who: () =>
    Promise.resolve({
      peer: node.peerId,
      addresses: node.endpoint.addresses(),
      announced: reach.announced(),
      sidePort: side.port,
    }),
  connect: async ([peer = '', ...addresses]) =>
    describe(
      await node.endpoint.connect(
        { peer: peer as PeerId, addresses: addresses as Address[] },
        { signal: AbortSignal.timeout(20_000) },
      ),
    ),
  state: () => Promise.resolve(reach.state()),
  check: async () => reach.check(),
  paths: ([peer = '']) => Promise.resolve(describe(node.endpoint.connection(peer as PeerId))),
  send: async ([peer = '', bytes = '0']) => {
    const connection = node.endpoint.connection(peer as PeerId);
    if (connection === null) throw new Error('there is no connection');
    const data = outside.random.bytes(Number(bytes));
    const tier = connection.path?.tier;
    const stream = await connection.openStream('/test/hash/1');
    const beganMs = performance.now();
    for (let place = 0; place < data.length; place += 262_144)
      await stream.write(data.subarray(place, place + 262_144));
    await stream.finish();
    const answer = await stream.read();
    return {
      tier,
      right: answer !== null && hashOf(data) === Buffer.from(answer).toString('hex'),
      ms: performance.now() - beganMs,
    };
  },
  datagrams: async ([peer = '', count = '1']) => {
    const connection = node.endpoint.connection(peer as PeerId);
    for (let sent = 0; sent < Number(count); sent++) {
      connection?.sendDatagram('/test/datagram/1', new Uint8Array(100));
      await outside.clock.sleep(5);
    }
    return {};
  },
  received: () => Promise.resolve({ datagrams, lies, relay: relay.stats(), counts: side.counts() }),
  wake: () => {
    node.endpoint.wake();
    side.wake();
    return Promise.resolve({});
  },
  log: () =>
    Promise.resolve({ log: kept.splice(0).map(({ message, context }) => `${message} ${JSON.stringify(context)}`) }),
  stop: async () => {
    await reach.stop();
    await node.stop();
    await side.stop();
    return {};
  },
};
process.stdout.write(`${JSON.stringify({ peer: node.peerId, listening, addresses: node.endpoint.addresses() })}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  const [name = '', ...words] = line.split(' ');
  try {
    process.stdout.write(`${JSON.stringify(await commands[name]!(words))}\n`);
  } catch (error) {
    process.stdout.write(
      `${JSON.stringify({ error: (error as Error).message, code: (error as { code?: string }).code, data: (error as { data?: object }).data })}\n`,
    );
  }
  if (name === 'stop') break;
}
