import { createSecretKey } from 'node:crypto';
import { createSystemOutside, type Outside } from '../../main/base/index.ts';
import { createLinks } from '../../main/kernel/leases/create-links.ts';
import type { LeaseId, LentLease, Link, Links, ProvidedLease } from '../../main/kernel/leases/index.ts';
import { createMemoryClient, type MemoryClient } from '../../main/kernel/proxy/memory/client.ts';
import { createFarMemory, type MirroredMemory } from '../../main/kernel/proxy/memory/create-far-memory.ts';
import { MemoryError, outOfRange } from '../../main/kernel/proxy/memory/errors.ts';
import { createPageTable, type PageTable } from '../../main/kernel/proxy/memory/page-table.ts';
import { createMemoryProvider, type MemoryProvider } from '../../main/kernel/proxy/memory/provider.ts';
import { createMemoryNetwork } from '../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import type { MemoryNetwork } from '../../main/transport/stoq/carriers/memory/interface.ts';
import { createTlsCarrier } from '../../main/transport/stoq/carriers/tls/create-tls-carrier.ts';
import type { Address } from '../../main/transport/stoq/interface.ts';
import { createSilentLogger } from './silent-logger.ts';
import { makePeer } from './stoq/make-peer.ts';
import { createStoqWorkers, startTestNode, type TestNode } from './stoq/test-node.ts';

export const leaseOf = (number: number): LeaseId => `lease-${number.toString(16).padStart(32, '0')}` as LeaseId;

/** Memory of a lender without a wire: for laws over many operations, and for lenders that lie. */
export interface LocalLender extends MemoryClient {
  readonly bytes: Uint8Array;
  /** What every operation waits for or fails with. @default nothing */
  before: ((operation: 'read' | 'write' | 'swap', offset: number) => Promise<void> | void) | null;
  /** Called once a write was done, before its answer. */
  after: ((offset: number) => Promise<void> | void) | null;
}
export const createLocalLender = (sizeBytes: number): LocalLender => {
  const bytes = new Uint8Array(sizeBytes);
  const check = (offset: number, length: number): void => {
    if (offset < 0 || offset + length > sizeBytes) throw outOfRange(offset, length, sizeBytes);
  };
  const lender: LocalLender = {
    bytes,
    before: null,
    after: null,
    open: () => Promise.resolve(sizeBytes),
    read: async (offset, length) => {
      check(offset, length);
      await lender.before?.('read', offset);
      return bytes.slice(offset, offset + length);
    },
    write: async (offset, given) => {
      check(offset, given.length);
      await lender.before?.('write', offset);
      bytes.set(given, offset);
      await lender.after?.(offset);
    },
    swap: async (offset, expected, replacement) => {
      check(offset, expected.length);
      await lender.before?.('swap', offset);
      const found = bytes.slice(offset, offset + expected.length);
      const swapped = Buffer.from(found).equals(expected);
      if (swapped) bytes.set(replacement, offset);
      return { swapped, found };
    },
    close: () => undefined,
  };
  return lender;
};
export const away = (): MemoryError => new MemoryError({ code: 'LENDER_AWAY', waitedMs: 1 }, 'away');

/** Sealed memory over any lender, as a borrower of one run has it. */
export const createTestMemory = (
  client: MemoryClient,
  init: { pages: number; pageBytes?: number; table?: PageTable; cacheBytes?: number; outside?: Outside },
): MirroredMemory & { table: PageTable } => {
  const { pages, pageBytes = 4096, cacheBytes = 0 } = init;
  const table = init.table ?? createPageTable({ pages, base: 0, recovering: false, rows: new Map() });
  const memory = createFarMemory(
    { outside: init.outside ?? createSystemOutside(), logger: createSilentLogger(), metrics: null, client },
    { key: createSecretKey(new Uint8Array(32).fill(7)), table, pageBytes, cacheBytes },
  );
  return Object.assign(memory, { table });
};
/** Bytes that so many sealed pages take at the lender. */
export const sealedBytes = (pages: number, pageBytes = 4096): number => pages * (pageBytes + 24);

/** Nodes with real keys and streams on a network in memory; whoever is granted a lease by `lend` may use it, and nobody else. */
export interface MemoryWorld {
  readonly outside: Outside;
  readonly network: MemoryNetwork;
  readonly nodes: readonly WorldNode[];
  stop(): Promise<void>;
}
export interface WorldNode {
  readonly name: string;
  readonly stoq: TestNode;
  readonly links: Links;
  readonly provider: MemoryProvider;
  /** Lends memory to another node. */
  lend(to: WorldNode, lease: LeaseId, amount: number): Promise<ProvidedLease>;
  linkTo(other: WorldNode, options?: { signal?: AbortSignal }): Promise<Link>;
  clientOf(other: WorldNode, lease: LeaseId, deadlineMs?: number): MemoryClient;
}

/** @param tier - `tls` takes real sockets of this machine, which carry much more in the same time */
export const createMemoryWorld = async (count: number, tier: 'memory' | 'tls' = 'memory'): Promise<MemoryWorld> => {
  const outside = createSystemOutside();
  const network = createMemoryNetwork({ outside });
  const workers = createStoqWorkers();
  const logger = createSilentLogger();
  const addresses = new Map<string, Address>();
  const nodes: WorldNode[] = [];
  for (let i = 0; i < count; i++) {
    const name = `node${i}`;
    const carrier = tier === 'tls' ? createTlsCarrier({ outside, logger, metrics: null }) : network.carrier(name);
    const stoq = await startTestNode({ outside, workers }, { local: makePeer(500 + i).local, carriers: [carrier] });
    const listen = tier === 'tls' ? '/ip6/::1/tcp/0/tls' : `/memory/${name}`;
    addresses.set(name, await stoq.endpoint.listen(listen as Address));
    const links = createLinks({ mesh: stoq.endpoint });
    const granted = new Map<LeaseId, { to: WorldNode; lease: LentLease }>();
    const provider = createMemoryProvider({
      outside,
      logger,
      metrics: null,
      links,
      leases: {
        authorize: (link, id) => {
          const grant = granted.get(id);
          if (grant === undefined || link.party.kind !== 'peer' || link.party.peerId !== grant.to.stoq.peerId)
            throw new MemoryError({ code: 'LEASE_OVER', refusal: 'no such lease' }, 'no such lease');
          return grant.lease;
        },
      },
    });
    const node: WorldNode = {
      name,
      stoq,
      links,
      provider,
      lend: async (to, id, amount) => {
        const lease = {
          id,
          resource: 'memory',
          amount,
          endsAtMs: 0,
          anonymous: false,
        } as Partial<LentLease> as LentLease;
        const provided = await provider.start(lease);
        granted.set(id, { to, lease });
        return {
          ...provided,
          stop: async (reason) => {
            granted.delete(id);
            await provided.stop(reason);
          },
        };
      },
      linkTo: async (other, options = {}) => {
        await stoq.endpoint.connect(
          { peer: other.stoq.peerId, addresses: [addresses.get(other.name) as Address] },
          options.signal === undefined ? {} : { signal: options.signal },
        );
        return links.open({ peer: other.stoq.peerId, route: 'direct' }, options);
      },
      clientOf: (other, lease, deadlineMs) =>
        createMemoryClient(
          { outside, logger, metrics: null, openLink: (options) => node.linkTo(other, options) },
          { lease, ...(deadlineMs !== undefined && { deadlineMs }) },
        ),
    };
    nodes.push(node);
  }
  return {
    outside,
    network,
    nodes,
    stop: async () => {
      for (const { provider } of nodes) await provider.close();
      for (const { stoq } of nodes) await stoq.stop();
    },
  };
};
