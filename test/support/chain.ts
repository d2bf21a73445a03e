import { join } from 'node:path';
import {
  Emitter,
  type AssetId,
  type Outside,
  type WorkerPool,
  assetIdOf,
  encodeCbor,
  sha256,
} from '../../main/base/index.ts';
import {
  type DerivedKeys,
  deriveKeys,
  kemDecapsulate,
  keyIdBytesOf,
  keyIdText,
  signRecord,
} from '../../main/base/crypto/index.ts';
import type { BlockKeys, ChainTip, LedgerModule, VerifyProof } from '../../main/kernel/blocks/index.ts';
import type { Attachments, CombinedProof } from '../../main/kernel/proof/index.ts';

export const blocksWorkerPath = join(import.meta.dirname, 'blocks-worker.ts');

/** Keys of an identity; takes a second. @param fill - each gives another identity */
export const testKeys = (fill: number): DerivedKeys => deriveKeys(new Uint8Array(32).fill(fill));

/** Real keys that a test can lock; FALCON in a worker where there is a pool, otherwise right here. */
export class TestKeys extends Emitter<{ changed: null }> implements BlockKeys {
  readonly derived: DerivedKeys;
  readonly #workers: WorkerPool | null;
  #locked = false;
  /** Whether they pass for keys of an identity that was created here. */
  isCreatedHere = true;

  constructor(derived: DerivedKeys, workers: WorkerPool | null = null) {
    super();
    this.derived = derived;
    this.#workers = workers;
  }
  set locked(locked: boolean) {
    this.#locked = locked;
    this.emit('changed', null);
  }
  node(): ReturnType<BlockKeys['node']> {
    if (this.#locked) return null;
    const { node, kem } = this.derived;
    const keyIdBytes = keyIdBytesOf(node.public);
    return {
      signer: {
        keyId: keyIdText(keyIdBytes),
        keyIdBytes,
        keys: node.public,
        sign: async (domain, payload) =>
          this.#workers === null
            ? signRecord(node.public, node.secret, domain, payload)
            : this.#workers.run('crypto.sign', { keys: node.public, secrets: node.secret, domain, payload }),
      },
      opener: {
        publicKey: kem.public,
        decapsulate: async (cipherText) =>
          this.#workers === null
            ? kemDecapsulate(kem.secret, cipherText)
            : this.#workers.run('crypto.decapsulate', { secret: kem.secret, cipherText }),
      },
    };
  }
  createdHere(): boolean {
    return this.isCreatedHere;
  }
  reason(): ReturnType<BlockKeys['reason']> {
    return this.#locked ? { code: 'IDENTITY_LOCKED', sentence: 'The keys are locked; unlock them.' } : null;
  }
}

/** Some asset ids that are ones. */
export const testAsset = (number: number): AssetId => assetIdOf('cpu', { number });

/**
 * `note.written`: an asset says something, and the state remembers the last thing that it said. `note.forgotten` removes it.
 * Knows enough to refuse: an empty text, and forgetting what was never said.
 */
export const noteModule: LedgerModule = {
  kinds: ['note.written', 'note.forgotten'],
  check: ({ transaction: { kind, asset, data } }, state) => {
    const { text } = data as { text?: unknown };
    if (kind === 'note.forgotten')
      return state.get(`note/${asset}`) === undefined
        ? { accepted: false, code: 'NOTHING_SAID', reason: 'there is no note to forget' }
        : { accepted: true };
    return typeof text === 'string' && text !== ''
      ? { accepted: true }
      : { accepted: false, code: 'TEXT_EMPTY', reason: 'a note says something' };
  },
  apply: ({ transaction: { kind, asset, data } }, _state, { height }) => [
    {
      key: `note/${asset}`,
      value: kind === 'note.forgotten' ? null : encodeCbor({ text: (data as { text: string }).text, height }),
    },
  ],
};

const challengeHash = ({ challenge }: CombinedProof): Uint8Array => sha256(encodeCbor({ ...challenge }));
const PARTS = ['space', 'stake', 'work', 'time'] as const;
/** What {@link smallVerifier} takes: each part is a hash over the challenge and its own name; the first also names an attachment. */
const partOf = (kind: string, challenge: Uint8Array, attachment: Uint8Array | null): Uint8Array =>
  encodeCbor({
    kind,
    answer: sha256(encodeCbor([kind, challenge])),
    ...(attachment !== null && { opening: attachment }),
  });

export interface SmallProof {
  proof: CombinedProof;
  attachments: Attachments;
}

/**
 * A combined proof of the smallest size: bound to its challenge like a real one, and checked as strictly, but nothing was
 * computed for it. For tests of blocks, whose rules are the same whatever a proof costs.
 */
export const smallProof = (
  outside: Outside,
  keys: BlockKeys,
  tip: ChainTip,
  asset: AssetId,
  opening: Uint8Array | null = null,
): SmallProof => {
  const node = keys.node()!.signer.keyIdBytes;
  const nowMs = outside.clock.nowMs();
  const empty = new Uint8Array(0);
  const proof: CombinedProof = {
    version: 1,
    challenge: {
      version: 1,
      network: tip.network,
      node,
      asset,
      purpose: 'block',
      nonce: outside.random.bytes(32),
      issuer: node,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + 60_000,
      anchor: { height: tip.height, hash: tip.hash },
    },
    space: empty,
    stake: empty,
    work: empty,
    time: empty,
  };
  const challenge = challengeHash(proof);
  const name = opening === null ? null : sha256(opening);
  for (const kind of PARTS) proof[kind] = partOf(kind, challenge, kind === 'space' ? name : null);
  return {
    proof,
    attachments: new Map(opening === null ? [] : [[Buffer.from(name!).toString('hex'), opening]]),
  };
};

export const SMALL_DIFFICULTY = 1234n;

const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

/** Refuses whatever {@link smallProof} would not have made for this block. */
export const smallVerifier: VerifyProof = async (proof, attachments, expected) => {
  const { challenge } = proof;
  const bound =
    same(challenge.network, expected.network) &&
    same(challenge.node, expected.node) &&
    challenge.purpose === expected.purpose &&
    challenge.anchor !== null &&
    challenge.anchor.height === expected.anchor.height &&
    same(challenge.anchor.hash, expected.anchor.hash);
  const hash = challengeHash(proof);
  const checks = PARTS.map((kind) => {
    const names = kind === 'space' ? [...attachments.values()].map((data) => sha256(data)) : [];
    const answers = [null, ...names].some((name) => same(partOf(kind, hash, name), proof[kind]));
    const code = bound ? (answers ? null : 'ANSWER_WRONG') : 'CHALLENGE_MISMATCH';
    return { kind, passed: code === null, code, reason: code ?? 'It holds.', sizeBytes: proof[kind].length };
  });
  return {
    verdict: {
      passed: checks.every(({ passed }) => passed),
      combined: Buffer.from(sha256(encodeCbor(PARTS.map((kind) => proof[kind])))).toString('hex'),
      checks,
      asset: challenge.asset,
      node: keyIdText(challenge.node),
      purpose: challenge.purpose,
      issuedAtMs: challenge.issuedAtMs,
      finishedAtMs: challenge.issuedAtMs,
      expiresAtMs: challenge.expiresAtMs,
      notes: [],
    },
    difficulty: SMALL_DIFFICULTY,
  };
};
