import { decodeCbor, encodeCbor, type Logger, messageOf, type Random, type Settings } from '../../base/index.ts';
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  KEM_RANDOM_BYTES,
  type Opener,
  aeadOpen,
  aeadSeal,
  hkdfSha512,
  kemEncapsulate,
} from '../../base/crypto/index.ts';
import { type NetworkId, type NetworkMembership, membershipOf } from '../../transport/stoq/index.ts';
import { NetworkError } from './errors.ts';
import { sameName } from './find-peer.ts';

/** Far above what a person is in; each costs a proof per handshake and a DHT. */
export const PRIVATE_NETWORKS_MAX = 16;
const VERSION = 1;
const SETTING = 'network.private';
const KEY_INFO = 'hypermesh private networks 1';
/** Version, encapsulated key, nonce and {@link PRIVATE_NETWORKS_MAX} networks with room to spare. */
const ITEMS_MAX = 256;
const NETWORK_KEY_BYTES = 32;

export interface PrivateNetwork {
  membership: NetworkMembership;
  joinedAtMs: number;
}

/**
 * The private networks of this node. Their keys let anybody in, so they are kept sealed for the node's own ML-KEM key: without
 * the identity, or while it is locked, nobody reads them. docs/formats/stoq-networks.md.
 */
export interface PrivateNetworks {
  list(): readonly PrivateNetwork[];
  /** Reads what was kept. Must be called before anything else, whenever the keys were unlocked. @throws {StoreError} */
  open(opener: Opener): Promise<void>;
  /** Forgets what was read. */
  close(): void;
  /** @returns false where the node is in it already @throws {NetworkError} `NAME_TAKEN` | `NETWORKS_FULL` | `NOT_RUNNING` */
  add(network: PrivateNetwork): Promise<boolean>;
  /** @param network - name or id @throws {NetworkError} `NETWORK_UNKNOWN` | `NOT_RUNNING` */
  remove(network: string): Promise<NetworkId>;
  /** @throws {NetworkError} `NETWORK_UNKNOWN` */
  find(network: string): PrivateNetwork;
}

const sealed = (opener: Opener, random: Random, plain: Uint8Array): Uint8Array => {
  const { cipherText, shared } = kemEncapsulate(opener.publicKey, random.bytes(KEM_RANDOM_BYTES));
  const nonce = random.bytes(AEAD_NONCE_BYTES);
  const key = hkdfSha512(shared, new Uint8Array(0), KEY_INFO, AEAD_KEY_BYTES);
  return encodeCbor({ v: VERSION, kem: cipherText, nonce, sealed: aeadSeal(key, nonce, plain, cipherText) });
};

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
const hasKeys = (map: Record<string, unknown>, keys: readonly string[]): boolean =>
  Object.keys(map).length === keys.length && keys.every((key) => Object.hasOwn(map, key));

/** @throws {Error} when it is not what {@link sealed} made for this key */
const unsealed = async (opener: Opener, bytes: Uint8Array): Promise<PrivateNetwork[]> => {
  const outer = decodeCbor(bytes, ITEMS_MAX);
  if (!isMap(outer) || !hasKeys(outer, ['v', 'kem', 'nonce', 'sealed'])) throw new Error('it has other fields');
  const { v, kem, nonce, sealed: cipher } = outer;
  if (v !== VERSION) throw new Error(`it is of version ${String(v).slice(0, 20)}`);
  if (!(kem instanceof Uint8Array) || !(nonce instanceof Uint8Array) || !(cipher instanceof Uint8Array))
    throw new Error('a field is not bytes');
  if (nonce.length !== AEAD_NONCE_BYTES) throw new Error(`its nonce has ${nonce.length} bytes`);
  const key = hkdfSha512(await opener.decapsulate(kem), new Uint8Array(0), KEY_INFO, AEAD_KEY_BYTES);
  const inner = decodeCbor(aeadOpen(key, nonce, cipher, kem), ITEMS_MAX);
  if (!Array.isArray(inner) || inner.length > PRIVATE_NETWORKS_MAX) throw new Error('it holds no list of networks');
  return inner.map((entry: unknown): PrivateNetwork => {
    if (!isMap(entry) || !hasKeys(entry, ['name', 'key', 'joinedAtMs'])) throw new Error('a network has other fields');
    const { name, key: secret, joinedAtMs } = entry;
    if (typeof name !== 'string' || !(secret instanceof Uint8Array) || secret.length !== NETWORK_KEY_BYTES)
      throw new Error('a network has no name or key');
    if (!Number.isSafeInteger(joinedAtMs) || (joinedAtMs as number) < 0) throw new Error('a network has no date');
    return { membership: membershipOf(name, new Uint8Array(secret)), joinedAtMs: joinedAtMs as number };
  });
};

export const createPrivateNetworks = ({
  settings,
  random,
  logger,
}: {
  settings: Settings;
  random: Random;
  logger: Logger;
}): PrivateNetworks => {
  let networks: readonly PrivateNetwork[] = [];
  let keys: Opener | null = null;
  /** What is on disk and cannot be read must not be written over. */
  let unreadable: string | null = null;

  const keysOrRefuse = (): Opener => {
    if (unreadable !== null)
      throw new NetworkError(
        { code: 'NOT_RUNNING' },
        `The private networks of this node cannot be read (${unreadable}), so nothing is written over them; update HyperMesh if an older version runs, or restore the database.`,
      );
    if (keys !== null) return keys;
    throw new NetworkError(
      { code: 'NOT_RUNNING' },
      'The secrets of private networks are sealed with the keys of this node; create or unlock its identity first.',
    );
  };
  const keep = async (opener: Opener, next: readonly PrivateNetwork[]): Promise<void> => {
    const plain = encodeCbor(next.map(({ membership: { name, key }, joinedAtMs }) => ({ name, key, joinedAtMs })));
    await settings.set(SETTING, sealed(opener, random, plain));
    networks = next;
  };
  const lookFor = (asked: string): PrivateNetwork => {
    const found = networks.find(({ membership }) => membership.id === asked || sameName(membership.name, asked));
    if (found !== undefined) return found;
    throw new NetworkError(
      { code: 'NETWORK_UNKNOWN', network: asked.slice(0, 64) },
      `This node is in no private network "${asked.slice(0, 64)}"; \`hypermesh net status\` lists them.`,
    );
  };
  return {
    list: () => networks,
    open: async (opener) => {
      const kept = await settings.get(SETTING);
      networks = [];
      unreadable = null;
      if (kept !== undefined)
        try {
          if (!(kept instanceof Uint8Array)) throw new Error('it is not bytes');
          networks = await unsealed(opener, kept);
        } catch (error) {
          unreadable = messageOf(error);
          logger.error('Private networks cannot be read', { reason: unreadable });
        }
      keys = opener;
    },
    close: () => {
      networks = [];
      keys = null;
      unreadable = null;
    },
    add: async (network) => {
      const opener = keysOrRefuse();
      const { id, name } = network.membership;
      if (networks.some(({ membership }) => membership.id === id)) return false;
      if (networks.some(({ membership }) => sameName(membership.name, name)))
        throw new NetworkError(
          { code: 'NAME_TAKEN', name },
          `This node is in another private network called "${name}", with another secret; leave that one first.`,
        );
      if (networks.length >= PRIVATE_NETWORKS_MAX)
        throw new NetworkError(
          { code: 'NETWORKS_FULL', limit: PRIVATE_NETWORKS_MAX },
          `A node is in ${PRIVATE_NETWORKS_MAX} private networks at most; leave one first.`,
        );
      await keep(opener, [...networks, network]);
      return true;
    },
    remove: async (asked) => {
      const opener = keysOrRefuse();
      const { membership } = lookFor(asked);
      await keep(
        opener,
        networks.filter((each) => each.membership.id !== membership.id),
      );
      return membership.id;
    },
    find: lookFor,
  };
};
