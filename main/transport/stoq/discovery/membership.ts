import { createHmac } from 'node:crypto';
import { base32 } from 'multiformats/bases/base32';
import { encodeCbor, sha256, type WorkerPool } from '../../../base/index.ts';
import {
  ARGON2_LANES,
  ARGON2_MEMORY_KIB,
  ARGON2_PASSES,
  ARGON2_SALT_BYTES,
  hkdfSha512,
  type PassphraseKeyInput,
} from '../../../base/crypto/index.ts';
import type { NetworkMembership } from '../handshake/interface.ts';
import type { NetworkId } from '../interface.ts';
import { NetworkError } from './errors.ts';

/** The network that everyone is in who is in no other alone. */
export const PUBLIC_NETWORK = 'public' as NetworkId;
export const NETWORK_NAME_CHARACTERS_MAX = 64;
/** Names may be guessed, and so may short secrets: Argon2id makes a guess cost a fifth of a second, not a day. */
export const NETWORK_SECRET_CHARACTERS_MIN = 12;
const KEY_BYTES = 32;

/** Keys and names that a network's key gives. One key serves one purpose. */
export const networkKey = (
  key: Uint8Array,
  purpose: 'dht' | 'rendezvous' | 'mdns' | 'seal',
  length = KEY_BYTES,
): Uint8Array => hkdfSha512(key, new Uint8Array(0), `hypermesh network ${purpose} 1`, length);

const unpadded = (bytes: Uint8Array): string => base32.baseEncode(bytes);

/** @param key - 32 bytes @returns 52 characters of base32; says nothing about the key or the network's name */
export const networkIdOf = (key: Uint8Array): NetworkId =>
  unpadded(hkdfSha512(key, new Uint8Array(0), 'hypermesh network id 1', KEY_BYTES)) as NetworkId;

/** Protocol of a network's DHT. That of a private one cannot be guessed by who has not its key. */
export const dhtProtocolOf = (key: Uint8Array | null): string =>
  key === null ? '/hypermesh/dht/1' : `/hypermesh/dht-${unpadded(networkKey(key, 'dht', 15))}/1`;

const mac = (key: Uint8Array, message: unknown): Uint8Array =>
  new Uint8Array(createHmac('sha256', key).update(encodeCbor(message)).digest());

/** Topic under which members meet in the public DHT during one epoch. Outsiders cannot tell it from any other. */
export const rendezvousTopic = (key: Uint8Array, epoch: number): Uint8Array =>
  mac(networkKey(key, 'rendezvous'), ['hypermesh-rendezvous', 1, epoch]);

/** Tag of one announcement on a link: members know it, others see another one every time. 16 bytes. */
export const mdnsTag = (key: Uint8Array, epoch: number, nonce: Uint8Array): Uint8Array =>
  mac(networkKey(key, 'mdns'), ['hypermesh-mdns', 1, epoch, nonce]).subarray(0, 16);

/** Name in the one form that all members compute with: NFKC, no space around it. @throws {NetworkError} `NETWORK_NAME_INVALID` */
export const networkNameOf = (name: string): string => {
  const clean = name.normalize('NFKC').trim();
  if (clean.length === 0 || clean.length > NETWORK_NAME_CHARACTERS_MAX || /\p{Cc}/u.test(clean))
    throw new NetworkError(
      { code: 'NETWORK_NAME_INVALID', charactersMax: NETWORK_NAME_CHARACTERS_MAX },
      `A network's name has 1 to ${NETWORK_NAME_CHARACTERS_MAX} characters that can be printed; choose another.`,
    );
  return clean;
};

/** Membership of who already has the key, such as from an invite. @throws {NetworkError} `NETWORK_NAME_INVALID` */
export const membershipOf = (name: string, key: Uint8Array): NetworkMembership => ({
  id: networkIdOf(key),
  name: networkNameOf(name),
  key,
});

/**
 * What name and secret of a private network give: Argon2id at the costs of base/crypto, salted by the name. Takes about 0.2 s of a
 * thread.
 *
 * @throws {NetworkError} `NETWORK_NAME_INVALID` | `NETWORK_SECRET_SHORT`
 */
export const deriveMembership = async (
  { workers }: { workers: WorkerPool },
  { name, secret }: { name: string; secret: string },
  options: { signal?: AbortSignal } = {},
): Promise<NetworkMembership> => {
  const clean = networkNameOf(name);
  if ([...secret.normalize('NFKC')].length < NETWORK_SECRET_CHARACTERS_MIN)
    throw new NetworkError(
      { code: 'NETWORK_SECRET_SHORT', charactersMin: NETWORK_SECRET_CHARACTERS_MIN },
      `Everyone who guesses the secret is a member; take one of at least ${NETWORK_SECRET_CHARACTERS_MIN} characters.`,
    );
  const salt = sha256(encodeCbor(['hypermesh-network', 1, clean])).subarray(0, ARGON2_SALT_BYTES);
  const key = await workers.run<PassphraseKeyInput, Uint8Array>(
    'crypto.passphraseKey',
    {
      passphrase: secret,
      salt: new Uint8Array(salt),
      costs: { memoryKiB: ARGON2_MEMORY_KIB, passes: ARGON2_PASSES, lanes: ARGON2_LANES },
    },
    options,
  );
  return membershipOf(clean, new Uint8Array(key));
};
