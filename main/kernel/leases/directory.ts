import { isNodeError, messageOf, type Clock, type Logger, type Startable } from '../../base/index.ts';
import { type Mesh, type NetworkId, PUBLIC_NETWORK } from '../../transport/stoq/index.ts';
import type { ResourceKind } from '../../../preload/contract/index.ts';
import { namedNetworks, type PrivacyTerms } from './privacy.ts';

/** Networks whose DHT had nobody in it yet are tried again so often; the DHT itself repeats what it took. */
const RETRY_MS = 30_000;

/** Topic of a network's DHT under which those meet who lend a kind of thing; docs/formats/lease-offer.md. */
export const offersTopic = (kind: ResourceKind): Uint8Array => new TextEncoder().encode(`offers/${kind}`);

/**
 * Networks whose members may all know of a thing: those, and no others, hear in their DHT that this node has it. What only certain
 * peers may know is in none.
 */
export const networksOfTerms = (
  {
    privacyLevel,
    privacyNames,
    allocationType,
  }: Pick<PrivacyTerms, 'privacyLevel' | 'privacyNames' | 'allocationType'>,
  networks: readonly { id: NetworkId; name: string }[],
): readonly NetworkId[] => {
  if (allocationType === 'Private') return [];
  switch (privacyLevel) {
    case 'Private':
    case 'P2P':
      return [];
    case 'PrivateNetwork':
      return namedNetworks(networks, privacyNames);
    case 'PublicNetwork':
      return privacyNames.length === 0 || privacyNames.includes(PUBLIC_NETWORK) ? [PUBLIC_NETWORK] : [];
    case 'FullPublic':
      return [PUBLIC_NETWORK, ...namedNetworks(networks, [])];
  }
};

/** Keeps this node announced under the topics of what it offers, in exactly the networks that may know. */
export interface Directory extends Startable {
  /** What is announced from now on, and nothing else. */
  set(wanted: readonly { network: NetworkId; kind: ResourceKind }[]): void;
  /** Networks in which a kind is announced now. */
  networksOf(kind: ResourceKind): readonly NetworkId[];
}

export const createDirectory = ({
  mesh,
  clock,
  logger,
}: {
  mesh: Pick<Mesh, 'node' | 'on'>;
  clock: Clock;
  logger: Logger;
}): Directory => {
  /** By network and kind. `told`: the DHT that took it, which is another one after each start of STOQ. */
  const wanted = new Map<string, { network: NetworkId; kind: ResourceKind; told: object | null; asking: boolean }>();
  const endings: (() => void)[] = [];
  let life = new AbortController();

  const announce = (): void => {
    for (const entry of wanted.values()) {
      const dht = mesh.node?.dht(entry.network) ?? null;
      if (dht === null || entry.told === dht || entry.asking) continue;
      entry.asking = true;
      dht
        .provide(offersTopic(entry.kind), { signal: life.signal })
        .then(() => {
          entry.told = dht;
          // It was taken back while others were being told.
          if (!wanted.has(nameOf(entry))) dht.withdraw(offersTopic(entry.kind));
        })
        .catch((error: unknown) => {
          if (!life.signal.aborted && !isNodeError(error))
            logger.warn('an offer was not announced', { error: messageOf(error) });
        })
        .finally(() => {
          entry.asking = false;
        });
    }
  };
  const nameOf = ({ network, kind }: { network: NetworkId; kind: ResourceKind }): string => `${network} ${kind}`;

  return {
    start: () => {
      life = new AbortController();
      endings.push(mesh.on('started', announce), mesh.on('connected', announce), clock.every(RETRY_MS, announce));
      announce();
      return Promise.resolve();
    },
    stop: () => {
      for (const end of endings.splice(0)) end();
      life.abort();
      return Promise.resolve();
    },
    set: (next) => {
      const names = new Set(next.map(nameOf));
      for (const [name, { network, kind }] of wanted) {
        if (names.has(name)) continue;
        wanted.delete(name);
        mesh.node?.dht(network)?.withdraw(offersTopic(kind));
      }
      for (const { network, kind } of next)
        if (!wanted.has(nameOf({ network, kind })))
          wanted.set(nameOf({ network, kind }), { network, kind, told: null, asking: false });
      announce();
    },
    networksOf: (kind) =>
      Array.from(wanted.values())
        .filter((entry) => entry.kind === kind && entry.told !== null)
        .map(({ network }) => network),
  };
};
