import { assetIdOf, isNodeError, type Logger, type Outside } from '../../base/index.ts';
import type { PeerBook } from '../../transport/stoq/index.ts';
import type { ExposureView, RequestOf } from '../../../preload/contract/index.ts';
import { type AddressBook, type GlobalAddress, globalAddressOf } from '../leases/index.ts';
import type { KeyHolder } from '../prover/index.ts';
import { EXPOSURES_MAX } from './constants.ts';
import { ProxyError } from './errors.ts';
import type { ForwardService } from './forward-service.ts';
import type { AccessTerms, NamedService, TableEntry } from './interface.ts';
import type { RoutesControl } from './routes/index.ts';
import type { SavedExposure } from './saved-tunnels.ts';
import { leadsToApi, parseTarget } from './target-text.ts';
import type { TranslationTableControl } from './translation-table.ts';
import { newTunnelId, tunnelUnknown } from './tunnel-id.ts';

export interface ExposuresComponents {
  outside: Outside;
  logger: Logger;
  table: TranslationTableControl;
  service: ForwardService;
  routes: RoutesControl;
  keys: KeyHolder;
  book: Pick<PeerBook, 'list'>;
  addressBook: Pick<AddressBook, 'groups'>;
  networks: () => readonly { id: string; name: string }[];
  /** Port of this node's API, null while it has none. */
  apiPort: () => number | null;
}
/** Services of this machine at global addresses. */
export interface Exposures {
  /** Gives those that were saved their addresses, as soon as there are keys. */
  restore(saved: readonly SavedExposure[]): Promise<void>;
  /** Keys came, went or are others. */
  refresh(): Promise<void>;
  add(request: RequestOf<'tunnels:expose'>): Promise<ExposureView>;
  /** @throws {ProxyError} `TUNNEL_UNKNOWN` */
  remove(id: string): Promise<void>;
  views(): ExposureView[];
  saved(): SavedExposure[];
  names(): NamedService[];
  stop(): void;
}

interface Exposure {
  readonly saved: SavedExposure;
  address: GlobalAddress | null;
  entry: TableEntry | null;
  revoke: (() => Promise<void>) | null;
  lastRefusal: ExposureView['lastRefusal'];
  problem: string;
}

/** Address shown for an exposure that has had none yet: it needs keys. */
const NO_ADDRESS = 'fd00::' as GlobalAddress;
const LOCKED = 'Its address needs the keys of this node; unlock the identity.';

const termsOf = ({ privacyLevel, privacyNames, relaysAllowed }: SavedExposure): AccessTerms => ({
  privacyLevel,
  privacyNames: [...privacyNames],
  allocationType: 'Public',
  proxy: { relaysAllowed, exitAllowed: false },
});
/** `asset:service:…`: names the service without telling what it is, as nobody can guess the nonce. */
export const serviceAssetOf = ({ protocol, port, createdAtMs, nonce }: SavedExposure): string =>
  assetIdOf('service', { v: 1, kind: 'service', protocol, port, createdAtMs, nonce });

const sentenceOf = ({ privacyLevel: level, privacyNames: names, relaysAllowed }: SavedExposure): string => {
  const named = names.join(', ');
  const who = {
    Private: 'Your own nodes can find and open it, and nobody else.',
    P2P:
      names.length === 0
        ? 'Peers that you trust by name can find and open it.'
        : `Of the peers that you trust, ${named} can find and open it.`,
    PrivateNetwork:
      names.length === 0
        ? 'Members of your private networks can find and open it.'
        : `Members of ${named} can find and open it.`,
    PublicNetwork: 'Every verified member of the public network can find and open it.',
    FullPublic: 'Everybody can find and open it, also without saying who they are.',
  }[level];
  return relaysAllowed ? who : `${who} Over direct connections only.`;
};

export const createExposures = (components: ExposuresComponents): Exposures => {
  const { outside, table, service, routes, keys, book, addressBook, networks, apiPort } = components;
  const { clock, random } = outside;
  const logger = components.logger.child('exposures');
  const all = new Map<string, Exposure>();
  const byEntry = new Map<TableEntry, Exposure>();

  const cancelRefused = service.on('refused', ({ entry, code, sentence }) => {
    const exposure = byEntry.get(entry);
    if (exposure === undefined) return;
    exposure.lastRefusal = {
      atMs: clock.nowMs(),
      sentence: code === 'unknown' ? 'Somebody asked who may not know that it is there.' : sentence,
    };
    exposure.problem =
      code === 'away'
        ? `Nothing answered at ${exposure.saved.target} when somebody connected; start it, or check the target.`
        : '';
  });

  const activate = async (exposure: Exposure): Promise<void> => {
    const node = keys.node();
    const { saved } = exposure;
    if (node === null) throw new ProxyError({ code: 'NOT_RUNNING' }, keys.reason()?.sentence ?? LOCKED);
    const asset = serviceAssetOf(saved);
    const address = globalAddressOf(node.signer.keys, asset);
    const terms = termsOf(saved);
    const { protocol, port } = saved;
    const entry = table.add({
      address,
      protocol,
      port,
      target: parseTarget(saved.target, protocol),
      terms,
      lease: null,
      expiresAtMs: null,
      idleMs: null,
    });
    exposure.entry = entry;
    exposure.address = address;
    byEntry.set(entry, exposure);
    try {
      exposure.revoke = await routes.publish({ asset, services: [{ protocol, port }], terms });
      exposure.problem = '';
    } catch (error) {
      deactivate(exposure);
      throw error;
    }
  };
  const deactivate = (exposure: Exposure): void => {
    const { entry } = exposure;
    if (entry !== null) {
      byEntry.delete(entry);
      table.remove(entry.address, entry.protocol, entry.port);
    }
    exposure.entry = null;
    exposure.revoke = null;
  };
  const tryActivate = async (exposure: Exposure): Promise<void> => {
    try {
      await activate(exposure);
    } catch (error) {
      if (!isNodeError(error)) throw error;
      exposure.problem = error.message;
      logger.warn('A service has no address now', { id: exposure.saved.id, problem: error.message });
    }
  };
  const checkNames = ({ privacyLevel, privacyNames }: RequestOf<'tunnels:expose'>): void => {
    const known = (name: string): boolean => {
      if (privacyLevel === 'PrivateNetwork')
        return networks().some((network) => network.id === name || network.name === name);
      if (privacyLevel === 'PublicNetwork') return name === 'public';
      if (privacyLevel !== 'P2P') return false;
      return name.startsWith('@')
        ? addressBook.groups().some((group) => group.name === name.slice(1))
        : book.list().some((peer) => peer.peerId === name || peer.name === name);
    };
    const unknown = privacyNames.filter((name) => !known(name));
    if (unknown.length > 0)
      throw new ProxyError(
        { code: 'NAMES_UNKNOWN', names: unknown },
        `The level ${privacyLevel} means nobody by ${unknown.join(', ')}; check the names, or leave them out.`,
      );
  };
  const viewOf = ({ saved, entry, address, lastRefusal, problem }: Exposure): ExposureView => {
    const { id, name, protocol, port, target, privacyLevel, privacyNames, relaysAllowed, createdAtMs } = saved;
    const counters = entry?.counters;
    const unheard = address === null || entry === null ? [] : routes.unheard(address);
    return {
      id,
      name,
      address: address ?? NO_ADDRESS,
      protocol,
      port,
      target,
      privacyLevel,
      privacyNames: [...privacyNames],
      relaysAllowed,
      createdAtMs,
      connectionsNow: counters?.connectionsNow ?? 0,
      connectionsTotal: counters?.connectionsTotal ?? 0,
      sentBytes: counters?.sentBytes ?? 0,
      receivedBytes: counters?.receivedBytes ?? 0,
      refused: counters?.refused ?? 0,
      lastRefusal,
      sentence: sentenceOf(saved),
      problem:
        problem !== ''
          ? problem
          : unheard.length > 0
            ? 'Not every network that may know of it has heard of it yet; those who are connected to this node can reach it already.'
            : '',
    };
  };

  return {
    restore: async (saved) => {
      for (const one of saved) {
        const exposure: Exposure = {
          saved: one,
          address: null,
          entry: null,
          revoke: null,
          lastRefusal: null,
          problem: LOCKED,
        };
        all.set(one.id, exposure);
        if (keys.node() !== null) await tryActivate(exposure);
      }
    },
    refresh: async () => {
      const node = keys.node();
      for (const exposure of all.values()) {
        const address = node === null ? null : globalAddressOf(node.signer.keys, serviceAssetOf(exposure.saved));
        if (exposure.entry !== null && exposure.address === address) continue;
        deactivate(exposure);
        exposure.problem = LOCKED;
        if (node !== null) await tryActivate(exposure);
      }
    },
    add: async (request) => {
      if (all.size >= EXPOSURES_MAX)
        throw new ProxyError(
          { code: 'TABLE_FULL', max: EXPOSURES_MAX },
          `This node exposes ${EXPOSURES_MAX} services already; take one back first.`,
        );
      checkNames(request);
      const { protocol, name, privacyLevel, privacyNames, relaysAllowed } = request;
      const target = parseTarget(request.target, protocol);
      if (privacyLevel !== 'Private' && leadsToApi(target, apiPort()))
        throw new ProxyError(
          { code: 'TARGET_INVALID', target: request.target },
          'That is the door of this node for its owner; only the level Private, for your own nodes, may lead there.',
        );
      const port = request.port !== 0 ? request.port : target.kind === 'unix' ? 0 : target.port;
      if (port === 0)
        throw new ProxyError(
          { code: 'TARGET_INVALID', target: request.target },
          'A socket at a path has no port of its own; say at which port of the global address it is to be.',
        );
      const exposure: Exposure = {
        saved: {
          id: newTunnelId(random),
          name,
          protocol,
          port,
          target: request.target,
          privacyLevel,
          privacyNames,
          relaysAllowed,
          createdAtMs: clock.nowMs(),
          nonce: random.bytes(16),
        },
        address: null,
        entry: null,
        revoke: null,
        lastRefusal: null,
        problem: '',
      };
      await activate(exposure);
      all.set(exposure.saved.id, exposure);
      return viewOf(exposure);
    },
    remove: async (id) => {
      const exposure = all.get(id);
      if (exposure === undefined) throw tunnelUnknown(id);
      all.delete(id);
      const { revoke } = exposure;
      deactivate(exposure);
      await revoke?.();
    },
    views: () => [...all.values()].map(viewOf),
    saved: () => [...all.values()].map(({ saved }) => saved),
    names: () =>
      [...all.values()].flatMap(({ saved, address, entry }) =>
        saved.name === '' || saved.protocol === 'udp' || address === null || entry === null
          ? []
          : [{ name: saved.name, protocol: saved.protocol, address, port: saved.port }],
      ),
    stop: () => {
      cancelRefused();
      for (const exposure of all.values()) deactivate(exposure);
    },
  };
};
