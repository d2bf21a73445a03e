import { encodeCbor } from '../../../base/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { Books } from './books.ts';
import { changeConsensusParams, decodeConsensusParams } from './consensus-params.ts';
import type { Handlers } from './handler.ts';
import { CONSENSUS_KEY, memberKey } from './keys.ts';
import { dropListings } from './listings.ts';
import { changeEconomyParams } from './params.ts';
import { isLast, removeValidator, setPower } from './power.ts';
import { encodeMember } from './records.ts';
import { refuseUnless } from './refusal.ts';

const demandAdmin = (books: Books, signer: KeyIdBytes): void =>
  refuseUnless(
    books.member(signer)?.admin === true,
    'NOT_ADMIN',
    'Only an admin of the network may do this; ask one of those that its genesis names.',
  );

/** A member that may not be a validator any more is none. */
const dropValidator = (books: Books, account: KeyIdBytes): void => {
  const { validator: node } = books.stake(account);
  const record = node === null ? null : books.validator(node);
  if (node === null || record === null) return;
  refuseUnless(
    !isLast(books, node),
    'LAST_VALIDATOR',
    'This account runs the network’s last validator; let another join first.',
  );
  removeValidator(books, node, record);
};

export const memberHandlers: Handlers<'member.admit' | 'member.remove' | 'params.set'> = {
  'member.admit': ({ books, signer, fields: { account, validator } }) => {
    demandAdmin(books, signer);
    const known = books.member(account);
    refuseUnless(
      known === null || known.validator !== validator,
      'NOTHING_CHANGES',
      'The account is a member already, just so; there is nothing to change.',
    );
    books.set(memberKey(account), encodeMember({ admin: known?.admin ?? false, validator }));
    if (!validator) dropValidator(books, account);
  },
  'member.remove': ({ books, signer, fields: { account } }) => {
    demandAdmin(books, signer);
    const known = books.member(account);
    refuseUnless(known !== null, 'NOT_A_MEMBER', 'The account is no member of this network.');
    refuseUnless(!known.admin, 'ADMIN_STAYS', 'Admins are named by the genesis of a network and cannot be removed.');
    dropValidator(books, account);
    dropListings(books, account);
    books.set(memberKey(account), null);
  },
  'params.set': ({ books, signer, fields: { changes } }) => {
    demandAdmin(books, signer);
    const { consensus, ...economy } = changes;
    if (Object.keys(economy).length > 0) {
      const before = books.params;
      const params = changeEconomyParams(before, economy);
      books.setParams(params);
      if (params.stakePerPower !== before.stakePerPower)
        for (const { record } of books.validators()) setPower(books, record.account);
    }
    if (consensus !== undefined) {
      const before = books.read(CONSENSUS_KEY, decodeConsensusParams);
      if (before === null) throw new Error('Every network has parameters of its agreement.');
      books.set(CONSENSUS_KEY, encodeCbor(changeConsensusParams(before, consensus)));
    }
  },
};
