import { Buffer } from 'node:buffer';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { encodeCbor, type Random, sha256, type WorkerPool } from '../../../base/index.ts';
import { hkdfSha512, KEM_CIPHERTEXT_BYTES, KEM_RANDOM_BYTES, type Opener } from '../../../base/crypto/index.ts';
import { createX25519Share, type PeerId, type VerifiedPeer } from '../../../transport/stoq/index.ts';
import { createLayer, type Layer } from './cells.ts';
import { CIRCUIT_VERSION, DEPTHS } from './constants.ts';
import { cellBroken, wrongKeys } from './errors.ts';

const LABEL = 'hypermesh circuit 1';
const X25519_BYTES = 32;
const MAC_BYTES = 32;
/** Place, X25519 share, ML-KEM-1024 ciphertext. */
export const CREATE_BYTES = 1 + X25519_BYTES + KEM_CIPHERTEXT_BYTES;
/** X25519 share, and what shows that the hop has the keys. */
export const CREATED_BYTES = X25519_BYTES + MAC_BYTES;

/** What a hop and whoever made the circuit share. */
export interface HopKeys {
  /** Away from whoever made the circuit. */
  readonly forward: Layer;
  readonly backward: Layer;
  /** 32 bytes that are used for nothing else. */
  readonly exporter: Uint8Array;
}
interface Told {
  depth: number;
  x25519: Uint8Array;
  kem: Uint8Array;
}

/**
 * Both secrets go in together: as long as one of them holds, no key is known. Only who holds the certified ML-KEM key has the second;
 * the first is forgotten with the circuit, so that the keys of today open nothing of yesterday.
 */
export const deriveHop = (
  secrets: { x25519: Uint8Array; kem: Uint8Array },
  about: { peer: PeerId; kemKey: Uint8Array; told: Told; answer: Uint8Array },
): { forward: Uint8Array; backward: Uint8Array; exporter: Uint8Array; mac: Uint8Array } => {
  const { peer, kemKey, told, answer } = about;
  const transcript = sha256(
    encodeCbor([LABEL, CIRCUIT_VERSION, told.depth, peer, sha256(kemKey), told.x25519, told.kem, answer]),
  );
  const okm = hkdfSha512(Buffer.concat([secrets.x25519, secrets.kem]), transcript, `${LABEL} keys`, 128);
  return {
    forward: okm.subarray(0, 32),
    backward: okm.subarray(32, 64),
    exporter: okm.subarray(64, 96),
    mac: createHmac('sha256', okm.subarray(96, 128)).update(transcript).digest(),
  };
};
const layersOf = (keys: ReturnType<typeof deriveHop>, depth: number): HopKeys => ({
  forward: createLayer(keys.forward, depth),
  backward: createLayer(keys.backward, depth),
  exporter: keys.exporter,
});

/**
 * Begins the handshake with a hop whose certificate was checked here.
 *
 * @returns what it is sent, {@link CREATE_BYTES}, and what makes keys of its answer
 * @throws {CircuitError} `WRONG_KEYS`
 */
export const beginHop = async (
  { workers, random }: { workers: WorkerPool; random: Random },
  hop: Pick<VerifiedPeer, 'peerId' | 'kem'>,
  depth: number,
): Promise<{ create: Uint8Array; finish(created: Uint8Array): HopKeys }> => {
  const share = createX25519Share(random.bytes(X25519_BYTES));
  const outcome = await workers.run<
    { key: Uint8Array; random: Uint8Array },
    { ok: true; value: { cipherText: Uint8Array; shared: Uint8Array } } | { ok: false; problem: string }
  >('stoq.encapsulate', { key: hop.kem, random: random.bytes(KEM_RANDOM_BYTES) });
  if (!outcome.ok) throw wrongKeys(outcome.problem);
  const { cipherText, shared } = outcome.value;
  return {
    create: Buffer.concat([Uint8Array.of(depth), share.public, cipherText]),
    finish: (created) => {
      if (created.length !== CREATED_BYTES) throw wrongKeys('its answer has another length');
      const answer = created.subarray(0, X25519_BYTES);
      const secret = share.agree(answer);
      if (secret === null) throw wrongKeys('its share is of small order');
      const keys = deriveHop(
        { x25519: secret, kem: shared },
        {
          peer: hop.peerId,
          kemKey: hop.kem,
          told: { depth, x25519: share.public, kem: cipherText },
          answer,
        },
      );
      if (!timingSafeEqual(keys.mac, created.subarray(X25519_BYTES))) throw wrongKeys('what it shows does not hold');
      return layersOf(keys, depth);
    },
  };
};

/**
 * The other side of it.
 *
 * @param create - from somebody of whom nothing is known
 * @throws {CircuitError} `CELL_BROKEN`
 */
export const answerHop = async (
  { opener, random }: { opener: Opener; random: Random },
  self: PeerId,
  create: Uint8Array,
): Promise<{ created: Uint8Array; keys: HopKeys; depth: number }> => {
  const depth = create[0] ?? DEPTHS;
  if (create.length !== CREATE_BYTES || depth >= DEPTHS) throw cellBroken('it begins no circuit');
  const told = { depth, x25519: create.slice(1, 1 + X25519_BYTES), kem: create.slice(1 + X25519_BYTES) };
  const share = createX25519Share(random.bytes(X25519_BYTES));
  const secret = share.agree(told.x25519);
  if (secret === null) throw cellBroken('its share is of small order');
  const shared = await opener.decapsulate(told.kem);
  const keys = deriveHop(
    { x25519: secret, kem: shared },
    { peer: self, kemKey: opener.publicKey, told, answer: share.public },
  );
  return { created: Buffer.concat([share.public, keys.mac]), keys: layersOf(keys, depth), depth };
};
