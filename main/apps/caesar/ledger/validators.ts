import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { Evidence } from '../../../kernel/consensus/index.ts';
import type { Books } from './books.ts';
import { SIGNED_WINDOW } from './constants.ts';
import type { Handlers } from './handler.ts';
import { memberKey, missedKey, nodeKey, OPEN_KEY, sameBytes, slashedKey } from './keys.ts';
import { bindNode } from './nodes.ts';
import { countMissed, isLast, powerOf, removeValidator, setPower } from './power.ts';
import {
  decodeMissed,
  decodeNode,
  decodeSlashed,
  encodeMember,
  encodeMissed,
  encodeNode,
  encodeSlashed,
} from './records.ts';
import { refuseUnless } from './refusal.ts';
import { slash } from './stakes.ts';

const MISSED_BYTES = Math.ceil(SIGNED_WINDOW / 8);

/** What contradicting signatures cost: once for all of them up to now. */
export const punish = (books: Books, evidence: Evidence, height: number): void => {
  const { validator: node } = evidence;
  const paidUpTo = books.read(slashedKey(node), decodeSlashed)?.height ?? -1;
  const account = books.read(nodeKey(node), decodeNode)?.liable ?? null;
  // Paid for already, or nobody's any more.
  if (evidence.height <= paidUpTo || account === null) return;
  const slashed = encodeSlashed({ height, burnt: slash(books, account, books.params.slashPermille) });
  books.set(slashedKey(node), slashed);
  books.set(slashedKey(account), slashed);
  const member = books.member(account);
  if (member !== null) books.set(memberKey(account), encodeMember({ ...member, validator: false }));
  // The node that it signs with now, which may be another than the one that lied.
  const { validator: current } = books.stake(account);
  const record = current === null ? null : books.validator(current);
  if (current === null || record === null) return;
  // A network of one goes on: its owner has lied to nobody else.
  if (isLast(books, current)) setPower(books, account);
  else removeValidator(books, current, record);
};
/** Who left answers for what its node signed as long as it has stake: with another account in its place, somebody poorer would. */
const demandAnswered = (books: Books, liable: KeyIdBytes | null, signer: KeyIdBytes): void => {
  const stake = liable === null || sameBytes(liable, signer) ? null : books.stake(liable);
  refuseUnless(
    stake === null || (stake.staked === 0n && stake.unbonding.length === 0),
    'NODE_ANSWERS_ELSEWHERE',
    'The node signed blocks for another account, whose stake still answers for them; let that account take all of its stake back first, or join with another node.',
  );
};

/** Who does not sign loses its power. @param height - of the block that carries the commit */
export const watchSigners = (
  books: Books,
  signers: readonly { validator: KeyIdBytes; signed: boolean }[],
  height: number,
): void => {
  const { signedMinPermille } = books.params;
  const place = height % SIGNED_WINDOW;
  const [byte, bit] = [place >> 3, 1 << (place & 7)];
  for (const { validator: node, signed } of signers) {
    const known = books.read(missedKey(node), decodeMissed);
    // Nothing was missed and nothing is: nothing to write.
    if (signed && ((known?.[byte] ?? 0) & bit) === 0) continue;
    const record = books.validator(node);
    if (record === null || record.down) continue;
    const bits = known === null ? new Uint8Array(MISSED_BYTES) : known.slice();
    bits[byte] = signed ? (bits[byte] ?? 0) & ~bit : (bits[byte] ?? 0) | bit;
    const missed = countMissed(bits);
    const isDown = (SIGNED_WINDOW - missed) * 1000 < signedMinPermille * SIGNED_WINDOW && !isLast(books, node);
    books.set(missedKey(node), missed === 0 || isDown ? null : encodeMissed(bits));
    if (isDown) books.setValidator(node, { ...record, power: 0, down: true });
  }
};
/** Whom an admin admitted may; where nobody has to be, everybody who has not lied. */
const demandAdmitted = (books: Books, account: KeyIdBytes, node: KeyIdBytes | null): void => {
  const member = books.member(account);
  const hasLied = books.has(slashedKey(account)) || (node !== null && books.has(slashedKey(node)));
  refuseUnless(
    member === null ? books.has(OPEN_KEY) && !hasLied : member.validator,
    'NOT_ADMITTED',
    'This account may not be a validator here; ask an admin of the network to admit it as one.',
  );
};

export const validatorHandlers: Handlers<'validator.join' | 'validator.leave'> = {
  'validator.join': (work) => {
    const { books, signer, height } = work;
    const { validatorStakeMin, stakePerPower, validatorsMax } = books.params;
    const stake = books.stake(signer);
    demandAdmitted(books, signer, null);
    const bound = bindNode(work);
    if (bound === null) return;
    const { node, keys } = bound;
    demandAdmitted(books, signer, node);
    const own = stake.validator === null ? null : books.validator(stake.validator);
    refuseUnless(
      own === null || (own.down && stake.validator !== null && sameBytes(stake.validator, node)),
      'VALIDATOR_ALREADY',
      'This account has a validator already; leave with that one first.',
    );
    const base = own?.base ?? 0;
    refuseUnless(
      base > 0 || (stake.staked >= validatorStakeMin && stake.staked >= stakePerPower),
      'STAKE_LOW',
      `A validator stakes at least ${validatorStakeMin > stakePerPower ? validatorStakeMin : stakePerPower} micro-CAES, and this account has ${stake.staked}; stake more first.`,
    );
    refuseUnless(
      own !== null || books.validators().length < validatorsMax,
      'VALIDATORS_FULL',
      `The network has its ${validatorsMax} validators; wait until one leaves.`,
    );
    books.set(missedKey(node), null);
    books.setValidator(node, {
      keys,
      account: signer,
      base,
      power: powerOf(base, stake.staked, stakePerPower),
      down: false,
      since: own?.since ?? height,
    });
    books.setStake(signer, { ...books.stake(signer), validator: node });
    const bond = books.read(nodeKey(node), decodeNode);
    demandAnswered(books, bond?.liable ?? null, signer);
    if (bond !== null) books.set(nodeKey(node), encodeNode({ ...bond, liable: signer }));
  },
  'validator.leave': ({ books, signer }) => {
    const { validator: node } = books.stake(signer);
    const record = node === null ? null : books.validator(node);
    refuseUnless(
      node !== null && record !== null,
      'NOT_A_VALIDATOR',
      'This account has no validator that could leave.',
    );
    refuseUnless(
      !isLast(books, node),
      'LAST_VALIDATOR',
      'This is the network’s last validator, and without one nothing would ever be final again; let another join first.',
    );
    removeValidator(books, node, record);
  },
};
