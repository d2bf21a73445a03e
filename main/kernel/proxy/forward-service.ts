import {
  Emitter,
  type EventSource,
  isNodeError,
  messageOf,
  type Logger,
  type Outside,
  type Startable,
} from '../../base/index.ts';
import { readMessage, type Stream, writeMessage } from '../../transport/stoq/index.ts';
import type { GlobalAddress, Link, Links } from '../leases/index.ts';
import {
  FORWARD_CONNECTIONS_MAX,
  FORWARD_CONNECTIONS_PER_ROW_MAX,
  FORWARD_DIALS_MAX,
  FORWARD_MESSAGE_BYTES_MAX,
  FORWARD_OPENING_MS,
  FORWARD_OPENS_PER_TEN_SECONDS,
  FORWARD_PROTOCOL,
  FORWARD_STREAMS_MAX,
  FORWARD_UNOPENED_MAX,
  FORWARD_UNOPENED_PER_LINK_MAX,
} from './constants.ts';
import { spliceDatagrams } from './datagram-pipe.ts';
import { type ForwardRefusal, ProxyError } from './errors.ts';
import { type Admitted, type AdmissionComponents, createAdmission, type Refused } from './forward-admission.ts';
import { decodeOpening, encodeAnswer, type ForwardOpening } from './forward-protocol.ts';
import type { DatagramPipe, Pipe, TableEntry } from './interface.ts';
import { dialJob, type JobDoor } from './job-door.ts';
import { dialDatagrams, dialLocal, type StreamTarget } from './local-target.ts';
import type { ProxyMetrics } from './metrics.ts';
import { createSocketDatagrams, createSocketPipe } from './socket-pipe.ts';
import { splice, type SpliceEnd } from './splice.ts';
import type { TranslationTableControl } from './translation-table.ts';

export interface ForwardServiceEvents {
  /** Somebody was not let in, or a service did not answer. */
  refused: { entry: TableEntry; code: ForwardRefusal; sentence: string };
}
export interface ForwardServiceComponents extends Omit<AdmissionComponents, 'table'> {
  outside: Outside;
  logger: Logger;
  metrics: ProxyMetrics | null;
  links: Pick<Links, 'handle'>;
  table: TranslationTableControl;
  /** Into ports of jobs; null where none run. */
  jobDoor: JobDoor | null;
}
export interface ForwardServiceInit {
  /** Ms that the opening message may take. @default 10 000 */
  openingMs?: number;
  /** Ms that a local service may take to answer. @default 10 000 */
  dialMs?: number;
  /** Connections of everybody together. @default 4096 */
  connectionsMax?: number;
  /** Connections of one row of the table. @default 1024 */
  connectionsPerRowMax?: number;
}
/** The lender's side of forwarding, docs/formats/forward.md: lets in who may, connects to what is behind the address, carries bytes. */
export interface ForwardService extends Startable, EventSource<ForwardServiceEvents> {
  readonly connections: number;
  /** For programs of this machine that ask for an address of this machine. @throws {ProxyError} `ADDRESS_UNKNOWN` | `TARGET_AWAY` */
  connectOwn(address: GlobalAddress, port: number, signal?: AbortSignal): Promise<Pipe>;
  /** The same for datagrams. */
  associateOwn(address: GlobalAddress, port: number): Promise<DatagramPipe>;
}

const FULL = 'The far node has as many connections as it takes; try again when some have ended.';

export const createForwardService = (
  components: ForwardServiceComponents,
  init: ForwardServiceInit = {},
): ForwardService => {
  const { outside, links, table, metrics, jobDoor } = components;
  const { clock } = outside;
  const {
    openingMs = FORWARD_OPENING_MS,
    dialMs,
    connectionsMax = FORWARD_CONNECTIONS_MAX,
    connectionsPerRowMax = FORWARD_CONNECTIONS_PER_ROW_MAX,
  } = init;
  const logger = components.logger.child('forward');
  const emitter = new Emitter<ForwardServiceEvents>();
  const admission = createAdmission(components);
  /** Connections by the row or lease that they live with. */
  const groups = new Map<object, Set<AbortController>>();
  /** Dials under way, by the same. */
  const dials = new Map<object, number>();
  let unopened = 0;
  const unopenedOf = new WeakMap<Link, number>();
  let connections = 0;
  let undo: (() => void)[] = [];

  const reach = async (target: StreamTarget, signal?: AbortSignal): Promise<SpliceEnd> => {
    if (!('job' in target))
      return await dialLocal(target, {
        clock,
        ...(signal !== undefined && { signal }),
        ...(dialMs !== undefined && { timeoutMs: dialMs }),
      });
    if (jobDoor === null)
      throw new ProxyError({ code: 'TARGET_AWAY', detail: 'no jobs run here' }, 'No jobs run on this node.');
    return await dialJob(target, jobDoor, signal);
  };
  const endGroup = (owner: object): void => {
    for (const one of groups.get(owner) ?? []) one.abort();
  };
  const join = (admitted: Admitted): { signal: AbortSignal; leave: () => void } => {
    const controller = new AbortController();
    const { owner, ended, counters } = admitted;
    const group = groups.get(owner) ?? new Set();
    groups.set(owner, group);
    group.add(controller);
    const onEnded = (): void => controller.abort();
    ended?.addEventListener('abort', onEnded, { once: true });
    connections += 1;
    metrics?.forwardConnections.set(connections);
    counters.connectionsNow += 1;
    counters.connectionsTotal += 1;
    counters.usedAtMs = clock.nowMs();
    return {
      signal: controller.signal,
      leave: () => {
        ended?.removeEventListener('abort', onEnded);
        group.delete(controller);
        if (group.size === 0 && groups.get(owner) === group) groups.delete(owner);
        connections -= 1;
        metrics?.forwardConnections.set(connections);
        counters.connectionsNow -= 1;
        counters.usedAtMs = clock.nowMs();
      },
    };
  };
  const moved = (sent: number, received: number): void => {
    if (sent > 0) metrics?.forwardBytes.inc(sent, { direction: 'sent' });
    if (received > 0) metrics?.forwardBytes.inc(received, { direction: 'received' });
  };
  const refuse = async (stream: Stream, { code, sentence, entry }: Omit<Refused, 'ok'>): Promise<void> => {
    metrics?.forwardRefusals.inc(1, { code });
    if (entry !== null) {
      entry.counters.refused += 1;
      emitter.emit('refused', { entry, code, sentence });
    }
    await writeMessage(stream, encodeAnswer({ ok: false, code, sentence }));
  };
  const entryOf = ({ owner }: Admitted): TableEntry | null => ('target' in owner ? (owner as TableEntry) : null);

  /** The message with which every stream begins; whoever does not send one has no place here for long. */
  const readOpening = async (stream: Stream, link: Link): Promise<ForwardOpening | null> => {
    const ofLink = unopenedOf.get(link) ?? 0;
    if (unopened >= FORWARD_UNOPENED_MAX || ofLink >= FORWARD_UNOPENED_PER_LINK_MAX) return null;
    unopened += 1;
    unopenedOf.set(link, ofLink + 1);
    const cancel = clock.after(openingMs, () => stream.reset());
    try {
      const message = await readMessage(stream, { bytesMax: FORWARD_MESSAGE_BYTES_MAX });
      if (message === null)
        throw new ProxyError(
          { code: 'FORWARD_MALFORMED', problem: 'nothing came', verdict: 'reject' },
          'The peer opened a forward and said nothing.',
        );
      return decodeOpening(message);
    } finally {
      cancel();
      unopened -= 1;
      unopenedOf.set(link, (unopenedOf.get(link) ?? 1) - 1);
    }
  };
  const dial = async <T>(admitted: Admitted, connect: () => Promise<T>): Promise<T | null> => {
    const { owner } = admitted;
    const under = dials.get(owner) ?? 0;
    if (under >= FORWARD_DIALS_MAX) return null;
    dials.set(owner, under + 1);
    try {
      return await connect();
    } finally {
      const left = (dials.get(owner) ?? 1) - 1;
      if (left === 0) dials.delete(owner);
      else dials.set(owner, left);
    }
  };
  const carry = async (stream: Stream, opening: ForwardOpening, admitted: Admitted): Promise<void> => {
    const { target, counters, limit } = admitted;
    const { signal, leave } = join(admitted);
    const options = { clock, counters, limit, signal, moved };
    const ok = encodeAnswer({ ok: true });
    const entry = entryOf(admitted);
    try {
      if (opening.mode === 'datagram' && 'host' in target) {
        const socket = await dial(admitted, () => dialDatagrams(target));
        if (socket === null) return await refuse(stream, { code: 'full', sentence: FULL, entry });
        await writeMessage(stream, ok);
        await spliceDatagrams(socket, stream, options);
        return;
      }
      const socket = await dial(admitted, () => reach(target, signal));
      if (socket === null) return await refuse(stream, { code: 'full', sentence: FULL, entry });
      try {
        await writeMessage(stream, ok);
      } catch (error) {
        socket.destroy();
        throw error;
      }
      await splice(socket, stream, options);
    } catch (error) {
      if (!(error instanceof ProxyError) || error.code !== 'TARGET_AWAY') throw error;
      logger.debug('Nobody answers behind an address', { problem: JSON.stringify(error.data) });
      await refuse(stream, { code: 'away', sentence: error.message, entry });
    } finally {
      leave();
    }
  };
  const handle = async (stream: Stream, link: Link): Promise<void> => {
    const opening = await readOpening(stream, link);
    if (opening === null || connections >= connectionsMax) {
      await refuse(stream, { code: 'full', sentence: FULL, entry: null });
      return;
    }
    const giveUp = new AbortController();
    const cancel = clock.after(openingMs, () => giveUp.abort());
    const admitted = await admission.admit(link, opening, giveUp.signal).finally(cancel);
    if (!admitted.ok) await refuse(stream, admitted);
    else if (opening.probe) await writeMessage(stream, encodeAnswer({ ok: true }));
    else if (connections >= connectionsMax || (groups.get(admitted.owner)?.size ?? 0) >= connectionsPerRowMax)
      await refuse(stream, { code: 'full', sentence: FULL, entry: entryOf(admitted) });
    else await carry(stream, opening, admitted);
  };
  const ownTarget = (address: GlobalAddress, port: number, mode: ForwardOpening['mode']) => {
    const found = admission.own({ kind: 'service', address, port, mode, probe: false });
    if (found === null)
      throw new ProxyError(
        { code: 'ADDRESS_UNKNOWN', address },
        `Nothing of this machine is at port ${port} of ${address}; expose it first.`,
      );
    return found;
  };

  return {
    on: (name, listener) => emitter.on(name, listener),
    get connections() {
      return connections;
    },
    start: async () => {
      undo = [
        links.handle(
          {
            name: FORWARD_PROTOCOL,
            streamsMax: FORWARD_STREAMS_MAX,
            opensPerTenSeconds: FORWARD_OPENS_PER_TEN_SECONDS,
            bytesMax: null,
            deadlineMs: null,
          },
          async (stream, link) => {
            try {
              await handle(stream, link);
            } catch (error) {
              // A stream that broke is nobody's fault; what is the peer's is for whoever counts it.
              if (!isNodeError(error) || 'verdict' in error.data) throw error;
              logger.debug('Forward ended early', { problem: messageOf(error) });
              stream.reset();
            }
          },
        ),
        table.on('removed', endGroup),
      ];
    },
    stop: async () => {
      for (const end of undo.splice(0)) end();
      for (const owner of groups.keys()) endGroup(owner);
    },
    connectOwn: async (address, port, signal) => {
      const { target, entry } = ownTarget(address, port, 'stream');
      const socket = await reach(target, signal);
      return createSocketPipe(socket, entry.counters, clock);
    },
    associateOwn: async (address, port) => {
      const { target, entry } = ownTarget(address, port, 'datagram');
      if (!('host' in target))
        throw new ProxyError(
          { code: 'TARGET_AWAY', detail: 'a path takes no datagrams' },
          'A socket at a path takes no datagrams.',
        );
      return createSocketDatagrams(await dialDatagrams(target), entry.counters, clock);
    },
  };
};
