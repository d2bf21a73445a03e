import {
  type DerivedKeys,
  ed25519PublicKey,
  falconKeys,
  kemKeys,
  keyIdBytesOf,
  keyIdText,
  makeSelfMadeCertificate,
  peerIdOf,
  type Signer,
  signRecord,
} from '../../../main/base/crypto/index.ts';
import { sha256 } from '../../../main/base/index.ts';
import type { LocalPeer, PeerId, VerifiedPeer } from '../../../main/transport/stoq/interface.ts';
import { createSeededRandom } from '../seeded-random.ts';

/** A peer with real keys, whose signatures hold. */
export interface TestPeer {
  readonly local: LocalPeer;
  /** What whoever checks its certificate finds. */
  readonly verified: VerifiedPeer;
  /** As the satchel gives it. Signs in this thread. */
  readonly signer: Signer;
  readonly keys: DerivedKeys;
}

const ISSUED_AT_MS = Date.UTC(2026, 0, 1);

interface FalconPairs {
  node: ReturnType<typeof falconKeys>;
  account: ReturnType<typeof falconKeys>;
}
let falconPairs: FalconPairs | null = null;
/** Half a second each, so that all peers of a process have these two; their Ed25519 and ML-KEM keys differ, and so do their key ids. */
const sharedFalconPairs = (): FalconPairs => {
  falconPairs ??= { node: falconKeys(new Uint8Array(48).fill(1)), account: falconKeys(new Uint8Array(48).fill(2)) };
  return falconPairs;
};

const peers = new Map<number, TestPeer>();

/**
 * Makes a peer in some 40 ms; the first of a process takes a second more.
 *
 * @param seed - the same one gives the same keys and the same signatures; the certificate is signed with fresh salts in every process
 */
export const makePeer = (seed: number): TestPeer => {
  const known = peers.get(seed);
  if (known !== undefined) return known;
  const falcon = sharedFalconPairs();
  const random = createSeededRandom(seed ^ 0x5704_0001);
  const pair = (shared: ReturnType<typeof falconKeys>): DerivedKeys['node'] => {
    const secret = random.bytes(32);
    return {
      public: { ed25519: ed25519PublicKey(secret), falcon1024: shared.public },
      secret: { ed25519: secret, falcon1024: shared.secret },
    };
  };
  const keys: DerivedKeys = { node: pair(falcon.node), account: pair(falcon.account), kem: kemKeys(random.bytes(64)) };
  const keyIdBytes = keyIdBytesOf(keys.node.public);
  const keyId = keyIdText(keyIdBytes);
  const peerId = peerIdOf(keys.node.public.ed25519) as PeerId;
  const certificate = makeSelfMadeCertificate(keys, ISSUED_AT_MS);
  const signer: Signer = {
    keyId,
    keyIdBytes,
    keys: keys.node.public,
    sign: async (domain, payload) =>
      // FALCON's salt from the payload: two signatures of one payload are one, and no two payloads share a salt.
      signRecord(
        keys.node.public,
        keys.node.secret,
        domain,
        payload,
        new Uint8Array([...sha256(payload), ...sha256(keyIdBytes)]).subarray(0, 48),
      ),
  };
  const peer: TestPeer = {
    keys,
    signer,
    local: { peerId, keyId, certificate, sign: signer.sign },
    verified: { peerId, keyId, keys: keys.node.public, kem: keys.kem.public, certificate },
  };
  peers.set(seed, peer);
  return peer;
};
