// A node of the churn soak: holds its connections to the others, and sends them bytes that they must find unchanged.
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSystemOutside, createWorkerPool } from '../../../main/base/index.ts';
import { createQuicCarrier } from '../../../main/transport/stoq/carriers/quic/create-quic-carrier.ts';
import { createTlsCarrier } from '../../../main/transport/stoq/carriers/tls/create-tls-carrier.ts';
import type { Address, PeerId, Stream } from '../../../main/transport/stoq/interface.ts';
import { createSilentLogger } from '../silent-logger.ts';
import { makePeer } from '../stoq/make-peer.ts';
import { startTestNode } from '../stoq/test-node.ts';

const PROTOCOL = '/hypermesh/soak/1';
const HASH_BYTES = 32;
const LENGTH_MAX = 1024 * 1024;
const PAUSE_MS = 500;

const [number = 0, count = 3, basePort = 0] = process.argv.slice(2).map(Number);
const addressesOf = (one: number): Address[] => [
  `/ip6/::1/udp/${basePort + one}/quic-v1` as Address,
  `/ip6/::1/tcp/${basePort + one}/tls` as Address,
];
const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify({ atMs: Date.now(), ...line })}\n`);
};

const outside = createSystemOutside();
const logger = createSilentLogger();
const workers = createWorkerPool(
  { logger, metrics: null, clock: outside.clock },
  { workerPath: join(import.meta.dirname, '../../../main/worker.ts'), size: 1 },
);
const parts = { outside, logger, metrics: null };
const node = await startTestNode(
  { outside, workers },
  { local: makePeer(2000 + number).local, carriers: [createQuicCarrier(parts), createTlsCarrier(parts)] },
);
const { endpoint, book } = node;

const readAll = async (stream: Stream): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
};
const hashOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
endpoint.handle(
  { name: PROTOCOL, streamsMax: 8, opensPerTenSeconds: 1000, bytesMax: 2 * LENGTH_MAX, deadlineMs: 60_000 },
  async (stream) => {
    // The hash comes first: what follows it must be all of it, or the stream must have failed.
    const bytes = await readAll(stream);
    const right = hashOf(bytes.subarray(HASH_BYTES)).equals(bytes.subarray(0, HASH_BYTES));
    if (!right) say({ kind: 'wrong', bytes: bytes.length });
    await stream.write(Uint8Array.of(right ? 1 : 0));
    await stream.finish();
  },
);
endpoint.on('disconnected', ({ reason, detail }) => {
  say({ kind: 'disconnected', reason, detail });
});
endpoint.on('offended', ({ offence }) => {
  say({ kind: 'offended', offence });
});
for (const address of addressesOf(number)) await endpoint.listen(address);
say({ kind: 'listening' });

const send = async (to: number, peer: PeerId): Promise<void> => {
  const bytes = randomBytes(randomInt(1, LENGTH_MAX));
  const startMs = performance.now();
  const signal = AbortSignal.timeout(30_000);
  const connection =
    endpoint.connection(peer) ?? (await endpoint.connect({ peer, addresses: addressesOf(to) }, { signal }));
  const stream = await connection.openStream(PROTOCOL, { signal });
  const [answer] = await Promise.all([
    readAll(stream),
    (async () => {
      await stream.write(hashOf(bytes));
      await stream.write(bytes);
      await stream.finish();
    })(),
  ]);
  if (answer.length !== 1 || answer[0] !== 1) say({ kind: 'wrong', bytes: bytes.length });
  else say({ kind: 'sent', to, bytes: bytes.length, ms: Math.round(performance.now() - startMs) });
};
for (let other = 0; other < count; other++) {
  if (other === number) continue;
  const to = other;
  const { peerId } = makePeer(2000 + to).local;
  book.learn(peerId, addressesOf(to), 'owner');
  book.setTrusted(peerId, true);
  void (async () => {
    for (;;) {
      try {
        await send(to, peerId);
      } catch (error) {
        const { code, message } = error as { code?: string; message: string };
        say({ kind: 'failed', to, code: code ?? message });
        await sleep(100);
      }
      await sleep(PAUSE_MS);
    }
  })();
}
