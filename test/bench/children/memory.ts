// One end of far memory, or a client of what it is compared with, for test/bench/memory.ts. Talks in lines of JSON on stdin and stdout.
import { createSecretKey } from 'node:crypto';
import { createInterface } from 'node:readline';
import { createSystemOutside } from '../../../main/base/index.ts';
import { createLinks } from '../../../main/kernel/leases/create-links.ts';
import type { LeaseId, LentLease } from '../../../main/kernel/leases/index.ts';
import { createMemoryClient } from '../../../main/kernel/proxy/memory/client.ts';
import { createBareMemory, createFarMemory } from '../../../main/kernel/proxy/memory/create-far-memory.ts';
import { createPageTable } from '../../../main/kernel/proxy/memory/page-table.ts';
import { createMemoryProvider } from '../../../main/kernel/proxy/memory/provider.ts';
import { createFarStore } from '../../../main/kernel/proxy/memory/store/far-store.ts';
import type { FarMemory } from '../../../main/kernel/proxy/interface.ts';
import { createQuicCarrier } from '../../../main/transport/stoq/carriers/quic/create-quic-carrier.ts';
import { createTlsCarrier } from '../../../main/transport/stoq/carriers/tls/create-tls-carrier.ts';
import type { Address, PeerId } from '../../../main/transport/stoq/interface.ts';
import { createSilentLogger } from '../../support/silent-logger.ts';
import { makePeer } from '../../support/stoq/make-peer.ts';
import { createStoqWorkers, startTestNode } from '../../support/stoq/test-node.ts';
import { percentile } from '../figure.ts';
import { connectKeyValue, type KeyValue } from './key-value.ts';

const [role, tier] = process.argv.slice(2);
const outside = createSystemOutside();
const logger = createSilentLogger();
const components = { outside, logger, metrics: null };
const LEASE = 'lease-00000000000000000000000000000001' as LeaseId;
/** Keys in turn, so many or as many as these bytes hold. */
const KEYS = 64;
const KEYS_MIN = 8;
const KEYS_BYTES = 2 ** 20;
const CHECK_BYTES = 4 * 2 ** 20;
/** However long they take. */
const SAMPLES_MIN = 5;

const tell = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};
const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
/** A timer that is due every ms; what it is late by is a turn that somebody took. */
const turns = { ms: 0, cpuMs: 0 };
let turnMs = performance.now();
let turnCpu = process.threadCpuUsage();
setInterval(() => {
  const cpu = process.threadCpuUsage();
  const nowMs = performance.now();
  turns.ms = Math.max(turns.ms, nowMs - turnMs);
  turns.cpuMs = Math.max(turns.cpuMs, (cpu.user + cpu.system - turnCpu.user - turnCpu.system) / 1000);
  turnMs = nowMs;
  turnCpu = cpu;
}, 1);

const node = await startTestNode(
  { outside, workers: createStoqWorkers(), logger },
  {
    local: makePeer(role === 'lend' ? 901 : 902).local,
    carriers: [tier === 'quic' ? createQuicCarrier(components) : createTlsCarrier(components)],
  },
);
const links = createLinks({ mesh: node.endpoint });

let memory: FarMemory | null = null;
let targets: KeyValue | null = null;
const open = async (where: { address: Address; peer: PeerId; bytes: number }, kind: string): Promise<KeyValue> => {
  const client = createMemoryClient(
    {
      ...components,
      openLink: async () => {
        await node.endpoint.connect({ peer: where.peer, addresses: [where.address] });
        return links.open({ peer: where.peer, route: 'direct' });
      },
    },
    { lease: LEASE },
  );
  const pageBytes = Number(/\d+$/.exec(kind)?.[0] ?? 8192);
  const sealed = kind.includes('sealed');
  const pages = Math.floor(where.bytes / (pageBytes + (sealed ? 24 : 0)));
  const far = sealed
    ? createFarMemory(
        { ...components, client },
        {
          key: createSecretKey(new Uint8Array(32).fill(5)),
          table: createPageTable({ pages, base: 0, recovering: false, rows: new Map() }),
          pageBytes,
          cacheBytes: 0,
        },
      )
    : createBareMemory(client, pages * pageBytes, pageBytes);
  memory = far;
  if (kind.startsWith('store')) {
    const store = await createFarStore({ outside, memory: far, metrics: null }, { cacheBytes: 0 });
    return {
      set: (key, value) => store.set(key, value),
      get: (key) => store.readFar(key),
      close: () => void far.close(),
    };
  }
  // Places of 2 MiB: each key begins at a page, as callers who know pages place things.
  const offsetOf = (key: string): number => Number(key.slice(4)) * 2 ** 21;
  const lengths = new Map<string, number>();
  return {
    set: (key, value) => {
      lengths.set(key, value.length);
      return far.write(offsetOf(key), value);
    },
    get: (key) => far.read(offsetOf(key), lengths.get(key) ?? 0),
    close: () => void far.close(),
  };
};

const commands: Record<string, (input: never) => Promise<unknown>> = {
  lend: async ({ bytes }: { bytes: number }) => {
    const lease = { id: LEASE, resource: 'memory', amount: bytes } as Partial<LentLease> as LentLease;
    const provider = createMemoryProvider({ ...components, links, leases: { authorize: () => lease } });
    const began = performance.now();
    await provider.start(lease);
    return { tookMs: performance.now() - began };
  },
  open: async ({ kind, ...where }: { kind: string; address: Address; peer: PeerId; bytes: number; port: number }) => {
    targets =
      kind === 'redis' || kind === 'memcached' ? await connectKeyValue(kind, where.port) : await open(where, kind);
    return {};
  },
  close: async () => {
    targets?.close();
    targets = null;
    return Promise.resolve({});
  },
  /** Operations one after the other, then so many at once, each for so many ms at most. */
  measure: async ({ size, lanes, ms, operation }: { size: number; lanes: number; ms: number; operation: string }) => {
    const target = targets as KeyValue;
    const value = outside.random.bytes(size);
    const keys = Math.max(KEYS_MIN, Math.min(KEYS, KEYS_BYTES / size));
    const run = async (i: number): Promise<void> => {
      if (operation === 'write') await target.set(`key:${i % keys}`, value);
      else if ((await target.get(`key:${i % keys}`))?.length !== size) throw new Error('a value has another length');
    };
    for (let i = 0; i < keys; i++) await target.set(`key:${i}`, value);
    const cpuBefore = cpuSeconds();
    const samples: number[] = [];
    for (const until = performance.now() + ms; performance.now() < until || samples.length < SAMPLES_MIN; ) {
      const began = performance.now();
      await run(samples.length);
      samples.push((performance.now() - began) * 1000);
    }
    const began = performance.now();
    let next = 0;
    await Promise.all(
      Array.from({ length: lanes }, async () => {
        while (performance.now() < began + ms || next < lanes) await run(next++);
      }),
    );
    const seconds = (performance.now() - began) / 1000;
    const back = (await target.get('key:1')) ?? new Uint8Array(0);
    if (Buffer.compare(back, value) !== 0) throw new Error('other bytes came back than were written');
    return {
      p50: percentile(samples, 0.5),
      p99: percentile(samples, 0.99),
      perSecond: next / seconds,
      operations: samples.length + next,
      cpuSeconds: cpuSeconds() - cpuBefore,
    };
  },
  /** Writes all of it, reads it back and compares every byte. Tells on stderr how far it is. */
  whole: async ({ bytes }: { bytes: number }) => {
    const far = memory as FarMemory;
    const block = outside.random.bytes(CHECK_BYTES);
    const stamped = (at: number): Uint8Array => {
      const bytesHere = Buffer.from(block.subarray(0, Math.min(CHECK_BYTES, bytes - at)));
      for (let i = 0; i + 8 <= bytesHere.length; i += 4096) bytesHere.writeDoubleBE(at + i, i);
      return bytesHere;
    };
    const inParts = async (what: string, work: (at: number) => Promise<void>): Promise<number> => {
      const began = performance.now();
      let next = 0;
      let told = 0;
      await Promise.all(
        Array.from({ length: 3 }, async () => {
          while (next < bytes) {
            const at = next;
            next += CHECK_BYTES;
            await work(at);
            const quarter = Math.floor((4 * at) / bytes);
            if (quarter > told) process.stderr.write(`  ${(told = quarter) * 25} % of ${bytes} bytes ${what}\n`);
          }
        }),
      );
      return (performance.now() - began) / 1000;
    };
    const writeSeconds = await inParts('written', (at) => far.write(at, stamped(at)));
    let wrong = 0;
    const readSeconds = await inParts('read back and compared', async (at) => {
      const wanted = stamped(at);
      if (Buffer.compare(await far.read(at, wanted.length), wanted) !== 0) wrong += 1;
    });
    return { writeSeconds, readSeconds, wrong };
  },
  /** Longest turn of the main thread since it was asked last: as others feel it, and what of it this process has used. */
  longest: async () => {
    const longest = { ms: turns.ms, cpuMs: turns.cpuMs };
    turns.ms = 0;
    turns.cpuMs = 0;
    return Promise.resolve(longest);
  },
  cpu: async () => Promise.resolve({ cpuSeconds: cpuSeconds() }),
};

if (role === 'lend') {
  const address = await node.endpoint.listen(
    (tier === 'quic' ? '/ip6/::1/udp/0/quic-v1' : '/ip6/::1/tcp/0/tls') as Address,
  );
  tell({ address, peer: node.peerId });
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
