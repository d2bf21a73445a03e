import { accountText } from '../../caesar/index.ts';
import { type Logger, type Settings, isNodeError, messageOf } from '../../../base/index.ts';
import { type KeyIdBytes, parseKeyId } from '../../../base/crypto/index.ts';
import type { FollowedLedger, Ledgers } from '../../../kernel/consensus/index.ts';
import type { Identity } from '../interface.ts';
import { ACCOUNTS_MAX, GAP_LIMIT } from './constants.ts';
import { isUsed, sameBytes } from './economy.ts';
import { WalletError } from './errors.ts';
import type { AccountRow, WalletRows } from './rows.ts';

/** Networks on which accounts of a phrase were looked for: `{v, owner, ledgers}`. */
const SETTING_SEARCHED = 'wallet.searched';

export interface Accounts {
  /** Listed ones, own ones first; empty before there is an identity. */
  list(): readonly AccountRow[];
  /** Key id of the phrase's first account; null before there is an identity. */
  owner(): KeyIdBytes | null;
  /** Name, address, or the beginning of one. @throws {WalletError} `IDENTITY_NONE` | `ACCOUNT_UNKNOWN` | `ACCOUNT_AMBIGUOUS` */
  find(text: string | undefined): AccountRow;
  /** @throws {WalletError} as the wallet's; {IdentityError} `IDENTITY_LOCKED` */
  add(name: string, watch: KeyIdBytes | null): Promise<void>;
  rename(row: AccountRow, name: string): Promise<void>;
  remove(row: AccountRow): Promise<void>;
  /** Reads the rows of the identity that is there now. */
  load(): Promise<void>;
  /** Looks for accounts of the phrase that were used on a ledger and are not listed. */
  search(): Promise<void>;
}
export interface AccountsComponents {
  identity: Pick<Identity, 'view' | 'accountAt' | 'createdHere'>;
  ledgers: Pick<Ledgers, 'list'>;
  rows: WalletRows;
  settings: Settings;
  logger: Logger;
  /** @throws {WalletError} `NAME_TAKEN` | `NAME_WRONG` */
  checkName(name: string, own: KeyIdBytes | null): void;
  onChanged(): void;
}

const identityNone = (): WalletError =>
  new WalletError(
    { code: 'IDENTITY_NONE' },
    'This node has no identity yet, and so no account; create one in Settings or with `hypermesh identity create`, or bring one back with `hypermesh identity restore`.',
  );

export const createAccounts = ({
  identity,
  ledgers,
  rows,
  settings,
  logger,
  checkName,
  onChanged,
}: AccountsComponents): Accounts => {
  let owner: KeyIdBytes | null = null;
  /** Unlisted ones too: derived, and not used so far. */
  let all: AccountRow[] = [];
  let searching: Promise<void> | null = null;

  const listed = (): AccountRow[] => all.filter((row) => row.listed);
  const reload = async (): Promise<void> => {
    if (owner !== null) all = await rows.accounts(owner);
    onChanged();
  };
  const ownerOrThrow = (): KeyIdBytes => {
    if (owner === null) throw identityNone();
    return owner;
  };
  const freeName = (place: number): string => {
    const taken = new Set(listed().map(({ name }) => name.toLowerCase()));
    for (let number = place + 1; ; number++) if (!taken.has(`account ${number}`)) return `account ${number}`;
  };
  /** The row of a place in the phrase, with its keys derived where they never were. */
  const rowAt = async (place: number): Promise<AccountRow> => {
    const found = all.find((row) => row.place === place);
    if (found !== undefined) return found;
    const { signer } = await identity.accountAt(place);
    const own = ownerOrThrow();
    await rows.addAccount(own, { account: signer.keyIdBytes, name: '', place, listed: false });
    all = await rows.accounts(own);
    const made = all.find((row) => row.place === place);
    if (made === undefined) throw new Error('a row that was just written is not there');
    return made;
  };

  /** @returns whether the search came to its end */
  const searchOn = async ({ replica }: FollowedLedger): Promise<boolean> => {
    let last = Math.max(0, ...all.filter((row) => row.place !== null && row.listed).map((row) => row.place ?? 0));
    for (let place = 1; place <= last + GAP_LIMIT && listed().length < ACCOUNTS_MAX; place++) {
      const row = await rowAt(place);
      if (!isUsed(replica.state(), row.account)) continue;
      last = Math.max(last, place);
      if (row.listed) continue;
      await rows.changeAccount(row.id, { name: freeName(place), listed: true });
      await reload();
      logger.info('An account of the phrase was found again', { place });
    }
    return true;
  };
  const searchAll = async (): Promise<void> => {
    const own = owner;
    if (own === null || identity.view().status !== 'unlocked' || identity.createdHere()) return;
    const kept = (await settings.get(SETTING_SEARCHED)) as { owner?: unknown; ledgers?: unknown } | undefined;
    const name = accountText(own);
    const searched = new Set<unknown>(kept?.owner === name && Array.isArray(kept.ledgers) ? kept.ledgers : []);
    for (const ledger of ledgers.list()) {
      const { sync } = ledger.replica.status();
      // One that still catches up knows nothing of what happened since.
      if (searched.has(ledger.id) || (sync.state !== 'current' && sync.state !== 'alone')) continue;
      if (ledger.replica.status().height === 0) continue;
      await searchOn(ledger);
      searched.add(ledger.id);
      await settings.set(SETTING_SEARCHED, { v: 1, owner: name, ledgers: [...searched] });
    }
  };

  return {
    list: listed,
    owner: () => owner,
    find(text) {
      ownerOrThrow();
      const rowsNow = listed();
      if (text === undefined) {
        const [first] = rowsNow;
        if (first === undefined) throw identityNone();
        return first;
      }
      const wanted = text.toLowerCase();
      const address = (row: AccountRow): string => accountText(row.account);
      const exact = rowsNow.filter((row) => row.name.toLowerCase() === wanted || address(row) === wanted);
      const matches =
        exact.length > 0
          ? exact
          : rowsNow.filter((row) => row.name.toLowerCase().startsWith(wanted) || address(row).startsWith(wanted));
      const [first, ...others] = matches;
      if (first === undefined)
        throw new WalletError(
          { code: 'ACCOUNT_UNKNOWN' },
          `The wallet has no account ${text.slice(0, 80)}; \`hypermesh wallet show\` lists those it has.`,
        );
      if (others.length > 0)
        throw new WalletError(
          { code: 'ACCOUNT_AMBIGUOUS' },
          `${matches.length} accounts begin with ${text.slice(0, 80)}: ${matches.map(({ name }) => name).join(', ')}. Say more of it.`,
        );
      return first;
    },
    async add(name, watch) {
      const own = ownerOrThrow();
      if (listed().length >= ACCOUNTS_MAX)
        throw new WalletError(
          { code: 'ACCOUNTS_FULL', max: ACCOUNTS_MAX },
          `The wallet has ${ACCOUNTS_MAX} accounts, which is all it keeps; take one off the list first.`,
        );
      checkName(name, null);
      if (watch !== null) {
        const known = all.find(({ account }) => sameBytes(account, watch));
        if (known?.listed === true)
          throw new WalletError(
            { code: 'ACCOUNT_KNOWN', name: known.name },
            `The wallet has this account already, as ${known.name}.`,
          );
        // One of the phrase that nobody listed: it is the owner's, not somebody's.
        if (known === undefined) await rows.addAccount(own, { account: watch, name, place: null, listed: true });
        else await rows.changeAccount(known.id, { name, listed: true });
      } else {
        const taken = new Set(listed().map(({ place }) => place));
        let place = 1;
        while (taken.has(place)) place++;
        const row = await rowAt(place);
        // Somebody else's name came in while the keys were derived.
        checkName(name, null);
        await rows.changeAccount(row.id, { name, listed: true });
      }
      await reload();
    },
    async rename(row, name) {
      checkName(name, row.account);
      await rows.changeAccount(row.id, { name, listed: true });
      await reload();
    },
    async remove(row) {
      if (row.place === 0)
        throw new WalletError(
          { code: 'ACCOUNT_IN_USE' },
          'This is the first account of the phrase, which the node itself uses, so it stays on the list; give it another name if you like.',
        );
      if (row.place === null) await rows.removeAccount(row.id);
      else await rows.changeAccount(row.id, { name: row.name, listed: false });
      await reload();
    },
    async load() {
      const id = identity.view().identity?.accountKeyId;
      const now = id === undefined ? null : parseKeyId(id);
      if (now !== null && owner !== null && sameBytes(now, owner)) return;
      owner = now;
      all = [];
      if (now !== null) {
        all = await rows.accounts(now);
        if (!all.some(({ place }) => place === 0)) {
          await rows.addAccount(now, { account: now, name: 'main', place: 0, listed: true });
          all = await rows.accounts(now);
        }
      }
      onChanged();
    },
    search: () =>
      (searching ??= searchAll()
        .catch((error: unknown) => {
          // Locked meanwhile: when they are unlocked next.
          if (!isNodeError(error) || error.code !== 'IDENTITY_LOCKED')
            logger.warn('Accounts of the phrase could not be looked for', { reason: messageOf(error) });
        })
        .finally(() => {
          searching = null;
        })),
  };
};
