import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  type Clock,
  decodeCbor,
  Emitter,
  encodeCbor,
  type JobId,
  newJobId,
  type Random,
  type Store,
} from '../../main/base/index.ts';
import type { KeyId } from '../../main/base/crypto/index.ts';
import { keyIdBytesOf, keyIdText } from '../../main/base/crypto/index.ts';
import {
  LeaseError,
  type LeaseId,
  leaseIdOf,
  type Leases,
  type LeaseProvider,
  type Link,
  type LentLease,
  type ProvidedLease,
} from '../../main/kernel/leases/index.ts';
import type { ContentExchange, ContentGate, ContentStore } from '../../main/kernel/runtime/content/interface.ts';
import type { JobPipe, WorkEntry, WorkFolder } from '../../main/kernel/runtime/drivers/interface.ts';
import { type JobOrigin, OWN_ORIGIN } from '../../main/kernel/runtime/interface.ts';
import { ImageError } from '../../main/kernel/runtime/images/index.ts';
import type { Images, ImageManifest } from '../../main/kernel/runtime/images/interface.ts';
import { type Runtime, RuntimeError, type RuntimeEvents } from '../../main/kernel/runtime/index.ts';
import { createWorkCopier } from '../../main/kernel/runtime/moving/index.ts';
import { createRemoteJobs, type RemoteJobs } from '../../main/kernel/runtime/remote/index.ts';
import { inputHashOf, inputOf, resultHashOf } from '../../main/kernel/runtime/results/index.ts';
import type { PeerId } from '../../main/transport/stoq/index.ts';
import type {
  JobEnd,
  JobFile,
  JobSpec,
  JobView,
  LeaseView,
  OfferView,
  QueueState,
} from '../../preload/contract/index.ts';
import { createLinkNet, type LinkNet } from './leases/fake-links.ts';
import { createMemoryStore } from './memory-store.ts';
import { createSeededRandom } from './seeded-random.ts';
import { createSilentLogger } from './silent-logger.ts';
import { createPipe } from './stoq/pipe.ts';
import { asStream } from './stoq/streams.ts';
import { makePeer, type TestPeer } from './stoq/make-peer.ts';
import { createSimulationClock, type SimulationClock } from './stoq/simulation-clock.ts';

const hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const sha256Of = hex;

/** A work folder in memory. */
export interface MemoryFolder extends WorkFolder {
  readonly files: Map<string, { bytes: Buffer; executable: boolean; version: number }>;
}
export const createMemoryFolder = (): MemoryFolder => {
  const files: MemoryFolder['files'] = new Map();
  const folders = new Set<string>();
  let version = 0;
  return {
    files,
    list: () =>
      Promise.resolve([
        ...[...folders].map((path): WorkEntry => ({ path, kind: 'folder', bytes: 0, executable: false, version: '0' })),
        ...[...files].map(
          ([path, { bytes, executable, version: v }]): WorkEntry => ({
            path,
            kind: 'file',
            bytes: bytes.length,
            executable,
            version: `${v}`,
          }),
        ),
      ]),
    read: (path, offset, bytesMax) =>
      Promise.resolve(new Uint8Array((files.get(path)?.bytes ?? Buffer.alloc(0)).subarray(offset, offset + bytesMax))),
    write: (path, offset, bytes) => {
      const before = files.get(path) ?? { bytes: Buffer.alloc(0), executable: false, version: 0 };
      const whole = Buffer.alloc(Math.max(before.bytes.length, offset + bytes.length));
      before.bytes.copy(whole);
      whole.set(bytes, offset);
      files.set(path, { ...before, bytes: whole, version: ++version });
      return Promise.resolve();
    },
    truncate: (path, bytes, executable) => {
      const whole = Buffer.alloc(bytes);
      files.get(path)?.bytes.copy(whole, 0, 0, bytes);
      files.set(path, { bytes: whole, executable, version: ++version });
      return Promise.resolve();
    },
    makeFolder: (path) => {
      folders.add(path);
      return Promise.resolve();
    },
    remove: (path) => {
      files.delete(path);
      folders.delete(path);
      return Promise.resolve();
    },
  };
};

/** A job of the test's runtime: it does what the test tells it. */
export interface PretendedJob {
  readonly id: JobId;
  readonly spec: JobSpec;
  readonly origin: JobOrigin;
  view: JobView;
  readonly work: MemoryFolder;
  readonly output: { stream: 'stdout' | 'stderr'; data: Buffer }[];
  part: number;
  limits: number[];
  held: boolean;
}
/** A runtime that keeps jobs in memory and does no work: containers survive its node, sandboxes do not. */
export interface PretendedRuntime extends Runtime {
  readonly jobs: Map<JobId, PretendedJob>;
  write(id: JobId, text: string): void;
  end(id: JobId, end: JobEnd, outputs?: readonly JobFile[]): void;
  notify(id: JobId, reason: string): void;
  /** As when the node goes down: what does not survive is gone. */
  crash(): void;
  /** What its results are signed with; another one is a lie. */
  signer: KeyId;
  /** Gives other results than are right. */
  lies: boolean;
  refuse: Error | null;
  /** What answers at the ports of jobs. */
  onConnect: ((pipe: JobPipe) => void) | null;
}
const NOTHING: JobView['measured'] = {
  cpuMs: 1,
  cpuPercentMean: null,
  cpuPercentNow: null,
  throttledPercentNow: null,
  memoryBytesNow: null,
  memoryBytesPeak: 1024,
  pids: null,
  readBytes: null,
  writtenBytes: null,
  sentBytes: 0,
  receivedBytes: 0,
  outputBytes: 0,
  startMs: null,
};
const unknown = (id: string): RuntimeError =>
  new RuntimeError({ code: 'JOB_UNKNOWN', id }, 'There is no such job here.');

export const createPretendedRuntime = (clock: Clock, random: Random, signer: KeyId): PretendedRuntime => {
  const jobs = new Map<JobId, PretendedJob>();
  const events = new Emitter<RuntimeEvents>();
  let mode: QueueState['mode'] = 'open';
  const notices = new Set<(notice: { id: JobId; reason: string; noticeMs: number }) => void>();
  const known = (id: JobId): PretendedJob => {
    const job = jobs.get(id);
    if (job === undefined) throw unknown(id);
    return job;
  };
  const change = (job: PretendedJob, next: Partial<JobView>): JobView => {
    job.view = { ...job.view, ...next };
    events.emit('jobChanged', job.view);
    return job.view;
  };
  const ended = ({ view }: PretendedJob): boolean => view.state === 'ended';
  const runtime: PretendedRuntime = {
    jobs,
    signer,
    lies: false,
    refuse: null,
    onConnect: null,
    on: (name, listener) => events.on(name, listener),
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    submit: (spec, { origin = OWN_ORIGIN, held = false } = {}) => {
      if (runtime.refuse !== null) return Promise.reject(runtime.refuse);
      const id = newJobId(random);
      const view: JobView = {
        id,
        name: spec.name,
        kind: spec.kind,
        side: origin.side,
        peerId: origin.peerId,
        peerName: '',
        lease: origin.lease,
        moduleBytes: 0,
        moduleSha256: '',
        image: '',
        args: spec.args,
        state: held ? 'starting' : 'running',
        stateReason: '',
        priority: spec.priority,
        queuePosition: null,
        estimate: null,
        createdAtMs: clock.nowMs(),
        startedAtMs: clock.nowMs(),
        endedAtMs: null,
        end: null,
        restartsDone: 0,
        restartsMax: 0,
        health: 'none',
        promised: {
          cpuPercent: spec.cpuPercent ?? 100,
          memoryBytes: spec.memoryBytes,
          timeMsMax: spec.timeMsMax,
          outputBytesMax: spec.outputBytesMax,
          scratchBytesMax: spec.scratchBytesMax,
          pidsMax: null,
        },
        effectiveCpuPercent: spec.cpuPercent ?? 100,
        governor: 'none',
        network: 'none',
        ports: [],
        measured: NOTHING,
        outputs: [],
        moves: [],
        copies: null,
      };
      jobs.set(id, { id, spec, origin, view, work: createMemoryFolder(), output: [], part: 1, limits: [], held });
      return Promise.resolve(view);
    },
    list: () => Promise.resolve([...jobs.values()].map(({ view }) => view)),
    get: (id) => Promise.resolve().then(() => known(id).view),
    cancel: (id) =>
      Promise.resolve().then(() => {
        const job = known(id);
        if (!ended(job)) runtime.end(id, { why: 'cancelled' });
        return job.view;
      }),
    remove: (id) =>
      Promise.resolve().then(() => {
        known(id);
        jobs.delete(id);
      }),
    output: (id, offset) =>
      Promise.resolve().then(() => {
        const job = known(id);
        let at = 0;
        const chunks = job.output.flatMap(({ stream, data }) => {
          const start = at;
          at += data.length;
          if (at <= offset) return [];
          const skipped = Math.max(0, offset - start);
          return [{ id, stream, offset: start + skipped, data: data.subarray(skipped).toString('base64') }];
        });
        return { chunks, nextOffset: at, ended: ended(job) };
      }),
    connect: (id, port) =>
      Promise.resolve().then(() => {
        known(id);
        if (runtime.onConnect === null) throw new RuntimeError({ code: 'PORT_CLOSED', port }, 'Nothing listens there.');
        const [near, far] = createPipe();
        runtime.onConnect(asStream(far, 'in'));
        return asStream(near, 'out');
      }),
    get running() {
      return [...jobs.values()].filter((job) => !ended(job)).length;
    },
    endAll: () => Promise.resolve(0),
    idle: () => Promise.resolve(),
    queue: () => ({ mode }) as QueueState,
    setQueue: ({ mode: next = mode }) => {
      mode = next;
      events.emit('queueChanged', null);
      return Promise.resolve({ mode } as QueueState);
    },
    languages: () => [],
    spec: (id) => Promise.resolve().then(() => known(id).spec),
    limit: (id, part) => {
      const job = jobs.get(id);
      if (job === undefined || ended(job)) return;
      job.part = part;
      job.limits.push(part);
    },
    result: (id) =>
      Promise.resolve().then(() => {
        const { spec, view, output } = known(id);
        if (view.end?.why !== 'exited') throw new RuntimeError({ code: 'NO_RESULT', id }, 'There is none.');
        const stdout = Buffer.concat(output.flatMap(({ stream, data }) => (stream === 'stdout' ? [data] : [])));
        const stdoutSha256 = createHash('sha256').update(stdout).digest();
        const program = spec.kind === 'container' ? spec.image : hex(Buffer.from(spec.module, 'base64'));
        const result = {
          job: id,
          input: inputHashOf(inputOf(spec, program)),
          end: view.end,
          result: resultHashOf({ end: view.end, stdoutSha256, outputs: view.outputs }),
          stdoutSha256,
          stderrSha256: stdoutSha256,
          outputs: view.outputs,
          cpuMs: null,
          memoryBytesPeak: null,
          startedAtMs: 0,
          endedAtMs: 0,
          lease: view.lease,
        };
        return { fileName: 'x', bytes: encodeCbor({ signer: runtime.signer, result }) };
      }),
    work: (id) => Promise.resolve().then(() => known(id).work),
    begin: (id) =>
      Promise.resolve().then(() => {
        const job = known(id);
        job.held = false;
        return change(job, { state: 'running' });
      }),
    handOver: (id, to) =>
      Promise.resolve().then(() => {
        const job = known(id);
        if (!ended(job)) runtime.end(id, { why: 'moved', to, message: '' });
        return { work: job.work, stoppedAtMs: clock.nowMs() };
      }),
    forgetMoved: () => Promise.resolve(),
    inSystem: () => Promise.resolve([...jobs.keys()]),
    note: (id, { moves }) =>
      Promise.resolve().then(() => {
        const job = known(id);
        if (moves !== undefined) change(job, { moves: [...job.view.moves, moves] });
      }),
    drain: () => Promise.resolve({ asked: 0, stayed: 0 }),
    onNotice: (listener) => {
      notices.add(listener);
      return () => notices.delete(listener);
    },
    write: (id, text) => {
      const job = known(id);
      const data = Buffer.from(runtime.lies ? `${text}?` : text);
      job.output.push({ stream: 'stdout', data });
      const outputBytes = job.view.measured.outputBytes + data.length;
      change(job, { measured: { ...job.view.measured, outputBytes } });
      events.emit('outputWritten', { id, stream: 'stdout', offset: 0, data: '' });
    },
    end: (id, end, outputs = []) => {
      change(known(id), { state: 'ended', end, endedAtMs: clock.nowMs(), outputs: [...outputs] });
    },
    notify: (id, reason) => {
      for (const listener of notices) listener({ id, reason, noticeMs: 30_000 });
    },
    crash: () => {
      for (const job of jobs.values())
        if (!ended(job) && job.spec.kind !== 'container') runtime.end(job.id, { why: 'lost', message: 'gone' });
    },
  };
  return runtime;
};

/** Content in memory. Kept over restarts of its node, as files are. */
export interface MemoryContent extends ContentStore {
  readonly files: Map<string, Uint8Array>;
  readonly holds: Map<string, Set<string>>;
}
const createMemoryContent = (): MemoryContent => {
  const files = new Map<string, Uint8Array>();
  const holds = new Map<string, Set<string>>();
  const missing = (sha256: string): Error => new Error(`no content ${sha256}`);
  return {
    files,
    holds,
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    put: async (source) => {
      const parts: Uint8Array[] = [];
      for await (const part of source) parts.push(part);
      const bytes = Buffer.concat(parts);
      files.set(hex(bytes), bytes);
      return { sha256: hex(bytes), bytes: bytes.length };
    },
    begin: () => Promise.reject(new Error('not part of this')),
    sizeOf: (sha256) => Promise.resolve(files.get(sha256)?.length ?? null),
    open: (sha256) =>
      Promise.resolve().then(() => {
        const bytes = files.get(sha256);
        if (bytes === undefined) throw missing(sha256);
        return Readable.from([Buffer.from(bytes)]);
      }),
    diskPath: () => Promise.reject(new Error('not part of this')),
    hold: (holder, hashes) => {
      holds.set(holder, new Set([...(holds.get(holder) ?? []), ...hashes]));
      return Promise.resolve();
    },
    release: (holder) => {
      holds.delete(holder);
      return Promise.resolve();
    },
    discard: (holder) => {
      const held = holds.get(holder) ?? [];
      holds.delete(holder);
      for (const sha256 of held) if (![...holds.values()].some((one) => one.has(sha256))) files.delete(sha256);
      return Promise.resolve();
    },
    holdsOf: (holder) => [...(holds.get(holder) ?? [])],
    holders: () => [...holds.keys()],
    remove: (sha256) => {
      files.delete(sha256);
      return Promise.resolve();
    },
    usage: () => ({ bytes: 0, bytesMax: 0, files: files.size }),
    upload: () => Promise.reject(new Error('not part of this')),
  };
};

export interface RemoteNode {
  readonly name: string;
  readonly peer: TestPeer;
  readonly peerId: PeerId;
  readonly store: Store;
  readonly runtime: PretendedRuntime;
  readonly content: MemoryContent;
  readonly offences: { peer: string; offence: string; detail: string }[];
  jobs: RemoteJobs;
  /** Images of its engine, by name. */
  readonly images: Map<string, ImageManifest>;
  /** Whose images that are not of its list it lets in, and ids that are. */
  brings: { others: 'all' | 'own' | 'refused'; own: PeerId[]; listed: string[] };
  /** What it lends, by kind; 0 and absent: nothing. */
  lends: Partial<Record<'container' | 'cpu', number>>;
  /** As `kill -9`: nothing that it has begun goes on. */
  crash(): void;
  restart(): Promise<void>;
  /** Crashes at the n-th effect from now on; see `effects`. */
  crashAt(effects: number): void;
  readonly effects: string[];
  readonly isDown: boolean;
}
/** A lease of the world: real providers run behind it, and nothing is signed. */
export interface WorldLease {
  view: LeaseView;
  readonly lent: LentLease;
  readonly lender: string;
  readonly borrower: string;
  provided: ProvidedLease | null;
}
export interface RemoteWorld {
  readonly clock: SimulationClock;
  readonly net: LinkNet;
  readonly leases: Map<string, WorldLease>;
  node(name: string): Promise<RemoteNode>;
  endLease(id: string, reason: string): Promise<void>;
  stop(): Promise<void>;
}
const never = (): Promise<never> => new Promise(() => undefined);
const notRunning = (): LeaseError => new LeaseError({ code: 'NOT_RUNNING' }, 'This lease does not run.');

const imagesOf = (node: RemoteNode): Images =>
  ({
    export: (name: string) => {
      const found = node.images.get(name);
      const missing = new ImageError({ code: 'IMAGE_MISSING', image: name, why: 'unknown' }, 'It is not here.');
      return found === undefined ? Promise.reject(missing) : Promise.resolve(found);
    },
    import: (manifest: ImageManifest) => {
      node.images.set(manifest.id, manifest);
      return Promise.resolve({ id: manifest.id });
    },
    ensure: (id: string) =>
      node.brings.listed.includes(id)
        ? Promise.resolve({ id })
        : Promise.reject(
            new ImageError(
              { code: 'IMAGE_REFUSED', image: id, reason: 'policy', verdict: 'ignore' },
              'The owner of this node does not allow the image.',
            ),
          ),
  }) as unknown as Images;

/** Nodes with rows, links and providers of their own in virtual time; leases are granted by the world at once. */
export const createRemoteWorld = (): RemoteWorld => {
  let writing = 0;
  const clock = createSimulationClock({ isBusy: () => writing > 0 });
  const net = createLinkNet();
  const leases: RemoteWorld['leases'] = new Map();
  const nodes = new Map<string, RemoteNode>();
  const changed = new Map<string, Emitter<{ leaseChanged: LeaseView; offersChanged: never[] }>>();
  const providers = new Map<string, readonly LeaseProvider[]>();
  const gates = new Map<string, Set<ContentGate>>();
  const random = createSeededRandom(77);
  const byPeer = (peer: string): RemoteNode | undefined => [...nodes.values()].find(({ peerId }) => peerId === peer);
  const emit = (lease: WorldLease): void => {
    for (const [name, side] of [[lease.lender, 'lent'] as const, [lease.borrower, 'borrowed'] as const])
      changed.get(name)?.emit('leaseChanged', { ...lease.view, side });
  };
  const startAt = async (lease: WorldLease): Promise<void> => {
    const provider = providers.get(lease.lender)?.find(({ kind }) => kind === lease.lent.resource);
    if (provider === undefined) throw new Error('nobody provides it');
    lease.provided = await provider.start(lease.lent);
    lease.provided.setEffective(lease.lent.amount);
  };
  const endLease = async (id: string, reason: string): Promise<void> => {
    const lease = leases.get(id);
    if (lease === undefined || lease.view.state !== 'running') return;
    lease.view = { ...lease.view, state: 'ending', reason };
    await lease.provided?.stop(reason);
    lease.view = { ...lease.view, state: 'ended' };
    emit(lease);
  };

  const leasesOf = (node: RemoteNode, links: Leases['links']): Leases => {
    const own = (id: string): WorldLease => {
      const lease = leases.get(id);
      if (lease === undefined) throw new LeaseError({ code: 'LEASE_UNKNOWN', lease: id }, 'There is no such lease.');
      return lease;
    };
    const viewAt = (lease: WorldLease): LeaseView => ({
      ...lease.view,
      side: lease.lender === node.name ? 'lent' : 'borrowed',
    });
    return {
      links,
      on: (name: 'leaseChanged', listener: (view: LeaseView) => void) => changed.get(node.name)?.on(name, listener),
      search: ({ kind, amountMin }: { kind: 'container' | 'cpu'; amountMin: number }) => {
        const offers = [...nodes.values()].flatMap((other): OfferView[] => {
          const amountMax = other.lends[kind] ?? 0;
          if (other === node || other.isDown || amountMax < amountMin || amountMax === 0) return [];
          return [
            {
              id: hex(Buffer.from(`${other.name} ${kind}`)),
              peerId: other.peerId,
              peerName: other.name,
              amountMax,
              minutesMax: 600,
            } as unknown as OfferView,
          ];
        });
        return Promise.resolve({ offers, asked: 1, silent: 0 });
      },
      request: async ({ offer, amount, purpose, route, priceMicroMax }: Parameters<Leases['request']>[0]) => {
        await Promise.resolve();
        const kind = (['container', 'cpu'] as const).find((one) =>
          [...nodes.values()].some(({ name }) => hex(Buffer.from(`${name} ${one}`)) === offer),
        );
        const lender = [...nodes.values()].find(({ name }) => hex(Buffer.from(`${name} ${kind}`)) === offer);
        if (kind === undefined || lender === undefined || lender.isDown)
          throw new LeaseError({ code: 'OFFER_UNKNOWN', offer }, 'Nobody offers it.');
        const id = leaseIdOf(random.bytes(16));
        const anonymous = route === 'anonymous';
        const lease: WorldLease = {
          view: {
            id,
            state: 'running',
            resource: kind,
            amount,
            purpose,
            priceMicroMax,
            peerId: lender.peerId,
            peerName: lender.name,
            route,
            reason: '',
            code: null,
          } as unknown as LeaseView,
          lent: {
            id,
            resource: kind,
            amount,
            endsAtMs: 0,
            borrower: node.peer.local.keyId,
            anonymous,
          } as LentLease,
          lender: lender.name,
          borrower: node.name,
          provided: null,
        };
        leases.set(id, lease);
        await startAt(lease);
        return viewAt(lease);
      },
      settled: (id: LeaseId) => Promise.resolve().then(() => viewAt(own(id))),
      list: ({ side, after }: { side: string; after: string | null }) =>
        Promise.resolve(
          after !== null
            ? []
            : [...leases.values()]
                .filter(
                  (lease) => lease.view.state === 'running' && (side !== 'borrowed' || lease.borrower === node.name),
                )
                .map(viewAt),
        ),
      find: (text: string) => Promise.resolve(text as LeaseId),
      get: (id: LeaseId) => Promise.resolve().then(() => viewAt(own(id))),
      end: async (id: LeaseId, reason: string) => {
        await endLease(id, reason);
        return viewAt(own(id));
      },
      borrowed: (id: LeaseId) => {
        const lease = own(id);
        if (lease.view.state !== 'running' || lease.borrower !== node.name) throw notRunning();
        const lender = nodes.get(lease.lender) as RemoteNode;
        return {
          id,
          view: viewAt(lease),
          lender: { peerId: lender.peerId, keys: lender.peer.keys.node.public },
          link: () => links.open({ peer: lender.peerId, route: 'direct' }),
        };
      },
      authorize: (link: Link, id: LeaseId) => {
        const lease = own(id);
        const isBorrower = link.party.kind === 'peer' && link.party.keyId === lease.lent.borrower;
        if (lease.view.state !== 'running' || lease.lender !== node.name || !isBorrower) throw notRunning();
        return lease.lent;
      },
    } as unknown as Leases;
  };

  const createNode = async (name: string): Promise<RemoteNode> => {
    const number = nodes.size + 1;
    const peer = makePeer(9000 + number);
    const store = await createMemoryStore(clock);
    const content = createMemoryContent();
    const signer = keyIdText(keyIdBytesOf(peer.keys.node.public));
    const runtime = createPretendedRuntime(clock, createSeededRandom(number * 31), signer);
    let life = { dead: false };
    let starts = 0;
    let crashIn = Number.POSITIVE_INFINITY;
    const effects: string[] = [];
    changed.set(name, new Emitter());

    const effect = async (what: string, alive: { dead: boolean }): Promise<void> => {
      if (alive.dead) return await never();
      effects.push(what);
      crashIn -= 1;
      if (crashIn > 0) return;
      node.crash();
      await never();
    };
    const storeOf = (alive: { dead: boolean }): Store => {
      const counted = async <T>(work: () => Promise<T>): Promise<T> => {
        writing += 1;
        try {
          return await work();
        } finally {
          writing -= 1;
        }
      };
      const read = async <T>(work: () => Promise<T>): Promise<T> => (alive.dead ? await never() : await counted(work));
      const write = async <T>(query: string, work: () => Promise<T>): Promise<T> => {
        await effect(`before ${query}`, alive);
        const done = await counted(work);
        await effect(`after ${query}`, alive);
        return done;
      };
      return {
        all: (query, sql, params) => read(() => store.all(query, sql, params)),
        get: (query, sql, params) => read(() => store.get(query, sql, params)),
        run: (query, sql, params) => write(query, () => store.run(query, sql, params)),
        transaction: (query, statements) => write(query, () => store.transaction(query, statements)),
        sizeBytes: () => store.sizeBytes(),
        close: () => Promise.resolve(),
      };
    };
    const clockOf = (alive: { dead: boolean }): Clock => ({
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      sleep: async (ms, signal) => {
        await clock.sleep(ms, signal);
        if (alive.dead) await never();
      },
      every: (ms, tick) => clock.every(ms, () => alive.dead || tick()),
      after: (ms, fire) => clock.after(ms, () => alive.dead || fire()),
    });
    const exchangeOf = (alive: { dead: boolean }): ContentExchange => ({
      addGate: (gate) => {
        const own = gates.get(name) ?? new Set();
        gates.set(name, own.add(gate));
        return () => own.delete(gate);
      },
      bring: async (link, scope, refs) => {
        await effect('before bring', alive);
        const other = link.party.kind === 'peer' ? byPeer(link.party.peerId) : undefined;
        if (other === undefined || other.isDown) throw new Error('nobody is there');
        const back = await net.node(other.name, other.peer.local).open({ peer: node.peerId, route: 'direct' });
        for (const { sha256 } of refs) {
          const bytes = other.content.files.get(sha256);
          const may = [...(gates.get(other.name) ?? [])].some((gate) => gate.mayRead(back, scope, sha256));
          if (bytes === undefined || !may) throw new Error(`${scope} has no ${sha256} for ${name}`);
          content.files.set(sha256, bytes);
        }
        await effect('after bring', alive);
      },
      send: async (link, scope, hashes) => {
        await effect('before send', alive);
        const other = link.party.kind === 'peer' ? byPeer(link.party.peerId) : undefined;
        if (other === undefined || other.isDown) throw new Error('nobody is there');
        const back = await net.node(other.name, other.peer.local).open({ peer: node.peerId, route: 'direct' });
        for (const sha256 of hashes) {
          const bytes = content.files.get(sha256) as Uint8Array;
          const room = Math.max(
            0,
            ...[...(gates.get(other.name) ?? [])].map((gate) => gate.mayWrite(back, scope, sha256)),
          );
          if (bytes.length > room) throw new Error(`${scope} takes no ${sha256} from ${name}`);
          other.content.files.set(sha256, bytes);
        }
        await effect('after send', alive);
        return { savedBytes: 0 };
      },
    });
    const begin = async (): Promise<void> => {
      const alive = { dead: false };
      life = alive;
      starts += 1;
      gates.set(name, new Set());
      net.up(name);
      const links = net.node(name, { peerId: peer.local.peerId, keyId: peer.local.keyId });
      node.jobs = createRemoteJobs({
        outside: { clock: clockOf(alive), random: createSeededRandom(number * 1000 + starts) },
        logger: createSilentLogger(),
        metrics: null,
        store: storeOf(alive),
        workers: {
          run: <I, O>(_task: string, input: I): Promise<O> =>
            Promise.resolve().then(() => {
              const { signer: by, result } = decodeCbor(input as Uint8Array) as { signer: string; result: unknown };
              return { ok: true, signer: by, result } as O;
            }),
          size: 1,
          close: () => Promise.resolve(),
        },
        leases: leasesOf(node, links),
        links,
        runtime,
        content,
        exchange: exchangeOf(alive),
        images: imagesOf(node),
        mayBring: (who) => {
          const { others, own } = node.brings;
          return Promise.resolve(others === 'all' || (others === 'own' && who !== null && own.includes(who)));
        },
        createWorkCopier,
        ready: () => true,
        network: () => null,
        offend: (who, offence, detail) => void node.offences.push({ peer: who, offence, detail }),
      });
      providers.set(name, node.jobs.providers);
      // Leases that were lent go on, or end, as the engine has it.
      for (const lease of leases.values())
        if (lease.lender === name && lease.view.state === 'running') {
          lease.provided = null;
          if (lease.lent.resource === 'container') await startAt(lease);
          else await endLease(lease.lent.id, 'The lender was started again.');
        }
      await node.jobs.start();
    };
    const node: RemoteNode = {
      name,
      peer,
      peerId: peer.local.peerId,
      store,
      runtime,
      content,
      offences: [],
      images: new Map(),
      brings: { others: 'all', own: [], listed: [] },
      jobs: undefined as never,
      lends: {},
      effects,
      crash: () => {
        life.dead = true;
        crashIn = Number.POSITIVE_INFINITY;
        net.down(name);
        runtime.crash();
      },
      restart: async () => {
        if (!life.dead) node.crash();
        await clock.drive(begin());
      },
      crashAt: (count) => {
        effects.length = 0;
        crashIn = count;
      },
      get isDown() {
        return life.dead;
      },
    };
    nodes.set(name, node);
    await clock.drive(begin());
    return node;
  };
  return {
    clock,
    net,
    leases,
    node: createNode,
    endLease,
    stop: async () => {
      for (const node of nodes.values()) {
        if (!node.isDown) await clock.drive(node.jobs.stop());
        await node.store.close();
      }
    },
  };
};
