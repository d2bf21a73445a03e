import type { Socket } from 'node:net';
import { isNodeError, type Logger, type Outside } from '../../../base/index.ts';
import type { Dialer, FarTarget, LocalForwarder } from '../interface.ts';
import { listenLocally } from '../local-listener.ts';
import { splice } from '../splice.ts';
import { newCounters } from '../translation-table.ts';

export interface ForwarderComponents {
  outside: Outside;
  logger: Logger;
  dialer: Dialer;
  /** Told who answered and how; and of everything that was not to be had, null once it is. */
  onOutcome?: (outcome: { peer: string | null; route: string | null; problem: string | null }) => void;
}
export interface ForwarderInit {
  target: FarTarget;
  /** 0: `preferred` where it is free, any other where not. */
  port: number;
  /** @default null */
  preferred?: number | null;
  /** Programs that may be connected at once. @default 1024 */
  connectionsMax?: number;
}

/** Leads programs of this machine that connect to a port of it to one far service. */
export const startTcpForwarder = async (
  { outside, logger, dialer, onOutcome }: ForwarderComponents,
  { target, port, preferred = null, connectionsMax }: ForwarderInit,
): Promise<LocalForwarder> => {
  const { clock } = outside;
  const counters = newCounters(clock.nowMs());
  const life = new AbortController();

  const carry = async (socket: Socket): Promise<void> => {
    counters.connectionsNow += 1;
    counters.connectionsTotal += 1;
    counters.usedAtMs = clock.nowMs();
    // A program that is gone before the far side has answered waits for nothing.
    const gone = new AbortController();
    const onGone = (): void => gone.abort(new Error('the program is gone'));
    socket.once('close', onGone);
    try {
      const pipe = await dialer.connect(target, { signal: AbortSignal.any([life.signal, gone.signal]) });
      socket.off('close', onGone);
      onOutcome?.({ peer: pipe.peer, route: pipe.route, problem: null });
      await splice(socket, pipe, { clock, counters, signal: life.signal });
    } catch (error) {
      socket.resetAndDestroy();
      if (life.signal.aborted || gone.signal.aborted) return;
      if (!isNodeError(error)) throw error;
      counters.refused += 1;
      onOutcome?.({ peer: null, route: null, problem: error.message });
      logger.debug('A far service was not to be had', { code: error.code, problem: error.message });
    } finally {
      counters.connectionsNow -= 1;
      counters.usedAtMs = clock.nowMs();
    }
  };
  const listener = await listenLocally(port, (socket) => void carry(socket), {
    preferred,
    ...(connectionsMax !== undefined && { connectionsMax }),
  });
  return {
    listen: { host: listener.host, port: listener.port },
    counters,
    stop: async () => {
      life.abort(new Error('the forwarder stops'));
      await listener.stop();
    },
  };
};
