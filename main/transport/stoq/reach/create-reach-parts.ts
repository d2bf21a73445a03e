import type { Logger, MetricsRegistry, Outside } from '../../../base/index.ts';
import { createPunchedCarrier } from '../carriers/punched/create-punched-carrier.ts';
import type { Carrier } from '../carriers/interface.ts';
import { createRelayCarrier } from '../carriers/relay/create-relay-carrier.ts';
import type { EndpointControl, PeerId } from '../interface.ts';
import { createObserver, createReach, type ReachInit } from './create-reach.ts';
import type { SideSocketControl } from './create-side-socket.ts';
import { createDialBack } from './dial-back.ts';
import type { Reach } from './interface.ts';
import { createPortMapper, type PortMapperInit } from './port-mapper.ts';
import { createPuncher } from './punch.ts';
import { createRelayService, type RelayLimits, type RelayService } from './relay-service.ts';

export interface ReachPartsComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  /** Started. Circuits are added to it as a carrier. */
  endpoint: EndpointControl;
  side: SideSocketControl | null;
  /** Those of the endpoint: dial-backs take fresh channels of them. */
  carriers: readonly Carrier[];
  /** A QUIC carrier of its own for holes; null without one, and then nothing is punched. */
  punchedQuic: Carrier | null;
  /** A peer said that it reached us, and did not. */
  onLie(peer: PeerId): void;
}
export interface ReachPartsInit extends ReachInit {
  /** What the owner lends to others' circuits, asked at every request; null for nothing. */
  relayLimits(): RelayLimits | null;
  /** Ports that routers are asked for; null: they are not asked. */
  mapPorts: PortMapperInit | null;
}

/** Everything of this room tied together, as an assembly needs it. `start` and `stop` of reach start and stop all of it. */
export const createReachParts = (
  { outside, logger, metrics, endpoint, side, carriers, punchedQuic, onLie }: ReachPartsComponents,
  init: ReachPartsInit,
): { reach: Reach; relay: RelayService } => {
  const mapper = init.mapPorts === null ? null : createPortMapper({ outside, logger, metrics }, init.mapPorts);
  const observer = createObserver({ outside, logger, endpoint, side, mapper }, init);
  const circuits = createRelayCarrier(
    { outside, logger, endpoint },
    {
      onChannel: (channel) => {
        // Who it is shows in its handshake; a stranger that fails has only itself to blame, and the endpoint says so.
        endpoint.addPath(channel, null).catch(() => channel.abort());
      },
    },
  );
  const relay = createRelayService(
    { outside, logger, metrics, endpoint },
    { limits: init.relayLimits, onIncoming: circuits.onIncoming },
  );
  const puncher =
    side === null || punchedQuic === null
      ? null
      : createPuncher(
          { outside, logger, metrics, endpoint, side, carrier: createPunchedCarrier({ outside, quic: punchedQuic }) },
          { candidates: () => observer.candidates() },
        );
  const dialBack = createDialBack({ outside, logger, metrics, endpoint, carriers, onLie });
  const inner = createReach(
    { outside, logger, endpoint, side, mapper, dialBack, relays: circuits, puncher, observer },
    init,
  );
  let remove = (): void => undefined;
  const reach: Reach = {
    on: (name, listener) => inner.on(name, listener),
    state: () => inner.state(),
    check: (options) => inner.check(options),
    announced: () => inner.announced(),
    start: async () => {
      remove = endpoint.addCarrier(circuits);
      await relay.start();
      await inner.start();
    },
    stop: async () => {
      await inner.stop();
      await relay.stop();
      remove();
      await circuits.stop();
    },
  };
  return { reach, relay };
};
