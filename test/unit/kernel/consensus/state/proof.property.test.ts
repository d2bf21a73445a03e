import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../../../../main/base/index.ts';
import { StateError, createLedgerTree, verifyStateProof } from '../../../../../main/kernel/consensus/state/index.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '!', '~'), minLength: 1, maxLength: 4 });
const states = fc.uniqueArray(
  fc.tuple(
    text,
    fc.uint8Array({ maxLength: 40 }).map((bytes) => encodeCbor(bytes)),
  ),
  {
    selector: ([key]) => key,
    maxLength: 30,
  },
);
const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof StateError) return error.code;
    throw error;
  }
  return 'none';
};

it('shows the value of each key and the absence of each other, under its own root only', () => {
  fc.assert(
    fc.property(states, fc.array(text, { maxLength: 10 }), text, (entries, asked, changed) => {
      const tree = createLedgerTree(entries);
      const root = tree.root();
      const known = new Map(entries);
      tree.apply([{ key: changed, value: encodeCbor('changed later') }]);
      const other = tree.root();
      const before = createLedgerTree(entries);
      for (const key of [...known.keys(), ...asked]) {
        const proof = before.prove(key);
        expect(verifyStateProof(root, key, proof)).toEqual(known.get(key) ?? null);
        expect(refusal(() => verifyStateProof(other, key, proof))).toBe('PROOF_WRONG');
        // Of another key it shows nothing, or the truth.
        for (const wrong of asked) {
          const truth = known.get(wrong) ?? null;
          const shown = { value: truth };
          const code = refusal(() => {
            shown.value = verifyStateProof(root, wrong, proof);
          });
          expect([code, shown.value]).toEqual([code, truth]);
        }
      }
    }),
    { numRuns: 60 },
  );
});

it('refuses a proof with any bit changed', () => {
  const random = createSeededRandom(4);
  const tree = createLedgerTree(
    Array.from({ length: 40 }, (_, i) => [
      `account/${Buffer.from(random.bytes(4)).toString('hex')}`,
      encodeCbor({ i }),
    ]),
  );
  const root = tree.root();
  const present = Array.from(tree.entries(''), ([key]) => key);
  for (const key of [...present.slice(0, 5), 'account/', 'account/ffffffff', 'z']) {
    const proof = tree.prove(key);
    expect(refusal(() => verifyStateProof(root, key, proof))).toBe('none');
    const taken: number[] = [];
    for (let bit = 0; bit < proof.length * 8; bit++) {
      const changed = new Uint8Array(proof);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      if (refusal(() => verifyStateProof(root, key, changed)) === 'none') taken.push(bit);
    }
    for (let length = 0; length < proof.length; length++)
      if (refusal(() => verifyStateProof(root, key, proof.subarray(0, length))) !== 'PROOF_MALFORMED')
        taken.push(-length);
    expect([key, taken]).toEqual([key, []]);
  }
});

it('refuses what is put together of true parts', () => {
  const tree = createLedgerTree([
    ['a', encodeCbor(1)],
    ['ab', encodeCbor(2)],
    ['b', encodeCbor(3)],
  ]);
  const root = tree.root();
  const parts = (key: string): Record<string, unknown> => decodeCbor(tree.prove(key)) as Record<string, unknown>;
  const code = (key: string, fields: Record<string, unknown>): string =>
    refusal(() => verifyStateProof(root, key, encodeCbor(fields)));
  const { path } = parts('a');
  const { hash } = parts('aa!');
  // The entry itself, shown as that of another key.
  expect(code('ab', { v: 1, path: parts('ab')['path'], other: 'ab', hash })).toBe('PROOF_MALFORMED');
  // Another entry that the way to the key does not lead to.
  expect(code('a', { v: 1, path: parts('b')['path'], other: 'b', hash: parts('bb')['hash'] })).toBe('PROOF_WRONG');
  expect(code('a', { v: 1 })).toBe('PROOF_WRONG');
  expect(code('a', { v: 1, path, value: encodeCbor(2) })).toBe('PROOF_WRONG');
  // The same steps twice, or from the other end.
  const steps = path as Uint8Array;
  expect(code('a', { v: 1, path: Uint8Array.from([...steps, ...steps]), value: encodeCbor(1) })).toBe(
    'PROOF_MALFORMED',
  );
  expect(
    code('a', { v: 1, path: Uint8Array.from([...steps.subarray(34), ...steps.subarray(0, 34)]), value: encodeCbor(1) }),
  ).toBe('PROOF_MALFORMED');
  expect(code('a', { v: 1, path, value: encodeCbor(1), more: 1 })).toBe('PROOF_MALFORMED');
  expect(code('a', { v: 2, path, value: encodeCbor(1) })).toBe('VERSION_UNKNOWN');
  expect(code('a', { v: 0, path, value: encodeCbor(1) })).toBe('PROOF_MALFORMED');
  expect(code('a', { v: 1, path: 'a', value: encodeCbor(1) })).toBe('PROOF_MALFORMED');
  expect(refusal(() => verifyStateProof(root, 'a', encodeCbor([1])))).toBe('PROOF_MALFORMED');
  expect(refusal(() => verifyStateProof(root, 'a', new Uint8Array(200_000)))).toBe('PROOF_MALFORMED');
});

it('refuses any other bytes', () => {
  const tree = createLedgerTree([['a', encodeCbor(1)]]);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.anything().map((value) => {
          try {
            return encodeCbor(value);
          } catch {
            return new Uint8Array();
          }
        }),
      ),
      (bytes) => {
        expect(refusal(() => verifyStateProof(tree.root(), 'a', bytes))).not.toBe('none');
      },
    ),
    { numRuns: 300 },
  );
});
