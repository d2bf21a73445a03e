import { createHash } from 'node:crypto';
import type { KeyId } from '../../../main/base/crypto/index.ts';
import type { Link, LinkHandler, Links } from '../../../main/kernel/leases/index.ts';
import { PeerError, StreamError } from '../../../main/transport/stoq/errors.ts';
import type { NetworkId, PeerId, ProtocolSpec, Stream } from '../../../main/transport/stoq/interface.ts';
import { createPipe } from '../stoq/pipe.ts';
import { asStream } from '../stoq/streams.ts';

/** What a test sees of everything that is sent. */
export interface LinkEvent {
  from: string;
  to: string;
  protocol: string;
}
interface Place {
  name: string;
  peerId: PeerId;
  keyId: KeyId;
  handlers: Map<string, LinkHandler>;
  /** Grows whenever its links break. */
  life: number;
  up: boolean;
}
/** Links between nodes of one process, without connections beneath: as quick as memory, and broken when a test says so. */
export interface LinkNet {
  /** @returns what the node is handed */
  node(name: string, who: { peerId: PeerId; keyId: KeyId }): Links;
  /** All links of a node break; new ones cannot be made until it is up again. */
  down(name: string): void;
  up(name: string): void;
  /** All links of a node break, and can be made anew at once: its address has changed. */
  move(name: string): void;
  /** Called before every stream; throws to lose it. */
  onOpen: (event: LinkEvent) => void;
  /** Errors of handlers, as the endpoint would get them. */
  readonly failures: { at: string; error: unknown }[];
}

export const createLinkNet = (): LinkNet => {
  const places = new Map<string, Place>();
  const links = new Map<string, Link>();
  const open = new Set<{ ends: readonly string[]; reset: () => void }>();
  const failures: LinkNet['failures'] = [];
  const breakStreams = (name: string): void => {
    for (const entry of open) if (entry.ends.includes(name)) entry.reset();
  };
  const byPeer = (peer: PeerId): Place | undefined => [...places.values()].find(({ peerId }) => peerId === peer);

  /** The end at `near` of the link to `far`; one object for as long as it lives. */
  const linkOf = (near: Place, far: Place, route: 'direct' | 'anonymous', opener: Place): Link => {
    const name = [near.name, far.name, route, route === 'direct' ? '' : opener.name, near.life, far.life].join(' ');
    const known = links.get(name);
    if (known !== undefined) return known;
    const [lifeNear, lifeFar] = [near.life, far.life];
    const isAlive = (): boolean => near.up && far.up && near.life === lifeNear && far.life === lifeFar;
    const ends = [near.name, far.name].toSorted().join(' ');
    const made: Link = {
      // Whoever opened a circuit knows whom it leads to; whoever it leads to knows nobody.
      party:
        route === 'anonymous' && opener !== near
          ? { kind: 'anonymous' }
          : { kind: 'peer', peerId: far.peerId, keyId: far.keyId, networks: new Set(['public' as NetworkId]) },
      route,
      openStream: async (protocol): Promise<Stream> => {
        await Promise.resolve();
        if (!isAlive()) throw new StreamError({ code: 'CLOSED' }, 'The link is broken.');
        net.onOpen({ from: near.name, to: far.name, protocol });
        const handler = far.handlers.get(protocol);
        if (handler === undefined)
          throw new StreamError({ code: 'PROTOCOL_UNKNOWN', protocol }, 'The other one does not know this protocol.');
        const [out, into] = createPipe();
        const entry = { ends: [near.name, far.name], reset: () => out.reset() };
        open.add(entry);
        const taken = { ...asStream(into, 'in'), protocol };
        handler(taken, linkOf(far, near, route, opener))
          .catch((error: unknown) => {
            failures.push({ at: far.name, error });
            into.reset();
          })
          .finally(() => open.delete(entry));
        return { ...asStream(out, 'out'), protocol };
      },
      exportKey: (label) =>
        createHash('sha256')
          .update(`${ends} ${route} ${lifeNear + lifeFar} ${label}`)
          .digest(),
      ping: () => Promise.resolve(1),
      close: () => Promise.resolve(),
    };
    links.set(name, made);
    return made;
  };
  const net: LinkNet = {
    failures,
    onOpen: () => undefined,
    node: (name, { peerId, keyId }) => {
      const place: Place = places.get(name) ?? { name, peerId, keyId, handlers: new Map(), life: 0, up: true };
      places.set(name, place);
      return {
        handle: (spec: ProtocolSpec, handler) => {
          place.handlers.set(spec.name, handler);
          return () => {
            if (place.handlers.get(spec.name) === handler) place.handlers.delete(spec.name);
          };
        },
        open: async ({ peer, route }) => {
          await Promise.resolve();
          const far = byPeer(peer);
          if (far === undefined || !far.up || !place.up)
            throw new PeerError({ code: 'UNREACHABLE', peer, tried: [] }, 'The peer cannot be reached.');
          return linkOf(place, far, route, place);
        },
        addCarrier: () => () => undefined,
      };
    },
    down: (name) => {
      const place = places.get(name);
      if (place === undefined) return;
      place.up = false;
      place.life += 1;
      place.handlers.clear();
      breakStreams(name);
    },
    up: (name) => {
      const place = places.get(name);
      if (place !== undefined) place.up = true;
    },
    move: (name) => {
      const place = places.get(name);
      if (place === undefined) return;
      place.life += 1;
      breakStreams(name);
    },
  };
  return net;
};
