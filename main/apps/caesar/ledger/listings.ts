import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { ResourceKind } from '../../../../preload/contract/index.ts';
import type { Books } from './books.ts';
import { WIDE_MAX } from './constants.ts';
import type { Handlers } from './handler.ts';
import { listingKey, OPEN_KEY } from './keys.ts';
import { decodeListing, encodeListing } from './records.ts';
import { refuseUnless } from './refusal.ts';

const changeListed = (books: Books, kind: ResourceKind, by: bigint): void => {
  const record = books.kind(kind);
  const listed = record.listed + by;
  books.setKind(kind, { ...record, listed: listed < WIDE_MAX ? listed : WIDE_MAX });
};

/** Of one account: so that all of them can be taken back in one transaction. */
const LISTINGS_MAX = 256;
const ofAccount = (books: Books, account: KeyIdBytes): string[] => books.first(listingKey(account, ''), LISTINGS_MAX);

/** What an account that is no member any more has listed moves no prices. */
export const dropListings = (books: Books, account: KeyIdBytes): void => {
  for (const key of ofAccount(books, account)) {
    const listing = books.read(key, decodeListing);
    if (listing !== null) changeListed(books, listing.kind, -BigInt(listing.amountMax));
    books.set(key, null);
  }
};

export const listingHandlers: Handlers<'asset.list' | 'asset.unlist'> = {
  'asset.list': ({ books, signer, fields, height }) => {
    refuseUnless(
      books.member(signer) !== null || books.has(OPEN_KEY),
      'NOT_A_MEMBER',
      'What members list sets the prices here, and this account is no member; ask an admin of the network to admit it.',
    );
    const { asset, kind, unit, amountMax, privacyLevel, priceMicro } = fields;
    const key = listingKey(signer, asset);
    const before = books.read(key, decodeListing);
    refuseUnless(
      before !== null || ofAccount(books, signer).length < LISTINGS_MAX,
      'LISTINGS_FULL',
      `An account lists at most ${LISTINGS_MAX} assets; take one off the list first.`,
    );
    if (before !== null) changeListed(books, before.kind, -BigInt(before.amountMax));
    changeListed(books, kind, BigInt(amountMax));
    books.set(
      key,
      encodeListing({
        kind,
        unit,
        amountMax,
        privacyLevel,
        priceMicro,
        sinceHeight: before?.sinceHeight ?? height,
      }),
    );
  },
  'asset.unlist': ({ books, signer, fields: { asset } }) => {
    const key = listingKey(signer, asset);
    const before = books.read(key, decodeListing);
    refuseUnless(
      before !== null,
      'NOT_LISTED',
      'This account has not listed that asset, so there is nothing to take back.',
    );
    changeListed(books, before.kind, -BigInt(before.amountMax));
    books.set(key, null);
  },
};
