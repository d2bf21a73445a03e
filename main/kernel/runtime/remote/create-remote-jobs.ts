import {
  Emitter,
  type JobId,
  type Logger,
  messageOf,
  type MetricsRegistry,
  newJobId,
  type Outside,
  parseJobId,
  type Store,
  type WorkerPool,
} from '../../../base/index.ts';
import type { JobSend, JobSpec, JobView } from '../../../../preload/contract/index.ts';
import type { PeerId } from '../../../transport/stoq/index.ts';
import type { Leases, LentLease, Links } from '../../leases/index.ts';
import type { ContentExchange, ContentStore } from '../content/interface.ts';
import type { JobNetwork } from '../drivers/interface.ts';
import type { Images } from '../images/interface.ts';
import type { Runtime } from '../interface.ts';
import type { CreateWorkCopier } from '../moving/interface.ts';
import { EVENT_MS_MIN, ORDER_OUTPUT_BYTES_MAX, ORDERS_LIVE_MAX } from './constants.ts';
import { storeBase64 } from './content-text.ts';
import { jobUnknown, notRunning, RemoteJobError } from './errors.ts';
import { copiesOf } from './copies.ts';
import type { RemoteJobs, RemoteJobsEvents } from './interface.ts';
import { createJobLender } from './job-lender.ts';
import { createLentRows } from './lent-rows.ts';
import { createRemoteJobMetrics } from './metrics.ts';
import { createOrder, type Order } from './order.ts';
import { newFacts, type OrderFacts, ORDER_HOLDER, orderHolderOf, viewOf } from './order-facts.ts';
import type { OrderParts } from './order-parts.ts';
import { createOrderRows } from './order-rows.ts';
import { createSeatTaker } from './seats.ts';
import { sentSpecOf } from './sent-spec.ts';

export interface RemoteJobsComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  store: Store;
  workers: WorkerPool;
  leases: Leases;
  links: Links;
  runtime: Runtime;
  content: ContentStore;
  exchange: ContentExchange;
  /** Null: this node runs no containers. */
  images: Images | null;
  createWorkCopier: CreateWorkCopier;
  /** Whether this node can run such jobs now: what it offers of them is 0 otherwise. */
  ready: (kind: 'container' | 'cpu') => boolean;
  /** Whether the owner lets a borrower bring images that are not of the list; null: one of whom no more is known. */
  mayBring: (peer: PeerId | null) => Promise<boolean>;
  /** Way out of the jobs of a lease, by its terms; null: none. */
  network: (lease: LentLease) => JobNetwork | null;
  /** What is held against a peer that ran a job wrongly. */
  offend: (peer: PeerId, offence: 'badRecord' | 'wrongResult', detail: string) => void;
}

/** Largest module that is taken; the runtime looks at what it is. */
const MODULE_BYTES_MAX = 32 * 1024 * 1024;
const STDIN_BYTES_MAX = 1024 * 1024;

/** Jobs of this owner elsewhere, and of others here. Started after the runtime and the leases, stopped before them. */
export const createRemoteJobs = (components: RemoteJobsComponents): RemoteJobs => {
  const { outside, store, leases, runtime, content, exchange } = components;
  const { clock, random } = outside;
  const logger = components.logger.child('remote-jobs');
  const metrics = createRemoteJobMetrics(components.metrics);
  const emitter = new Emitter<RemoteJobsEvents>();
  const rows = createOrderRows(store);
  const orders = new Map<JobId, Order>();
  /** Events that wait: a job is told once a second at most. */
  const telling = new Map<JobId, { atMs: number; cancel: (() => void) | null }>();
  const lender = createJobLender({
    ...components,
    logger: components.logger,
    metrics,
    rows: createLentRows(store),
  });
  /** By group: who looks for a place last. */
  const turns = new Map<string, Promise<void>>();
  let outputBytes = 0;
  let cleaning: Promise<void> = Promise.resolve();
  let removeGate = (): void => undefined;
  let running = false;

  const groupOf = (group: NonNullable<OrderFacts['group']>): Order[] =>
    group.jobs.flatMap((id) => orders.get(id) ?? []);
  const view = (order: Order): JobView =>
    viewOf(order.id, order.facts, order.outputBytes, copiesOf(order.facts.group, orders));
  const tell = (order: Order): void => {
    if (orders.get(order.id) !== order) return;
    const nowMs = clock.monotonicMs();
    const told = telling.get(order.id);
    if (told?.cancel != null) return;
    const emit = (): void => {
      telling.set(order.id, { atMs: clock.monotonicMs(), cancel: null });
      if (orders.get(order.id) === order) emitter.emit('jobChanged', view(order));
    };
    const waitMs = told === undefined ? 0 : told.atMs + EVENT_MS_MIN - nowMs;
    if (waitMs <= 0 || order.facts.endedAtMs !== null) emit();
    else telling.set(order.id, { atMs: nowMs, cancel: clock.after(waitMs, emit) });
  };
  const live = (): number => [...orders.values()].filter(({ facts }) => facts.step !== 'ended').length;
  /** Results that differ from what others found are held against whoever gave them, once. */
  const judge = (order: Order): void => {
    const { group } = order.facts;
    if (group === null || order.facts.step !== 'closing') return;
    const verdict = copiesOf(group, orders);
    for (const other of groupOf(group)) if (other !== order) tell(other);
    if (verdict?.verdict !== 'agreed') return;
    for (const id of verdict.wrong) {
      const peer = orders.get(id as JobId)?.facts.seat?.peerId;
      if (peer === undefined || judged.has(id)) continue;
      judged.add(id);
      metrics?.wrongResults.inc();
      components.offend(peer, 'wrongResult', `another result of ${id} than ${group.quorum} others gave`);
    }
  };
  const judged = new Set<string>();
  const parts: OrderParts = {
    ...components,
    logger,
    metrics,
    rows,
    seats: createSeatTaker(leases),
    offend: (peer, detail) => components.offend(peer, 'badRecord', detail),
  };

  const open = (id: JobId, facts: OrderFacts, bytes: number): Order => {
    const order: Order = createOrder(parts, {
      id,
      facts,
      outputBytes: bytes,
      others: () =>
        new Set(
          facts.group === null
            ? []
            : groupOf(facts.group).flatMap((other) =>
                other === order ? [] : [other.facts.seat, other.facts.move?.seat].flatMap((seat) => seat?.peerId ?? []),
              ),
        ),
      inTurn: (work) => {
        const { group } = facts;
        if (group === null) return work();
        const mine = (turns.get(group.id) ?? Promise.resolve()).then(work);
        turns.set(
          group.id,
          mine.catch(() => undefined),
        );
        return mine;
      },
      changed: () => {
        tell(order);
        judge(order);
        metrics?.live.set(live(), { side: 'sent' });
      },
      wrote: (chunk, more) => {
        outputBytes += more;
        emitter.emit('outputWritten', chunk);
      },
    });
    orders.set(id, order);
    return order;
  };
  const run = (order: Order): void => {
    order.run();
    void order.done.then(() => {
      if (!running) return;
      cleaning = cleaning.then(clean).catch((error: unknown) => {
        logger.warn('Old jobs could not be removed', { error: messageOf(error) });
      });
    });
  };
  const forget = async (id: JobId): Promise<void> => {
    const order = orders.get(id);
    orders.delete(id);
    telling.get(id)?.cancel?.();
    telling.delete(id);
    judged.delete(id);
    turns.delete(id);
    outputBytes -= order?.outputBytes ?? 0;
    await rows.remove([id]);
    await content.release(orderHolderOf(id));
    emitter.emit('jobRemoved', { id });
  };
  /** Keeps the number of those that ended, and their output, within bounds. */
  const clean = async (): Promise<void> => {
    for (const id of await rows.surplus()) await forget(id);
    while (outputBytes > ORDER_OUTPUT_BYTES_MAX) {
      const oldest = await rows.oldestWithOutput();
      if (oldest === null) break;
      await forget(oldest);
    }
  };
  const known = (id: JobId): Order => {
    const order = orders.get(id);
    if (order === undefined) throw jobUnknown(id);
    return order;
  };
  const checkRoom = (more: number): void => {
    if (live() + more > ORDERS_LIVE_MAX)
      throw new RemoteJobError(
        { code: 'TOO_MANY_JOBS', limit: ORDERS_LIVE_MAX },
        `${ORDERS_LIVE_MAX} jobs on other nodes have not ended; wait for one to end or cancel one.`,
      );
  };
  const checkFiles = async ({ files }: JobSpec): Promise<void> => {
    for (const { path, sha256, bytes } of files)
      if ((await content.sizeOf(sha256)) !== bytes)
        throw new RemoteJobError(
          { code: 'CONTENT_MISSING', sha256 },
          `The content of ${path} is not here; upload it with \`hypermesh content add\` and try again.`,
        );
  };
  const begin = async (request: JobSend, given: Pick<OrderFacts, 'from'>): Promise<Order[]> => {
    const { spec, to, minutes, priceMicroMax, route, copies, quorum } = request;
    checkRoom(copies);
    await checkFiles(spec);
    const module = spec.kind === 'container' ? null : await storeBase64(content, spec.module, MODULE_BYTES_MAX);
    const stdin = await storeBase64(content, spec.stdin, STDIN_BYTES_MAX);
    const ids = Array.from({ length: copies }, () => newJobId(random));
    const [first] = ids;
    const group = copies === 1 || first === undefined ? null : { id: first, jobs: ids, quorum };
    const createdAtMs = clock.nowMs();
    const facts = newFacts({
      spec: sentSpecOf(spec),
      module,
      stdin,
      to,
      minutes,
      priceMicroMax,
      route,
      group,
      createdAtMs,
      ...given,
    });
    const refs = [module, stdin, ...spec.files].flatMap((ref) => ref?.sha256 ?? []);
    for (const id of ids) if (refs.length > 0) await content.hold(orderHolderOf(id), refs);
    await rows.insert(ids.map((id) => ({ id, facts })));
    const made = ids.map((id) => open(id, facts, 0));
    for (const order of made) {
      run(order);
      tell(order);
    }
    return made;
  };
  const removeContent = async (): Promise<void> => {
    for (const holder of content.holders()) {
      const id = holder.startsWith(ORDER_HOLDER) ? parseJobId(holder.slice(ORDER_HOLDER.length)) : null;
      if (id !== null && !orders.has(id)) await content.release(holder);
    }
  };

  return {
    on: (name, listener) => emitter.on(name, listener),
    providers: lender.providers,
    send: async (request) => (await begin(request, { from: null })).map(view),
    list: async () => await Promise.resolve([...orders.values()].map(view).reverse()),
    get: async (id) => {
      const order = orders.get(id);
      return await Promise.resolve(order === undefined ? null : view(order));
    },
    cancel: async (id) => {
      const order = known(id);
      await order.cancel();
      return view(order);
    },
    remove: async (id) => {
      const { facts } = known(id);
      if (facts.step !== 'ended')
        throw new RemoteJobError({ code: 'JOB_RUNNING', job: id }, 'The job has not ended; cancel it first.');
      await forget(id);
    },
    output: async (id, offset) => {
      const order = known(id);
      const { chunks, nextOffset } = await rows.output(id, offset);
      return { chunks, nextOffset, ended: order.facts.endedAtMs !== null && nextOffset >= order.outputBytes };
    },
    result: async (id) => {
      if (!orders.has(id)) return await runtime.result(id);
      if (known(id).facts.endedAtMs === null)
        throw new RemoteJobError({ code: 'JOB_RUNNING', job: id }, 'The job has not ended; its result comes then.');
      const bytes = await rows.result(id);
      if (bytes === null)
        throw new RemoteJobError(
          { code: 'NO_RESULT', job: id },
          'There is no signed result of this job: it did not end by itself, or its node gave none that holds.',
        );
      return { fileName: `${id}.hmresult`, bytes };
    },
    move: async (id, to) => {
      const order = orders.get(id);
      if (order !== undefined) {
        await order.mover.begin(to);
        return view(order);
      }
      const own = await runtime.get(id);
      if (own.kind !== 'container' || own.side !== 'own' || to === 'home')
        throw new RemoteJobError(
          { code: 'NOT_MOVABLE', job: id },
          'Only jobs of your own that run in containers move to other nodes; others are started there again.',
        );
      if (own.state !== 'running' && own.state !== 'frozen') throw notRunning(id);
      const minutes = Math.max(1, Math.ceil(own.promised.timeMsMax / 60_000));
      const [made] = await begin(
        { spec: await runtime.spec(id), to, copies: 1, quorum: 1, minutes, priceMicroMax: '0', route: 'direct' },
        { from: id },
      );
      if (made === undefined) throw jobUnknown(id);
      return view(made);
    },
    connect: async (id, port) => {
      const order = orders.get(id);
      if (order === undefined) return await runtime.connect(id, port);
      const far = order.far();
      if (order.facts.step !== 'running' || far === null) throw notRunning(id);
      return await far.connect(port);
    },
    start: async () => {
      running = true;
      removeGate = exchange.addGate({
        // What goes into a job its lender may have, and nobody else.
        mayRead: (link, scope, sha256) => {
          const order = scope.startsWith('job:') ? orders.get(scope.slice('job:'.length) as JobId) : undefined;
          if (order === undefined || link.party.kind !== 'peer') return false;
          const { seat, move, module, stdin, image, spec } = order.facts;
          const isLender = [seat, move?.seat].some((one) => one?.peerId === (link.party as { peerId?: PeerId }).peerId);
          const refs = [module, stdin, image?.config, ...(image?.layers ?? []), ...spec.files];
          return isLender && refs.some((ref) => ref?.sha256 === sha256);
        },
        mayWrite: () => 0,
      });
      await lender.start();
      const { orders: kept, unread } = await rows.load();
      if (unread > 0)
        logger.error('Jobs elsewhere in the database cannot be read and are left as they are', { unread });
      for (const { id, facts, outputBytes: bytes } of kept) open(id, facts, bytes);
      outputBytes = await rows.outputBytes();
      for (const order of orders.values()) if (order.facts.step !== 'ended') run(order);
      await removeContent();
    },
    stop: async () => {
      running = false;
      removeGate();
      await Promise.all(
        [...orders.values()].filter(({ facts }) => facts.step !== 'ended').map((order) => order.stop()),
      );
      for (const { cancel } of telling.values()) cancel?.();
      await cleaning;
      await lender.stop();
      orders.clear();
    },
  };
};
