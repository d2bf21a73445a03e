import { accountText } from '../../caesar/index.ts';
import { isNodeError } from '../../../base/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { Contact } from '../../../../preload/contract/index.ts';
import { CONTACTS_MAX } from './constants.ts';
import { sameBytes } from './economy.ts';
import { WalletError } from './errors.ts';
import { addressOf } from './link.ts';
import type { AccountRow, ContactRow, WalletRows } from './rows.ts';

/** Names that people gave to accounts: own ones, watched ones, and the address book. One name means one account. */
export interface Names {
  load(): Promise<void>;
  contacts(): Contact[];
  /** @throws {WalletError} `ADDRESS_WRONG` | `NAME_TAKEN` | `NAME_WRONG` | `CONTACTS_FULL` */
  setContact(contact: Contact): Promise<void>;
  /** @throws {WalletError} `ADDRESS_WRONG` | `CONTACT_UNKNOWN` */
  removeContact(address: string): Promise<void>;
  /** Empty without one. */
  nameOf(address: string): string;
  byName(name: string): KeyIdBytes | null;
  /** Accounts whose names hold a text in small letters. */
  named(text: string): KeyIdBytes[];
  /** @param own - whose name it may be already @throws {WalletError} `NAME_TAKEN` | `NAME_WRONG` */
  check(name: string, own: KeyIdBytes | null): void;
}

const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const plain = (name: string): string => name.normalize('NFC').trim().toLowerCase();

export const createNames = ({ rows, listed }: { rows: WalletRows; listed: () => readonly AccountRow[] }): Names => {
  let book: ContactRow[] = [];
  /** By address. */
  let byAddress = new Map<string, string>();

  const reload = async (): Promise<void> => {
    book = await rows.contacts();
    byAddress = new Map(book.map(({ account, name }) => [accountText(account), name]));
  };
  const all = (): { account: KeyIdBytes; name: string }[] => [...listed(), ...book];
  const check: Names['check'] = (name, own) => {
    const text = plain(name);
    if (text === '' || HIDDEN.test(name) || text.includes(':') || text.startsWith('caes1'))
      throw new WalletError(
        { code: 'NAME_WRONG' },
        'A name has no colon and no marks that cannot be seen, and does not begin like an address; choose another one.',
      );
    const taken = all().find((one) => plain(one.name) === text && (own === null || !sameBytes(one.account, own)));
    if (taken !== undefined)
      throw new WalletError(
        { code: 'NAME_TAKEN', name: taken.name },
        `Another account is called ${taken.name} already; choose another name.`,
      );
  };
  return {
    load: reload,
    contacts: () => book.map(({ account, name, note }) => ({ address: accountText(account), name, note })),
    async setContact({ address, name, note }) {
      const account = addressOf(address);
      check(name, account);
      const known = book.some((one) => sameBytes(one.account, account));
      if (!known && book.length >= CONTACTS_MAX)
        throw new WalletError(
          { code: 'CONTACTS_FULL', max: CONTACTS_MAX },
          `The address book has ${CONTACTS_MAX} entries, which is all it keeps; take one out first.`,
        );
      try {
        await rows.setContact({ account, name: name.normalize('NFC').trim(), note });
      } catch (error) {
        if (!isNodeError(error) || error.code !== 'CONFLICT') throw error;
        throw new WalletError(
          { code: 'NAME_TAKEN', name },
          `Another account is called ${name} already; choose another name.`,
        );
      }
      await reload();
    },
    async removeContact(address) {
      if (!(await rows.removeContact(addressOf(address))))
        throw new WalletError({ code: 'CONTACT_UNKNOWN' }, 'The address book has no such address.');
      await reload();
    },
    nameOf: (address) =>
      listed().find(({ account }) => accountText(account) === address)?.name ?? byAddress.get(address) ?? '',
    byName: (name) => all().find((one) => plain(one.name) === plain(name))?.account ?? null,
    named: (text) => all().flatMap(({ account, name }) => (plain(name).includes(text) ? [account] : [])),
    check,
  };
};
