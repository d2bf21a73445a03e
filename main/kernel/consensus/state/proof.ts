import { assert, encodeCbor } from '../../../base/index.ts';
import { type Hash, STATE_KEY } from '../../blocks/index.ts';
import { BITS_MAX, HASH_BYTES, PROOF_BYTES_MAX, STATE_VERSION, STEP_BYTES } from './constants.ts';
import { StateError } from './errors.ts';
import type { StateProof } from './interface.ts';
import { EMPTY_ROOT, Inner, type Node, bitOf, hashInner, hashLeaf, hashOf, hashValue } from './nodes.ts';
import { type Refuse, decode, readBytes, readFields, readHash, readKey, readValue } from './strict.ts';
import { toBytes, toText } from './text.ts';

/** More than a proof has: five fields. */
const ITEMS_MAX = 16;

const refuse: Refuse = (problem) =>
  new StateError(
    { code: 'PROOF_MALFORMED', problem, verdict: 'reject' },
    `This is no proof of a ledger’s state (${problem}); ask another node for it.`,
  );

/** @param root - null for a state without entries */
export const proofOf = (root: Node | null, key: string): StateProof => {
  assert(STATE_KEY.test(key), `Only of a key of the state is there a proof: ${key.slice(0, 80)}.`);
  if (root === null) return encodeCbor({ v: STATE_VERSION });
  const steps: Uint8Array[] = [];
  let node = root;
  while (node instanceof Inner) {
    const isLeft = bitOf(key, node.bit) === 0;
    const step = new Uint8Array(STEP_BYTES);
    step[0] = node.bit >>> 8;
    step[1] = node.bit & 0xff;
    step.set(toBytes(hashOf(isLeft ? node.right : node.left)), 2);
    steps.push(step);
    node = isLeft ? node.left : node.right;
  }
  const path = new Uint8Array(Buffer.concat(steps));
  return encodeCbor(
    node.key === key
      ? { v: STATE_VERSION, path, value: toBytes(node.value) }
      : { v: STATE_VERSION, path, other: node.key, hash: toBytes(hashValue(node.value)) },
  );
};

/** What a path leads to from a leaf up. @throws {StateError} `PROOF_MALFORMED` */
const rootOver = (key: string, leaf: string, path: Uint8Array): string => {
  if (path.length % STEP_BYTES !== 0 || path.length > BITS_MAX * STEP_BYTES)
    throw refuse('its path is no list of steps');
  let found = leaf;
  let below = BITS_MAX;
  for (let start = path.length - STEP_BYTES; start >= 0; start -= STEP_BYTES) {
    const bit = ((path[start] as number) << 8) | (path[start + 1] as number);
    if (bit >= below) throw refuse('the bits of its path do not rise');
    below = bit;
    const beside = toText(path.subarray(start + 2, start + 2 + HASH_BYTES));
    found = bitOf(key, bit) === 0 ? hashInner(bit, found, beside) : hashInner(bit, beside, found);
  }
  return found;
};

/**
 * Reads what a proof shows. Takes 1 us for each of its steps.
 *
 * @param root - from a header that is known to be final
 * @param key - as the state may have one
 * @returns the value; null when there is none
 * @throws {StateError} `PROOF_MALFORMED` | `PROOF_WRONG` | `VERSION_UNKNOWN`
 */
export const verifyStateProof = (root: Hash, key: string, proof: StateProof): Uint8Array | null => {
  assert(STATE_KEY.test(key), `Only of a key of the state is there a proof: ${key.slice(0, 80)}.`);
  const fields = readFields(
    decode(proof, PROOF_BYTES_MAX, ITEMS_MAX, refuse),
    [[], ['path', 'value'], ['path', 'other', 'hash']],
    'proof',
    refuse,
  );
  let found = EMPTY_ROOT;
  let value: Uint8Array | null = null;
  if ('path' in fields) {
    const path = readBytes(fields['path'], PROOF_BYTES_MAX, 'its path', refuse);
    if ('value' in fields) {
      value = readValue(fields['value'], refuse);
      found = rootOver(key, hashLeaf(key, hashValue(toText(value))), path);
    } else {
      const other = readKey(fields['other'], refuse);
      // The entry of the key itself would otherwise show that there is none.
      if (other === key) throw refuse('it shows the key that it says is absent');
      found = rootOver(key, hashLeaf(other, toText(readHash(fields['hash'], 'a value’s hash', refuse))), path);
    }
  }
  if (toText(root) !== found)
    throw new StateError(
      { code: 'PROOF_WRONG', key, verdict: 'reject' },
      `The proof shows nothing of ${key} under this state’s root; ask another node for it.`,
    );
  return value;
};
