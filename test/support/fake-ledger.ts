import type {
  Call,
  CallError,
  LedgerBlockSummary,
  LedgerBlockView,
  LedgerSummary,
  LedgerView,
  PayloadOf,
  Push,
  ReceiptVerdict,
  Reply,
  RequestInputOf,
  ResponseOf,
} from '../../preload/contract/index.ts';
import { fakeHash } from './fake-proofs.ts';
import { FAKE_LEASE } from './fake-rewards.ts';
import { ANNA, FAKE_LEDGER, fakeAddress } from './fake-wallet.ts';

const HOUR_MS = 3_600_000;
const HOME = fakeHash('ledger home');
const HEIGHT = 12_408;
const NAMES = ['workshop', 'anna', 'bert', 'club'] as const;

export const sampleNetworks = (): LedgerSummary[] => [
  {
    id: FAKE_LEDGER,
    name: 'attic',
    home: false,
    current: true,
    height: HEIGHT,
    timeMs: Date.now() - 40_000,
    isValidator: true,
    validators: 4,
    peers: 3,
    sync: { state: 'current' },
    halted: null,
  },
  {
    id: HOME,
    name: 'home',
    home: true,
    current: false,
    height: 217,
    timeMs: Date.now() - 2 * HOUR_MS,
    isValidator: true,
    validators: 1,
    peers: 0,
    sync: { state: 'alone' },
    halted: null,
  },
  {
    id: fakeHash('ledger laboratory'),
    name: 'laboratory',
    home: false,
    current: false,
    height: 8_000,
    timeMs: Date.now() - 26 * HOUR_MS,
    isValidator: false,
    validators: 7,
    peers: 2,
    sync: { state: 'blocks', height: 8_000, target: 40_000, fromPeer: 'bert' },
    halted: null,
  },
];

const keyOf = (name: string): string => `key:b${fakeHash(name).slice(0, 52)}`;

/** One network in full; its four validators are one of each state that a keeper has to see. */
export const sampleLedger = (summary: LedgerSummary, change: Partial<LedgerView> = {}): LedgerView => ({
  ...summary,
  hash: fakeHash(`block ${summary.height}`),
  round: 0,
  step: 'waiting',
  waitingTransactions: 2,
  waitingBytes: 7_340,
  validatorsList: NAMES.slice(0, summary.home ? 1 : 4).map((name, index) => ({
    id: keyOf(name),
    peerId: `12D3KooW${fakeHash(name).slice(0, 44)}`,
    name,
    self: index === 0,
    account: index === 1 ? ANNA : fakeAddress(name),
    power: index === 3 ? 0 : 250_000,
    powerPermille: index === 3 ? 0 : 333,
    stakeMicro: index === 3 ? '0' : '250000000000',
    signed: [100, 97, 41, 0][index] ?? 0,
    blocks: 100,
    missedProposals: index === 2 ? 9 : 0,
    leftOut: index === 2 ? 3 : 0,
    lastHeardMs: Date.now() - index * 20_000,
    state: (['signing', 'slow', 'silent', 'out'] as const)[index] ?? 'signing',
    sentence:
      [
        'It signed every block in time',
        'Its votes come 2.1 s after those of the others',
        'It signed 41 of the last 100 blocks',
        'It signed two blocks of height 12 001, which stands in block 12 003',
      ][index] ?? '',
  })),
  evidence: summary.home
    ? []
    : [
        {
          validator: keyOf('club'),
          name: 'club',
          height: 12_001,
          inBlock: 12_003,
          atMs: Date.now() - 5 * HOUR_MS,
          slashedMicro: '12500000000',
          sentence: 'It signed two blocks of one height and round',
        },
      ],
  members: summary.home
    ? []
    : [
        { account: fakeAddress('main'), name: 'main', mayValidate: true },
        { account: ANNA, name: 'anna', mayValidate: true },
        { account: fakeAddress('guest'), name: '', mayValidate: false },
      ],
  admins: [fakeAddress('main')],
  isAdmin: true,
  parameters: [
    {
      name: 'consensus.heartbeatMs',
      value: '60000',
      unit: 'ms',
      min: '1000',
      max: '86400000',
      fixed: false,
      sentence: 'A block is made at least so often',
    },
    {
      name: 'economy.burnPermille',
      value: '50',
      unit: '‰',
      min: '0',
      max: '500',
      fixed: false,
      sentence: 'So much of every payment is burnt',
    },
    {
      name: 'economy.feePerByte',
      value: '1',
      unit: 'micro-CAES',
      min: '0',
      max: '1000000',
      fixed: false,
      sentence: 'A transaction pays so much for each of its bytes',
    },
  ],
  supply: {
    totalMicro: '2000198120000',
    genesisMicro: '2000000000000',
    mintedMicro: '206000000',
    burntMicro: '7880000',
    stakedMicro: '750000000000',
  },
  schedule: [
    'In this epoch at most 100 CAES are minted: 40 for stakes and 60 for proven use',
    'The amount is halved every 8 760 epochs',
  ],
  epoch: { number: 206, endsAtMs: Date.now() + 21 * 60_000 },
  prices: [
    {
      kind: 'cpu',
      unit: 'millicores',
      reference: 1000,
      priceMicro: '650000',
      minMicro: '10000',
      maxMicro: '10000000',
      utilisationPermille: 412,
    },
    {
      kind: 'memory',
      unit: 'bytes',
      reference: 1_073_741_824,
      priceMicro: '5350',
      minMicro: '10',
      maxMicro: '100000',
      utilisationPermille: 150,
    },
  ],
  ...change,
});

const blockAt = (height: number): LedgerBlockSummary => ({
  height,
  hash: fakeHash(`block ${height}`),
  timeMs: Date.now() - 40_000 - (HEIGHT - height) * 60_000,
  proposer: keyOf(NAMES[height % 3] ?? 'workshop'),
  proposerName: NAMES[height % 3] ?? 'workshop',
  transactions: height % 4,
  evidence: height === 12_003 ? 1 : 0,
  sizeBytes: 5_430 + (height % 4) * 3_300,
  signatures: 3,
  validators: 4,
  round: height % 10 === 0 ? 1 : 0,
});

export const sampleBlock = (height: number): LedgerBlockView => ({
  ...blockAt(height),
  previous: fakeHash(`block ${height - 1}`),
  stateRoot: fakeHash(`state ${height}`),
  signers: NAMES.map((name, index) => ({
    name,
    id: keyOf(name),
    signed: index !== 2,
    power: index === 3 ? 0 : 250_000,
  })),
  transactionsList: Array.from({ length: height % 4 }, (_, index) => ({
    hash: fakeHash(`transaction ${height} ${index}`),
    kind: index === 0 ? 'lease.settle' : 'account.transfer',
    from: ANNA,
    fromName: 'anna',
    feeMicro: '3300',
    amountMicro: '1250000',
    to: fakeAddress('main'),
    toName: 'main',
    sentence: index === 0 ? 'Settles a lease of 2 cores: 1.25 CAES to main' : 'Sends 1.25 CAES to main',
    sizeBytes: 3_300,
    atMs: Date.now() - 50_000,
  })),
});

export const sampleReceiptVerdict = (failed = false): ReceiptVerdict => ({
  passed: !failed,
  findings: (
    ['genesis', 'offer', 'request', 'grant', 'receipt', 'proof', 'payment', 'block', 'signatures'] as const
  ).map((check) => {
    const wrong = failed && check === 'signatures';
    return {
      check,
      passed: !wrong,
      code: wrong ? 'SIGNATURES_TOO_FEW' : null,
      sentence: wrong ? 'Validators with half of the power signed; more than two thirds are needed' : 'It holds',
    };
  }),
  receipt: failed
    ? null
    : {
        network: 'attic',
        networkId: FAKE_LEDGER,
        lease: FAKE_LEASE,
        kind: 'cpu',
        unit: 'millicores',
        amount: 2000,
        unitSeconds: 7_200_000,
        startsAtMs: Date.now() - 3 * HOUR_MS,
        endsAtMs: Date.now() - 2 * HOUR_MS,
        lender: keyOf('workshop'),
        lenderAccount: fakeAddress('main'),
        borrower: keyOf('anna'),
        borrowerAccount: ANNA,
        paidMicro: '1250000',
        burntMicro: '65789',
        proofs: [
          { kind: 'space', passed: true },
          { kind: 'stake', passed: true },
          { kind: 'work', passed: true },
          { kind: 'time', passed: true },
        ],
        height: 12_399,
        vouchedHeight: HEIGHT,
        block: fakeHash('block 12399'),
        transaction: fakeHash('settlement'),
        settledAtMs: Date.now() - 2 * HOUR_MS,
        signers: ['workshop', 'anna', 'bert'],
      },
});

/** What a fake node keeps of the networks that it follows. */
export interface FakeLedger {
  networks: LedgerSummary[];
  /** Laid over the view of each network. */
  change: Partial<LedgerView>;
  receiptFails: boolean;
}
export const sampleLedgerState = (): FakeLedger => ({ networks: sampleNetworks(), change: {}, receiptFails: false });

type LedgerCall = Extract<Call, `ledgers:${string}` | `receipts:${string}`>;
type LedgerHandlers = { [C in LedgerCall]: (request: RequestInputOf<C>) => Reply<ResponseOf<C>> };

const refused = (code: string, message: string): { ok: false; error: CallError } => ({
  ok: false,
  error: { name: 'LedgerError', code, message },
});
const unknownNetwork = refused('LEDGER_UNKNOWN', 'This node follows no network of that name; see the list.');

/** What a fake node answers on its networks. */
export const fakeLedgerHandlers = (
  state: FakeLedger,
  push: <P extends Push>(name: P, payload: PayloadOf<P>) => void,
): LedgerHandlers => {
  const told = (): void => push('ledgers', { ledgers: state.networks });
  const find = (name: string | undefined): LedgerSummary | undefined =>
    state.networks.find(
      (network) =>
        network.id === name || network.name === name || (network.current && (name ?? 'current') === 'current'),
    );
  const add = (network: LedgerSummary): void => {
    state.networks = [
      ...state.networks
        .filter(({ id }) => id !== network.id)
        .map((other) => ({ ...other, current: network.current ? false : other.current })),
      network,
    ];
    told();
  };
  const made = (name: string, current: boolean): LedgerSummary => ({
    id: fakeHash(`ledger ${name}`),
    name,
    home: false,
    current,
    height: 1,
    timeMs: Date.now(),
    isValidator: true,
    validators: 1,
    peers: 0,
    sync: { state: 'alone' },
    halted: null,
  });
  return {
    'ledgers:list': () => ({ ok: true, value: { ledgers: state.networks } }),
    'ledgers:get': ({ ledger }) => {
      const network = find(ledger);
      return network === undefined ? unknownNetwork : { ok: true, value: sampleLedger(network, state.change) };
    },
    'ledgers:create': ({ name }) => {
      if (find(name) !== undefined) return refused('NAME_TAKEN', `You follow a network called ${name} already.`);
      add(made(name, true));
      return { ok: true, value: { ledger: made(name, true), fileName: `${name}.hmgenesis`, genesis: 'AAEC' } };
    },
    'ledgers:genesis': ({ ledger }) => {
      const network = find(ledger);
      return network === undefined
        ? unknownNetwork
        : { ok: true, value: { fileName: `${network.name}.hmgenesis`, genesis: 'AAEC' } };
    },
    'ledgers:join': ({ genesis, use }) => {
      if (genesis !== 'AAEC')
        return refused('GENESIS_INVALID', 'That is no genesis file; ask its founder for another.');
      add(made('garden', use ?? true));
      return { ok: true, value: made('garden', use ?? true) };
    },
    'ledgers:use': ({ ledger }) => {
      const network = find(ledger);
      if (network === undefined) return unknownNetwork;
      state.networks = state.networks.map((other) => ({ ...other, current: other.id === network.id }));
      told();
      return { ok: true, value: { ...network, current: true } };
    },
    'ledgers:vouch': ({ ledger }) => {
      const network = find(ledger);
      return network === undefined ? unknownNetwork : { ok: true, value: { ...network, halted: null } };
    },
    'ledgers:leave': ({ ledger }) => {
      const network = find(ledger);
      if (network === undefined) return unknownNetwork;
      if (network.home) return refused('HOME_STAYS', 'The home network stays: it belongs to the identity.');
      state.networks = state.networks.filter(({ id }) => id !== network.id);
      told();
      return { ok: true, value: { ledgers: state.networks } };
    },
    'ledgers:blocks': ({ before, limit }) => {
      const top = before === undefined ? HEIGHT : Number(before) - 1;
      return {
        ok: true,
        value: {
          blocks: Array.from({ length: Math.min(Number(limit ?? 30), top) }, (_, index) => blockAt(top - index)),
        },
      };
    },
    'ledgers:block': ({ height }) =>
      Number(height) <= HEIGHT
        ? { ok: true, value: sampleBlock(Number(height)) }
        : refused('BLOCK_UNKNOWN', `The ledger has no block ${Number(height)} yet.`),
    'receipts:file': () => ({ ok: true, value: { fileName: 'lease-3f2a.hmreceipt', bytes: 'AAEC' } }),
    'receipts:verify': ({ file }) =>
      file === 'AAEC'
        ? { ok: true, value: sampleReceiptVerdict(state.receiptFails) }
        : refused('RECEIPT_MALFORMED', 'That is no receipt file; choose one that a node has saved.'),
  };
};
