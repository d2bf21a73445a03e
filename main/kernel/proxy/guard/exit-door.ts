import type { Clock } from '../../../base/index.ts';
import type { PeerId } from '../../../transport/stoq/index.ts';
import { parseHost, formatIp } from '../destinations/index.ts';
import { ProxyError } from '../errors.ts';
import type {
  DestinationCheck,
  DestinationPolicy,
  Dialer,
  FarTarget,
  GuardAttempt,
  TableCounters,
} from '../interface.ts';
import { dialDatagrams, dialLocal } from '../local-target.ts';
import { createSocketDatagrams, createSocketPipe } from '../socket-pipe.ts';
import { ATTEMPT_MS_MAX } from './constants.ts';

/** The most that an owner's switches can give: everything out, and what the list of exits names. */
const widest = (named: readonly string[]): DestinationPolicy => ({ mode: 'all', named });

/**
 * The exit of this node as a borrower meets it who has all that a lease can give: the same check of destinations, the same dialling.
 * It remembers what it let out, so that nobody has to guess from an answer what happened.
 */
export interface ExitDoor {
  connect(host: string, port: number, signal: AbortSignal): Promise<GuardAttempt>;
  /** For the forwarders of this machine, in place of the mesh. */
  readonly dialer: Pick<Dialer, 'connect' | 'associate'>;
  /** What it did when somebody asked for this destination last; null when nobody did. */
  outcome(host: string, port: number): GuardAttempt | null;
}

const refusedBy = (error: unknown): GuardAttempt =>
  error instanceof ProxyError && error.code === 'DESTINATION_UNKNOWN'
    ? { result: 'unreachable', sentence: 'There is no such name.' }
    : { result: 'refused', sentence: error instanceof Error ? error.message : 'It was refused.' };

/** One spelling for what the door is asked for, however it was written on the way. */
const keyOf = (host: string, port: number): string => {
  const parsed = parseHost(host);
  return `${parsed === null ? host : parsed.kind === 'ip' ? formatIp(parsed.ip) : parsed.name} ${port}`;
};

export interface ExitDoorComponents {
  clock: Clock;
  destinations: DestinationCheck;
  /** What the owner's list of exits names now: a place that it opens is open. */
  named: () => readonly string[];
}
export const createExitDoor = ({ clock, destinations, named }: ExitDoorComponents): ExitDoor => {
  const outcomes = new Map<string, GuardAttempt>();
  const counters: TableCounters = {
    connectionsNow: 0,
    connectionsTotal: 0,
    sentBytes: 0,
    receivedBytes: 0,
    refused: 0,
    usedAtMs: 0,
  };
  /** Asks the check, and then opens what it returned. */
  const pass = async <T>(
    host: string,
    port: number,
    signal: AbortSignal | undefined,
    open: (place: { host: string; port: number }) => Promise<T>,
  ): Promise<T> => {
    const key = keyOf(host, port);
    const note = (attempt: GuardAttempt): void => {
      // What was let out once stays so, whatever the next attempt finds.
      if (outcomes.get(key)?.result !== 'reached') outcomes.set(key, attempt);
    };
    let place: { host: string; port: number };
    try {
      const checked = await destinations.check(host, port, widest(named()), signal === undefined ? {} : { signal });
      place = { host: checked.address, port: checked.port };
    } catch (error) {
      note(refusedBy(error));
      throw error;
    }
    const advice = named().length === 0 ? '' : ' Look whether your list of exits names it.';
    // From here on it is a hole, whether somebody answers or not.
    note({ result: 'reached', sentence: `It was let out to ${place.host}; only nobody answered there.${advice}` });
    const opened = await open(place);
    outcomes.set(key, {
      result: 'reached',
      sentence: `It was let out to ${place.host}, and the connection was opened.${advice}`,
    });
    return opened;
  };
  const exitOf = (target: FarTarget): { host: string; port: number } => {
    if (target.kind === 'exit') return target;
    // Global addresses lead into the mesh and not out of it.
    const failure = new ProxyError(
      { code: 'ADDRESS_UNKNOWN', address: target.address },
      'It leads into the mesh, where nobody answers for it.',
    );
    outcomes.set(keyOf(target.address, target.port), { result: 'unreachable', sentence: failure.message });
    throw failure;
  };
  return {
    connect: async (host, port, signal) => {
      try {
        const socket = await pass(host, port, signal, (place) =>
          dialLocal(place, { clock, signal, timeoutMs: ATTEMPT_MS_MAX }),
        );
        socket.destroy();
      } catch (error) {
        const key = outcomes.get(keyOf(host, port));
        return key?.result === 'reached' ? key : refusedBy(error);
      }
      return outcomes.get(keyOf(host, port)) ?? { result: 'reached', sentence: 'It was let out.' };
    },
    dialer: {
      connect: async (target, { signal } = {}) => {
        const { host, port } = exitOf(target);
        const socket = await pass(host, port, signal, (place) =>
          dialLocal(place, { clock, timeoutMs: ATTEMPT_MS_MAX, ...(signal !== undefined && { signal }) }),
        );
        return { ...createSocketPipe(socket, counters, clock), peer: '' as PeerId, route: 'direct' };
      },
      associate: async (target, { signal } = {}) => {
        const { host, port } = exitOf(target);
        return createSocketDatagrams(await pass(host, port, signal, dialDatagrams), counters, clock);
      },
    },
    outcome: (host, port) => outcomes.get(keyOf(host, port)) ?? null,
  };
};
