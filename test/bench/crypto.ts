import { diffieHellman, generateKeyPairSync, hash, randomBytes, sign, verify } from 'node:crypto';
import { encodeCbor } from '../../main/base/index.ts';
import {
  ARGON2_LANES,
  ARGON2_MEMORY_KIB,
  ARGON2_PASSES,
  createMerkleTree,
  deriveKeys,
  ed25519Sign,
  falconKeys,
  falconSign,
  falconVerify,
  kemDecapsulate,
  kemEncapsulate,
  kemKeys,
  merkleLeaf,
  passphraseKey,
  signRecord,
  verifyRecord,
} from '../../main/base/crypto/index.ts';
import { percentile, type Figure } from './figure.ts';

/** What everything is measured against says nothing of good or bad: these algorithms do more than their peers. */
const INFORMATION = 'for information';

const timeOf = async (work: () => unknown): Promise<number> => {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
};

/** Runs both in turn, so that whatever slows the machine slows both. A peer too short for the clock runs many times per sample. */
const compare = async (
  name: string,
  samples: number,
  ours: () => unknown,
  peerName: string,
  peer: () => unknown,
  target: { text: string; ms?: number } = { text: INFORMATION },
): Promise<Figure> => {
  const peerRuns = 20;
  const own: number[] = [];
  const other: number[] = [];
  // The first runs are compiled while they run.
  for (let n = 0; n < 2; n++) {
    await ours();
    await peer();
  }
  for (let n = 0; n < samples; n++) {
    own.push(await timeOf(ours));
    const startMs = performance.now();
    for (let run = 0; run < peerRuns; run++) await peer();
    other.push((performance.now() - startMs) / peerRuns);
  }
  const value = percentile(own, 0.5);
  const peerValue = percentile(other, 0.5);
  return {
    name: `${name}, p50`,
    unit: 'ms',
    value,
    peer: { name: peerName, value: peerValue },
    ratio: value / peerValue,
    target: target.text,
    ...(target.ms === undefined ? {} : { reached: value < target.ms }),
  };
};

const message = randomBytes(108);

/** FALCON-1024 beside the platform's Ed25519, on a message of the signed record's size. */
export const benchFalcon = async (): Promise<Figure[]> => {
  const keys = falconKeys(randomBytes(48));
  const signature = falconSign(keys.secret, message);
  const ed25519 = generateKeyPairSync('ed25519');
  const edSignature = sign(null, message, ed25519.privateKey);
  return [
    await compare(
      'FALCON-1024 key generation',
      7,
      () => falconKeys(randomBytes(48)),
      'Ed25519 key generation',
      () => generateKeyPairSync('ed25519'),
    ),
    await compare(
      'FALCON-1024 sign',
      60,
      () => falconSign(keys.secret, message),
      'Ed25519 sign',
      () => sign(null, message, ed25519.privateKey),
    ),
    await compare(
      'FALCON-1024 verify',
      200,
      () => falconVerify(keys.public, message, signature),
      'Ed25519 verify',
      () => verify(null, message, ed25519.publicKey, edSignature),
    ),
  ];
};

/** ML-KEM-1024 beside the platform's X25519: an ephemeral key and an agreement stand for encapsulating. */
export const benchMlKem = async (): Promise<Figure[]> => {
  const keys = kemKeys(randomBytes(64));
  const { cipherText } = kemEncapsulate(keys.public, randomBytes(32));
  const x25519 = generateKeyPairSync('x25519');
  const other = generateKeyPairSync('x25519');
  return [
    await compare(
      'ML-KEM-1024 key generation',
      200,
      () => kemKeys(randomBytes(64)),
      'X25519 key generation',
      () => generateKeyPairSync('x25519'),
    ),
    await compare(
      'ML-KEM-1024 encapsulate',
      200,
      () => kemEncapsulate(keys.public, randomBytes(32)),
      'X25519 fresh key and agreement',
      () => diffieHellman({ privateKey: generateKeyPairSync('x25519').privateKey, publicKey: other.publicKey }),
    ),
    await compare(
      'ML-KEM-1024 decapsulate',
      200,
      () => kemDecapsulate(keys.secret, cipherText),
      'X25519 agreement',
      () => diffieHellman({ privateKey: x25519.privateKey, publicKey: other.publicKey }),
    ),
  ];
};

/** What an owner waits for: all keys from the phrase, and unlocking with a passphrase. */
export const benchUnlock = async (): Promise<Figure[]> => {
  const salt = randomBytes(16);
  const costs = { memoryKiB: ARGON2_MEMORY_KIB, passes: ARGON2_PASSES, lanes: ARGON2_LANES };
  const oneFalcon: number[] = [];
  const all: number[] = [];
  for (let n = 0; n < 5; n++) {
    all.push(await timeOf(() => deriveKeys(randomBytes(32))));
    oneFalcon.push(await timeOf(() => falconKeys(randomBytes(48))));
  }
  const derive = percentile(all, 0.5);
  const falcon = 2 * percentile(oneFalcon, 0.5);
  const unlock: number[] = [];
  const fill: number[] = [];
  for (let n = 0; n < 7; n++) {
    unlock.push(await timeOf(() => passphraseKey('correct horse battery staple', salt, costs)));
    // The floor: each block of 1 KiB is made once per pass with BLAKE2b's rounds; this only hashes as many bytes.
    const block = Buffer.alloc(ARGON2_MEMORY_KIB * 1024);
    fill.push(
      await timeOf(() => {
        for (let pass = 0; pass < ARGON2_PASSES; pass++) hash('blake2b512', block);
      }),
    );
  }
  const unlockMs = percentile(unlock, 0.5);
  const fillMs = percentile(fill, 0.5);
  return [
    {
      name: 'all keys from a phrase, p50',
      unit: 'ms',
      value: derive,
      peer: { name: 'two FALCON-1024 key generations', value: falcon },
      ratio: derive / falcon,
      target: '< 5000 ms, in a worker',
      reached: derive < 5_000,
    },
    {
      name: 'Argon2id unlock, 64 MiB, 3 passes, p50',
      unit: 'ms',
      value: unlockMs,
      peer: { name: 'BLAKE2b over as many bytes, native', value: fillMs },
      ratio: unlockMs / fillMs,
      target: '100 to 1000 ms',
      reached: unlockMs >= 100 && unlockMs <= 1_000,
    },
  ];
};

/** A signed record beside its Ed25519 half alone, and a Merkle tree beside its hashes alone. */
export const benchRecords = async (): Promise<Figure[]> => {
  const { node } = deriveKeys(randomBytes(32));
  const payload = encodeCbor({ asset: 'asset:cpu:example', atMs: 1_767_571_200_000, data: new Uint8Array(256) });
  const record = signRecord(node.public, node.secret, 'probe', payload);
  const ed25519 = generateKeyPairSync('ed25519');
  const edSignature = sign(null, message, ed25519.privateKey);
  const leaves = Array.from({ length: 100_000 }, (_, index) => merkleLeaf(Buffer.from(`leaf ${index}`)));
  const pair = new Uint8Array(65);
  const tree: number[] = [];
  const hashes: number[] = [];
  for (let n = 0; n < 5; n++) {
    tree.push(await timeOf(() => createMerkleTree(leaves)));
    hashes.push(
      await timeOf(() => {
        for (let index = 1; index < leaves.length; index++) hash('sha256', pair, 'buffer');
      }),
    );
  }
  const treeMs = percentile(tree, 0.5);
  const hashesMs = percentile(hashes, 0.5);
  return [
    await compare(
      'signed record, sign',
      60,
      () => signRecord(node.public, node.secret, 'probe', payload),
      'Ed25519 sign from a seed',
      () => ed25519Sign(node.secret.ed25519, message),
      { text: '< 50 ms', ms: 50 },
    ),
    await compare(
      'signed record, verify',
      200,
      () => verifyRecord(record, { domain: 'probe' }),
      'Ed25519 verify',
      () => verify(null, message, ed25519.publicKey, edSignature),
      { text: '< 10 ms', ms: 10 },
    ),
    {
      name: 'Merkle tree of 100 000 leaves, p50',
      unit: 'ms',
      value: treeMs,
      peer: { name: 'its 99 999 hashes', value: hashesMs },
      ratio: treeMs / hashesMs,
      target: '< 2 × the hashes',
      reached: treeMs < 2 * hashesMs,
    },
  ];
};
