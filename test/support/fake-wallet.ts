import type {
  Call,
  CallError,
  Contact,
  PayloadOf,
  PaymentRequest,
  Push,
  Reply,
  RequestInputOf,
  ResponseOf,
  WalletAccount,
  WalletDraft,
  WalletEntry,
  WalletView,
} from '../../preload/contract/index.ts';
import { FAKE_PASSPHRASE } from './fake-identity.ts';
import { fakeHash } from './fake-proofs.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const CHARSET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';

/** 63 characters that look like an address and depend on a text; their checksum is nobody's business here. */
export const fakeAddress = (text: string): string => {
  const digits = fakeHash(text);
  return `caes1${Array.from({ length: 58 }, (_, at) => CHARSET[(Number.parseInt(digits[at] ?? '0', 16) * 2 + (at % 2)) % 32]).join('')}`;
};

export const FAKE_LEDGER = fakeHash('ledger attic');
export const ANNA = fakeAddress('anna');
const MAIN = fakeAddress('main');
const SAVINGS = fakeAddress('savings');
const CLUB = fakeAddress('club');

const account = (change: Partial<WalletAccount> & Pick<WalletAccount, 'address' | 'name'>): WalletAccount => ({
  kind: 'own',
  index: 0,
  availableMicro: '0',
  escrowedMicro: '0',
  stakedMicro: '0',
  unbondingMicro: '0',
  unbondedAtMs: null,
  outgoingMicro: '0',
  incomingMicro: '0',
  ...change,
});

export const sampleWallet = (change: Partial<WalletView> = {}): WalletView => ({
  ledger: { id: FAKE_LEDGER, name: 'attic', height: 12_408, current: true },
  status: 'unlocked',
  reason: null,
  accounts: [
    account({
      address: MAIN,
      name: 'main',
      availableMicro: '1234567890000',
      escrowedMicro: '12500000',
      stakedMicro: '250000000000',
      outgoingMicro: '2000100',
    }),
    account({
      address: SAVINGS,
      name: 'savings',
      index: 1,
      availableMicro: '40000000',
      unbondingMicro: '5000000',
      unbondedAtMs: Date.now() + 3 * DAY_MS,
    }),
    account({ address: CLUB, name: 'club', kind: 'watch', index: null, availableMicro: '99000000' }),
  ],
  totalMicro: '1484625389900',
  lockAfterMinutes: 15,
  approval: 'passphrase',
  feeMicro: '1200',
  rewards: { yieldPermilleYear: 35, unbondMs: 7 * DAY_MS },
  priceList: [{ day: '2026-01-04', value: 0.12, currency: 'EUR' }],
  ...change,
});

export const emptyWallet = (): WalletView => ({
  ...sampleWallet(),
  ledger: null,
  status: 'none',
  reason: 'There is no identity yet.',
  accounts: [],
  totalMicro: '0',
  rewards: null,
  priceList: [],
});

const entry = (at: number, change: Partial<WalletEntry>): WalletEntry => ({
  id: `entry-${String(at).padStart(6, '0')}`,
  account: MAIN,
  kind: 'other',
  deltaMicro: '0',
  feeMicro: '0',
  other: null,
  otherName: '',
  memo: '',
  lease: null,
  transaction: fakeHash(`transaction ${at}`),
  height: 12_400 - at,
  atMs: Date.now() - (at + 1) * 47 * MINUTE_MS,
  state: 'final',
  sentence: 'Something of the network changed this account.',
  ...change,
});

export const sampleEntries = (): WalletEntry[] => [
  entry(0, {
    kind: 'sent',
    deltaMicro: '-2000100',
    feeMicro: '1200',
    other: ANNA,
    otherName: 'anna',
    memo: 'for March',
    state: 'waiting',
    height: null,
    sentence: 'You sent 2 CAES to anna.',
  }),
  entry(1, {
    kind: 'lent',
    deltaMicro: '1250000',
    other: fakeAddress('borrower'),
    lease: '3f2a91c04be77d1082a6c5f0e19b4d77',
    sentence: 'A borrower paid for 2 cores for an hour.',
  }),
  entry(2, { kind: 'reward', deltaMicro: '830412', transaction: null, sentence: 'Epoch 206 rewarded proven use.' }),
  entry(3, {
    account: SAVINGS,
    kind: 'unstaked',
    deltaMicro: '-1200',
    feeMicro: '1200',
    sentence: 'You took 5 CAES out of the stake.',
  }),
  entry(4, {
    kind: 'sent',
    deltaMicro: '-7000000',
    feeMicro: '1200',
    other: fakeAddress('stranger'),
    state: 'dropped',
    height: null,
    sentence: 'It was not taken: the account had less than that.',
  }),
  entry(5, {
    kind: 'genesis',
    deltaMicro: '1000000000000',
    transaction: null,
    height: 1,
    sentence: 'You began with it.',
  }),
];

/** A long history, newest first. */
export const manyEntries = (count: number): WalletEntry[] =>
  Array.from({ length: count }, (_, at) =>
    entry(at, {
      kind: at % 3 === 0 ? 'received' : at % 3 === 1 ? 'lent' : 'reward',
      deltaMicro: String(1_000_000 + at),
      other: at % 3 === 0 ? ANNA : null,
      otherName: at % 3 === 0 ? 'anna' : '',
      memo: at % 5 === 0 ? `number ${at}` : '',
      height: 200_000 - at,
    }),
  );

/** What a fake node keeps of the wallet. */
export interface FakeWallet {
  view: WalletView;
  /** Newest first. */
  entries: WalletEntry[];
  contacts: Contact[];
  requests: PaymentRequest[];
  draft: WalletDraft | null;
  /** What `wallet:settled` answers. */
  settled: ResponseOf<'wallet:settled'>;
}

export const sampleWalletState = (): FakeWallet => ({
  view: sampleWallet(),
  entries: sampleEntries(),
  contacts: [{ address: ANNA, name: 'anna', note: 'next door' }],
  requests: [],
  draft: null,
  settled: { state: 'final', height: 12_409, reason: '' },
});

type WalletCall = Extract<Call, `wallet:${string}`>;
type WalletHandlers = { [C in WalletCall]: (request: RequestInputOf<C>) => Reply<ResponseOf<C>> };

const refused = (code: string, message: string): { ok: false; error: CallError } => ({
  ok: false,
  error: { name: 'WalletError', code, message },
});
const ok = <T>(value: T): Reply<T> => ({ ok: true, value });
const microOf = (amount: string | undefined): bigint => {
  const [whole = '0', rest = ''] = (amount ?? '0').split('.');
  return BigInt(whole) * 1_000_000n + BigInt(rest.padEnd(6, '0'));
};

const titleOf = (request: RequestInputOf<'wallet:draft'>): string => {
  switch (request.kind) {
    case 'send':
      return `Send ${request.amount ?? '12.5'} CAES to ${request.to}`;
    case 'stake':
      return `Put ${request.amount} CAES into the stake`;
    case 'unstake':
      return `Take ${request.amount} CAES out of the stake`;
    case 'validate':
      return request.join === true ? 'Become a validator' : 'Stop validating';
    case 'admit':
      return `Let ${request.member} in`;
    case 'putOut':
      return `Put ${request.member} out`;
    case 'parameters':
      return `Change ${Object.keys(request.changes).join(', ')}`;
    case 'message':
      return 'Sign a message';
  }
};

/** What a fake node answers on its wallet: what was drafted is what is signed, and nothing without the passphrase. */
export const fakeWalletHandlers = (
  state: FakeWallet,
  push: <P extends Push>(name: P, payload: PayloadOf<P>) => void,
): WalletHandlers => {
  const keep = (change: Partial<WalletView>): Reply<WalletView> => {
    state.view = { ...state.view, ...change };
    push('wallet', state.view);
    return ok(state.view);
  };
  const known = (name: string): WalletAccount | undefined =>
    state.view.accounts.find((one) => one.address === name || one.name === name);
  const matching = (request: RequestInputOf<'wallet:history'>): WalletEntry[] =>
    state.entries.filter(
      (one) =>
        (request.account === undefined || one.account === request.account) &&
        (request.kind === undefined || one.kind === request.kind) &&
        (request.fromMs === undefined || one.atMs >= Number(request.fromMs)) &&
        (request.toMs === undefined || one.atMs <= Number(request.toMs)) &&
        (request.text === undefined || `${one.memo} ${one.otherName} ${one.other ?? ''}`.includes(request.text)),
    );
  return {
    'wallet:get': () => ok(state.view),
    'wallet:addAccount': ({ name, watch }) =>
      known(name) === undefined
        ? keep({
            accounts: [
              ...state.view.accounts,
              account({
                address: watch ?? fakeAddress(name),
                name,
                kind: watch === undefined ? 'own' : 'watch',
                index: watch === undefined ? state.view.accounts.length : null,
              }),
            ],
          })
        : refused('NAME_TAKEN', `Another account is called ${name}; choose another name.`),
    'wallet:rename': ({ account: which, name }) =>
      keep({ accounts: state.view.accounts.map((one) => (one.address === which ? { ...one, name } : one)) }),
    'wallet:removeAccount': ({ account: which }) =>
      keep({ accounts: state.view.accounts.filter((one) => one.address !== which) }),
    'wallet:history': (request) => {
      const all = matching(request);
      const from = request.before === undefined ? 0 : all.findIndex(({ id }) => id === request.before) + 1;
      const first = from + Number(request.offset ?? 0);
      return ok({ entries: all.slice(first, first + Number(request.limit ?? 100)), total: all.length });
    },
    'wallet:exportHistory': () => ok({ fileName: 'hypermesh-history.csv', csv: 'time,kind,caes\n' }),
    'wallet:draft': (request) => {
      if (state.view.status !== 'unlocked')
        return refused('IDENTITY_LOCKED', 'The wallet is locked; unlock it with its passphrase.');
      const from = known(request.account ?? MAIN) ?? state.view.accounts[0];
      if (from === undefined) return refused('ACCOUNT_UNKNOWN', 'This wallet has no account of that name.');
      const amount = 'amount' in request ? microOf(request.amount) : 0n;
      const fee = request.kind === 'message' ? 0n : BigInt(state.view.feeMicro);
      const before = BigInt(from.availableMicro);
      if (request.kind === 'send' && before < amount + fee)
        return refused('NOT_ENOUGH', 'The account has less than that and the fee; send less.');
      state.draft = {
        draft: `draft-${request.kind}`,
        kind: request.kind,
        account: from.address,
        title: titleOf(request),
        lines: [
          { label: 'From', value: `${from.name}, ${from.address}` },
          ...(request.kind === 'send' ? [{ label: 'To', value: request.to }] : []),
          ...(request.kind === 'send' && request.memo ? [{ label: 'Note', value: request.memo }] : []),
          ...(request.kind === 'message' ? [{ label: 'Message', value: request.message }] : []),
        ],
        amountMicro: String(amount),
        feeMicro: String(fee),
        availableBeforeMicro: String(before),
        availableAfterMicro: String(request.kind === 'unstake' ? before - fee : before - amount - fee),
        warnings:
          request.kind === 'send' && !state.contacts.some(({ name }) => name === request.to)
            ? ['You have never sent anything to this address.']
            : [],
        expiresAtMs: Date.now() + 5 * MINUTE_MS,
      };
      return ok(state.draft);
    },
    'wallet:approve': ({ draft, passphrase }) => {
      if (state.draft?.draft !== draft) return refused('DRAFT_UNKNOWN', 'That draft is gone; make it once more.');
      if (passphrase === undefined && state.view.approval === 'passphrase')
        return refused('PASSPHRASE_NEEDED', 'Signing needs the passphrase of the keys.');
      if (passphrase !== undefined && passphrase !== FAKE_PASSPHRASE)
        return refused('PASSPHRASE_WRONG', 'That is not the passphrase of these keys; try again.');
      if (state.draft.kind === 'message')
        return ok({ signed: 'message', file: 'AAEC', fileName: 'hypermesh-message.hmmessage' });
      const delta = BigInt(state.draft.availableAfterMicro) - BigInt(state.draft.availableBeforeMicro);
      const made = entry(900_000 + state.entries.length, {
        kind: 'sent',
        deltaMicro: String(delta),
        feeMicro: state.draft.feeMicro,
        state: 'waiting',
        height: null,
        sentence: state.draft.title,
      });
      state.entries = [made, ...state.entries];
      return ok({ signed: 'transaction', transaction: fakeHash(draft), entry: made });
    },
    'wallet:settled': () => ok(state.settled),
    'wallet:verifyMessage': ({ file }) =>
      file === 'AAEC'
        ? ok({
            passed: true,
            address: ANNA,
            name: 'anna',
            message: 'I have read the rules.',
            atMs: Date.now() - DAY_MS,
            sentence: 'Both signatures are those of this address',
          })
        : refused('MESSAGE_MALFORMED', 'That is no signed message; choose a file that a wallet has saved.'),
    'wallet:contacts': () => ok({ contacts: state.contacts }),
    'wallet:setContact': ({ address, name, note }) => {
      state.contacts = [
        ...state.contacts.filter((one) => one.address !== address),
        { address, name, note: note ?? '' },
      ];
      return ok({ contacts: state.contacts });
    },
    'wallet:removeContact': ({ address }) => {
      state.contacts = state.contacts.filter((one) => one.address !== address);
      return ok({ contacts: state.contacts });
    },
    'wallet:requests': () => ok({ requests: state.requests }),
    'wallet:request': ({ account: which, amount, memo }) => {
      const made: PaymentRequest = {
        id: `request-${state.requests.length + 1}`,
        account: which ?? MAIN,
        amountMicro: amount === undefined ? null : String(microOf(amount)),
        memo: memo ?? '',
        link: `hypermesh:pay?to=${which ?? MAIN}&network=${FAKE_LEDGER}`,
        createdAtMs: Date.now(),
        paidMicro: '0',
      };
      state.requests = [made, ...state.requests];
      return ok(made);
    },
    'wallet:removeRequest': ({ id }) => {
      state.requests = state.requests.filter((one) => one.id !== id);
      return ok({ requests: state.requests });
    },
    'wallet:set': (change) =>
      keep({
        ...(change.lockAfterMinutes === undefined ? {} : { lockAfterMinutes: Number(change.lockAfterMinutes) }),
        ...(change.priceList === undefined ? {} : { priceList: change.priceList }),
      }),
  };
};
