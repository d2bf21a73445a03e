// One end of a carrier, for test/bench/stoq-throughput.ts. Talks to its parent in lines of JSON on stdin and stdout.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSystemOutside } from '../../../main/base/index.ts';
import type { Carrier, CarrierStream, Channel } from '../../../main/transport/stoq/carriers/interface.ts';
import { createQuicCarrier } from '../../../main/transport/stoq/carriers/quic/create-quic-carrier.ts';
import { createTlsCarrier } from '../../../main/transport/stoq/carriers/tls/create-tls-carrier.ts';
import type { Address } from '../../../main/transport/stoq/interface.ts';
import { createSilentLogger } from '../../support/silent-logger.ts';
import { percentile } from '../figure.ts';

const [role, tier] = process.argv.slice(2);
const components = { outside: createSystemOutside(), logger: createSilentLogger(), metrics: null };
const carrier: Carrier = tier === 'quic' ? createQuicCarrier(components) : createTlsCarrier(components);
const READ_BYTES = 256 * 1024;
const WRITE_BYTES = 256 * 1024;

const tell = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};
const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const memory = (): number => {
  globalThis.gc?.();
  return process.memoryUsage.rss();
};

/** Bytes that came in streams of the kind that is only read. */
let received = 0;
const channels: Channel[] = [];
const serveStream = async (stream: CarrierStream): Promise<void> => {
  const kind = (await stream.read(1))?.[0];
  if (kind === 0) {
    for (let bytes = await stream.read(READ_BYTES); bytes !== null; bytes = await stream.read(READ_BYTES))
      received += bytes.length;
  } else
    for (let bytes = await stream.read(4096); bytes !== null; bytes = await stream.read(4096))
      await stream.write(bytes);
  await stream.finish();
};
const serve = async (channel: Channel): Promise<void> => {
  channels.push(channel);
  for (let stream = await channel.acceptStream(); stream !== null; stream = await channel.acceptStream())
    void serveStream(stream).catch(() => undefined);
};

const dial = (address: Address): Promise<Channel> => carrier.dial(address, { signal: AbortSignal.timeout(10_000) });
const openOf = async (channel: Channel, kind: number): Promise<CarrierStream> => {
  const stream = await channel.openStream();
  await stream.write(Uint8Array.of(kind));
  return stream;
};

const commands: Record<string, (input: never) => Promise<unknown>> = {
  bulk: async ({ address, streams, seconds }: { address: Address; streams: number; seconds: number }) => {
    const channel = await dial(address);
    const bytes = new Uint8Array(WRITE_BYTES).fill(0x5a);
    let on = true;
    let sent = 0;
    const run = async (): Promise<void> => {
      const stream = await openOf(channel, 0);
      while (on) {
        await stream.write(bytes);
        sent += bytes.length;
      }
      await stream.finish();
      while ((await stream.read(1)) !== null);
    };
    const begin = performance.now();
    const runs = Array.from({ length: streams }, run);
    await sleep(seconds * 1000);
    on = false;
    await Promise.all(runs);
    const tookSeconds = (performance.now() - begin) / 1000;
    const stats = channel.stats();
    channel.abort();
    return { bytes: sent, seconds: tookSeconds, stats };
  },
  echo: async ({ address, count }: { address: Address; count: number }) => {
    const channel = await dial(address);
    const stream = await openOf(channel, 1);
    const bytes = new Uint8Array(64);
    const samples: number[] = [];
    for (let i = 0; i < count; i++) {
      const begin = performance.now();
      await stream.write(bytes);
      for (let got = 0; got < bytes.length; ) got += (await stream.read(64))?.length ?? 64;
      if (i >= count / 10) samples.push((performance.now() - begin) * 1000);
    }
    channel.abort();
    return { p50: percentile(samples, 0.5), p99: percentile(samples, 0.99) };
  },
  streams: async ({ address, seconds, lanes }: { address: Address; seconds: number; lanes: number }) => {
    const channel = await dial(address);
    const end = performance.now() + seconds * 1000;
    let count = 0;
    await Promise.all(
      Array.from({ length: lanes }, async () => {
        while (performance.now() < end) {
          const stream = await openOf(channel, 1);
          await stream.write(Uint8Array.of(1));
          await stream.finish();
          while ((await stream.read(64)) !== null);
          count += 1;
        }
      }),
    );
    channel.abort();
    return { perSecond: count / seconds };
  },
  dials: async ({ address, count }: { address: Address; count: number }) => {
    const samples: number[] = [];
    for (let i = 0; i < count; i++) {
      const begin = performance.now();
      channels.push(await dial(address));
      samples.push(performance.now() - begin);
    }
    await sleep(1_000);
    return { p50: percentile(samples, 0.5) };
  },
  state: async () => Promise.resolve({ received, cpuSeconds: cpuSeconds(), rss: memory(), channels: channels.length }),
};

if (role === 'listen') {
  const { address } = await carrier.listen(
    (tier === 'quic' ? '/ip6/::1/udp/0/quic-v1' : '/ip6/::1/tcp/0/tls') as Address,
    (channel) => void serve(channel),
  );
  tell({ address });
} else tell({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...input } = JSON.parse(line) as { command: string };
  if (command === 'stop') break;
  const run = commands[command];
  if (run === undefined) throw new Error(`unknown command ${command}`);
  try {
    tell(await run(input as never));
  } catch (error) {
    tell({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
process.exit(0);
