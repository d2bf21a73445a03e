import { describe, expect, it } from 'vitest';
import { decode, encode, type Fields } from '../../second-reader/cbor.ts';
import { hex, sha256 } from '../../second-reader/fields.ts';
import { checkProofFile, closingOf, combinedIdOf, readChallenge } from '../../second-reader/proof.ts';
import { checkRequirements, defaults, readRequirements } from '../../second-reader/requirements.ts';
import { checkOpening, checkSpace, farOf, nearOf, plotIdOf, rootsOfWindow } from '../../second-reader/space.ts';
import { checkTime, verifierAt } from '../../second-reader/time.ts';
import { checkWork, entriesOf, productAt, seedOf } from '../../second-reader/work.ts';
import { bytesOf, codeOf, flip, placesOver, vectorFile, vectors } from './changes.ts';

type Texts<Names extends string> = Record<Names, string>;

interface Proofs {
  challenges: Texts<'encoded' | 'hash'>[];
  combined: Texts<'space' | 'stake' | 'work' | 'time' | 'closing' | 'id'>[];
  requirements: Texts<'name' | 'encoded'>[];
}

describe('challenges and combined proofs, by the second reader', () => {
  const { challenges, combined, requirements } = vectors<Proofs>('proof/proof.json');

  it.each(challenges)('reads the challenge $hash', ({ encoded, hash }) => {
    expect(hex(readChallenge(decode(bytesOf(encoded))).hash)).toBe(hash);
  });

  it('refuses challenges that are out of bounds', () => {
    const first = decode(bytesOf(challenges[0]!.encoded)) as Fields;
    const changes: Fields[] = [
      { v: 2 },
      { purpose: 'Audit' },
      { asset: 'asset:tape:b' },
      { nonce: Buffer.alloc(31) },
      { expiresAtMs: first['issuedAtMs']! },
      { expiresAtMs: (first['issuedAtMs'] as number) + 604_800_001 },
      { anchor: { height: 7 } },
      { more: 1 },
    ];
    for (const change of changes) expect(codeOf(() => readChallenge({ ...first, ...change }))).not.toBeNull();
  });

  it('names closing and combined proof', () => {
    const parts = combined[0]!;
    const [space, stake, work, time] = [parts.space, parts.stake, parts.work, parts.time].map(bytesOf);
    expect(hex(closingOf(space!, work!))).toBe(parts.closing);
    expect(hex(combinedIdOf(space!, stake!, work!, time!))).toBe(parts.id);
  });

  it('writes the default requirements from the table of the page, and reads all', () => {
    expect(hex(encode(defaults as unknown as Fields))).toBe(requirements[0]!.encoded);
    for (const { encoded } of requirements)
      expect(hex(encode(readRequirements(bytesOf(encoded)) as unknown as Fields))).toBe(encoded);
  });
});

type Chain = Texts<'challenge' | 'closing' | 'start' | 'beforeLast' | 'end' | 'proof'> & {
  steps: number;
  finishedAtMs: number;
};

describe.each(vectors<Chain[]>('proof-time/chains.json'))(
  'a proof of time of $steps steps, by the second reader',
  (chain) => {
    const challenge = readChallenge(decode(bytesOf(chain.challenge)));
    const check = (proof: Uint8Array, closing = chain.closing) =>
      checkTime(proof, challenge, bytesOf(closing), verifierAt(chain.finishedAtMs));

    it('holds, whole', () => {
      const { steps, start, beforeLast, end } = check(bytesOf(chain.proof));
      expect(steps).toBe(chain.steps);
      expect([hex(start), hex(beforeLast), hex(end)]).toEqual([chain.start, chain.beforeLast, chain.end]);
    });

    it('does not hold with a bit of it changed, or for another challenge or closing', () => {
      const proof = bytesOf(chain.proof);
      const value = decode(proof) as Fields;
      const checkpoints = value['checkpoints'] as Uint8Array;
      for (let at = 0; at < checkpoints.length; at += 5) {
        expect(codeOf(() => check(encode({ ...value, checkpoints: flip(checkpoints, at) })))).toBe('CHAIN_BROKEN');
      }
      const [started, finished] = [value['startedAtMs'] as number, value['finishedAtMs'] as number];
      const changes: [Fields, string][] = [
        [{ v: 2 }, 'PROOF_VERSION'],
        [{ checkpointSteps: (value['checkpointSteps'] as number) + 1 }, 'CHAIN_BROKEN'],
        [{ checkpoints: checkpoints.slice(0, -16) }, chain.steps === 32 ? 'PROOF_MALFORMED' : 'CHAIN_BROKEN'],
        [{ startedAtMs: finished + 1 }, 'STAMPS_OUT_OF_ORDER'],
        [{ startedAtMs: challenge.issuedAtMs - 60_001 }, 'STAMPS_OUT_OF_ORDER'],
        [{ finishedAtMs: finished + 60_001 }, 'FROM_THE_FUTURE'],
        [{ durationMs: finished - started + 60_001 }, 'CLOCK_INCONSISTENT'],
        [{ clockEvents: [{ kind: 'forward', atMs: started, byMs: 5 }] }, 'CLOCK_JUMPED'],
        [{ witnesses: [Buffer.alloc(9)] }, 'WITNESS_INVALID'],
      ];
      for (const [change, code] of changes) expect(codeOf(() => check(encode({ ...value, ...change })))).toBe(code);
      expect(codeOf(() => check(proof, '00'.repeat(32)))).toBe('CLOSING_MISMATCH');
      expect(codeOf(() => check(flip(proof, proof.indexOf(Buffer.from(challenge.hash)))))).toBe('CHALLENGE_MISMATCH');
    });
  },
);

type Numbers<Names extends string> = Record<Names, number>;
type Tiny = Texts<
  | 'ownerHex'
  | 'nonceHex'
  | 'challengeHashHex'
  | 'plotIdHex'
  | 'rootsHex'
  | 'rootHex'
  | 'openingHashHex'
  | 'openingHex'
  | 'proofHex'
> &
  Numbers<'windowLabels' | 'layers' | 'windows'>;

describe('proof of space, by the second reader', () => {
  const tiny = vectors<Tiny>('proof-space/tiny.json');
  const [opening, answer] = [bytesOf(tiny.openingHex), bytesOf(tiny.proofHex)];
  const [owner, challenge] = [bytesOf(tiny.ownerHex), bytesOf(tiny.challengeHashHex)];

  it('draws the parents of the page', () => {
    expect([nearOf(0), farOf(0, 256)]).toEqual([Array(6).fill(0), [231, 19, 129, 219, 202, 177, 13, 94]]);
    expect([nearOf(1), farOf(1, 256)]).toEqual([Array(6).fill(0), [94, 98, 233, 3, 11, 219, 155, 211]]);
    expect([nearOf(2), farOf(2, 256)]).toEqual([
      [1, 0, 0, 0, 0, 0],
      [157, 45, 232, 91, 69, 3, 165, 184],
    ]);
    expect([nearOf(3), farOf(3, 256)]).toEqual([
      [2, 1, 1, 0, 1, 0],
      [125, 76, 215, 203, 21, 99, 170, 193],
    ]);
    const [near, far] = [
      [199, 198, 198, 198, 31, 198],
      [166, 106, 55, 239, 205, 108, 243, 115],
    ];
    expect([nearOf(200), farOf(200, 256)]).toEqual([near, far]);
  });

  it('computes the labels and roots of every window', () => {
    const { windowLabels, layers, windows } = tiny;
    const id = plotIdOf(owner, bytesOf(tiny.nonceHex), windowLabels, layers, windows);
    expect(hex(id)).toBe(tiny.plotIdHex);
    const roots = Array.from({ length: windows }, (_, window) => rootsOfWindow(id, window, windowLabels, layers));
    expect(hex(Buffer.concat(roots))).toBe(tiny.rootsHex);
  });

  it('takes the opening and the answer', () => {
    expect([opening.length, hex(sha256(opening))]).toEqual([15_652, tiny.openingHashHex]);
    const plot = checkOpening(opening);
    expect([hex(plot.id), hex(plot.root)]).toEqual([tiny.plotIdHex, tiny.rootHex]);
    expect(answer).toHaveLength(1220);
    expect(checkSpace(answer, challenge, owner, [opening])).toMatchObject([{ bytes: 32 * 256 * 3, answers: 4 }]);
  });

  it('refuses changes of either', () => {
    for (const at of placesOver(opening.length, 120))
      expect(codeOf(() => checkOpening(flip(opening, at)))).not.toBeNull();
    const [address, length] = [answer.indexOf('/ip4/'), '/ip4/192.0.2.1/udp/4001/quic-v1'.length];
    const places = placesOver(answer.length, 120).filter((at) => at < address || at >= address + length);
    for (const at of places) {
      expect(codeOf(() => checkSpace(flip(answer, at), challenge, owner, [opening]))).not.toBeNull();
    }
    expect(codeOf(() => checkSpace(answer, flip(challenge, 0), owner, [opening]))).toBe('CHALLENGE_MISMATCH');
    expect(codeOf(() => checkSpace(answer, challenge, flip(owner, 0), [opening]))).toBe('PLOT_FOREIGN');
    expect(codeOf(() => checkSpace(answer, challenge, owner, []))).toBe('OPENING_MISSING');
  });
});

type WorkVector = Texts<
  'challengeHashHex' | 'seedHex' | 'statementHex' | 'drawKeyHex' | 'proofHex' | 'proofSha256Hex'
> &
  Numbers<'rows' | 'openings'> &
  Record<
    'leftFirstEntries' | 'leftRow1FirstEntries' | 'rightFirstEntries' | 'productFirstEntries' | 'openedRows',
    number[]
  > & {
    vectorsFirstEntries: number[][];
  };

describe.each(vectors<WorkVector[]>('proof-work/proofs.json'))(
  'a proof of work of $rows rows, by the second reader',
  (vector) => {
    const [challenge, proof] = [bytesOf(vector.challengeHashHex), bytesOf(vector.proofHex)];

    it('derives the matrices', () => {
      const seed = seedOf(challenge);
      expect(hex(seed)).toBe(vector.seedHex);
      expect(entriesOf(seed, 0, 0, 1024).slice(0, 4)).toEqual(vector.leftFirstEntries);
      expect(entriesOf(seed, 0, 1, 1024).slice(0, 4)).toEqual(vector.leftRow1FirstEntries);
      expect(entriesOf(seed, 1, 0, 256).slice(0, 4)).toEqual(vector.rightFirstEntries);
      expect([0, 1, 2, 3].map((column) => productAt(seed, 0, column))).toEqual(vector.productFirstEntries);
    });

    it('holds', () => {
      const work = checkWork(proof, challenge);
      expect([hex(sha256(proof)), hex(work.statement)]).toEqual([vector.proofSha256Hex, vector.statementHex]);
      expect([hex(work.drawKey), work.opened]).toEqual([vector.drawKeyHex, vector.openedRows]);
      expect(work.vectors.map((numbers) => numbers.slice(0, 2))).toEqual(vector.vectorsFirstEntries);
    });

    it('does not hold with a bit changed anywhere', () => {
      for (const at of placesOver(proof.length, 30))
        expect(codeOf(() => checkWork(flip(proof, at), challenge))).not.toBeNull();
      expect(codeOf(() => checkWork(proof, flip(challenge, 31)))).toBe('CHALLENGE_MISMATCH');
    });
  },
);

type Small = Texts<'sha256' | 'requirements' | 'challengeHash' | 'combined' | 'asset' | 'purpose' | 'nonce'> &
  Numbers<'nowMs' | 'issuedAtMs' | 'finishedAtMs' | 'expiresAtMs' | 'steps' | 'checkpointSteps' | 'rows'>;

describe('proof files, by the second reader', () => {
  const [file, small] = [vectorFile('proof-file/small.hmproof'), vectors<Small>('proof-file/small.json')];

  it('holds, all four proofs', () => {
    const combined = checkProofFile(file, verifierAt(small.nowMs));
    const { challenge, id, space, stakeMicro, work, time } = combined;
    expect([hex(sha256(file)), hex(id), hex(challenge.hash)]).toEqual([
      small.sha256,
      small.combined,
      small.challengeHash,
    ]);
    const { asset, purpose, nonce, issuedAtMs, expiresAtMs } = challenge;
    expect([asset, purpose, hex(nonce)]).toEqual([small.asset, small.purpose, small.nonce]);
    expect([issuedAtMs, expiresAtMs, time.finishedAtMs]).toEqual([
      small.issuedAtMs,
      small.expiresAtMs,
      small.finishedAtMs,
    ]);
    expect([time.steps, time.checkpointSteps, work.rows]).toEqual([small.steps, small.checkpointSteps, small.rows]);
    expect([space[0]?.bytes, stakeMicro]).toEqual([2 * 256 * 32, 0n]);
    checkRequirements(combined, readRequirements(bytesOf(small.requirements)), small.nowMs);
    expect(codeOf(() => checkRequirements(combined, defaults, small.nowMs))).not.toBeNull();
  });

  it('refuses one bit changed anywhere, and an earlier clock', () => {
    for (const at of placesOver(file.length, 24)) {
      expect(codeOf(() => checkProofFile(flip(file, at), verifierAt(small.nowMs)))).not.toBeNull();
    }
    expect(codeOf(() => checkProofFile(file, verifierAt(small.issuedAtMs - 60_001)))).toBe('FROM_THE_FUTURE');
  });

  it('refuses attachments that no proof names, or under another name', () => {
    const value = decode(file) as Fields;
    const attachments = value['attachments'] as Fields;
    const more = Buffer.from('more');
    for (const [name, one] of [
      [hex(sha256(more)), more],
      ['00'.repeat(32), more],
    ] as const) {
      const changed = encode({ ...value, attachments: { ...attachments, [name]: one } });
      expect(codeOf(() => checkProofFile(changed, verifierAt(small.nowMs)))).toBe('PROOF_UNREADABLE');
    }
    const none = encode({ ...value, attachments: {} });
    expect(codeOf(() => checkProofFile(none, verifierAt(small.nowMs)))).toBe('OPENING_MISSING');
  });
});
