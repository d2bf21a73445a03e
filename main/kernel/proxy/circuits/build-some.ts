import { type Clock, isNodeError } from '../../../base/index.ts';
import type { PeerId } from '../../../transport/stoq/index.ts';
import type { RelayChoice } from '../interface.ts';
import type { BuiltCircuit, CircuitBuilder } from './build-circuit.ts';
import { BUILDS_AT_ONCE, BUILDS_MAX, HEDGE_MS } from './constants.ts';
import { circuitClosed } from './errors.ts';
import type { CircuitMetrics } from './metrics.ts';

/** A circuit and the relays that it goes through. */
export interface FoundCircuit {
  built: BuiltCircuit;
  relays: readonly PeerId[];
}
type Attempt = { found: FoundCircuit } | { found: null; error: unknown; relays: readonly PeerId[] };

export interface BuildSomeComponents {
  clock: Clock;
  metrics: CircuitMetrics | null;
  builder: CircuitBuilder;
  choice: RelayChoice;
}

/**
 * Makes circuits to a target, another beside each that takes long, until one is there; the others are ended.
 *
 * @param relayCount - between this node and the target
 * @returns what takes the target, relays that failed before, and a signal; it throws {ProxyError} `NO_RELAYS` | {CircuitError} |
 *   {PeerError} | {StreamError} of the last try, or `signal.reason`
 */
export const createBuildSome = (
  { clock, metrics, builder, choice }: BuildSomeComponents,
  relayCount: number,
): ((target: PeerId, avoid: Iterable<PeerId>, signal: AbortSignal) => Promise<FoundCircuit>) => {
  const choose = (target: PeerId, avoid: ReadonlySet<PeerId>): readonly PeerId[] => {
    try {
      return choice.choose(relayCount, { avoid: [target, ...avoid] });
    } catch (error) {
      // Those that failed are better than none.
      if (!isNodeError(error) || avoid.size === 0) throw error;
      return choice.choose(relayCount, { avoid: [target] });
    }
  };
  const attempt = async (target: PeerId, avoid: ReadonlySet<PeerId>, signal: AbortSignal): Promise<Attempt> => {
    let relays: readonly PeerId[] = [];
    const startMs = clock.monotonicMs();
    let place = 0;
    try {
      relays = choose(target, avoid);
      const built = await builder.build([...relays, target], signal, (step) => {
        place = step;
      });
      metrics?.built.inc(1, { result: 'ok' });
      metrics?.buildSeconds.observe((clock.monotonicMs() - startMs) / 1000);
      for (const relay of relays) choice.report(relay, { ok: true, rttMs: built.rttMs / (relays.length + 1) });
      return { found: { built, relays } };
    } catch (error) {
      if (!signal.aborted) {
        metrics?.built.inc(1, { result: 'failed' });
        // Who was asked, and who asked for us. A target that is away is no relay's fault.
        const isTarget = place === relays.length && isNodeError(error) && error.code === 'CIRCUIT_REFUSED';
        if (!isTarget)
          for (const relay of relays.slice(Math.max(0, place - 1), place + 1)) choice.report(relay, { ok: false });
      }
      return { found: null, error, relays };
    }
  };
  const isHopeless = (error: unknown): boolean =>
    !isNodeError(error) || error.code === 'NO_RELAYS' || error.code === 'NOT_RUNNING';

  return async (target, avoid, signal) => {
    const life = new AbortController();
    const both = AbortSignal.any([signal, life.signal]);
    const failed = new Set(avoid);
    const live = new Set<Promise<Attempt>>();
    let tried = 0;
    try {
      for (;;) {
        signal.throwIfAborted();
        if (tried < BUILDS_MAX && live.size < BUILDS_AT_ONCE) {
          tried += 1;
          const one = attempt(target, new Set(failed), both);
          live.add(one);
          void one.then(() => live.delete(one));
        }
        const wait = new AbortController();
        const late = clock.sleep(HEDGE_MS, wait.signal).then(
          () => null,
          () => null,
        );
        const outcome = await Promise.race([...live, late]);
        wait.abort();
        if (outcome === null) continue;
        if (outcome.found !== null) return outcome.found;
        signal.throwIfAborted();
        for (const relay of outcome.relays) failed.add(relay);
        if ((isHopeless(outcome.error) || tried === BUILDS_MAX) && live.size === 0) throw outcome.error;
      }
    } finally {
      // Of those under way, the one that was taken is no longer among them.
      for (const one of live) void one.then(({ found }) => found?.built.close());
      life.abort(circuitClosed());
    }
  };
};
