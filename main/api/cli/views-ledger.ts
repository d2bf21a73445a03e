import {
  type Call,
  type LedgerSummary,
  type LedgerView,
  pricedAmountOf,
  type ResponseOf,
} from '../../../preload/contract/index.ts';
import { type Style, formatFields, formatTable, printable } from './table.ts';
import { formatAmount, formatBytes, formatCaes, formatCount, formatTime, withLocalTimes } from './units.ts';

type LedgerCall = Extract<Call, `${'ledgers' | 'receipts'}:${string}`>;

const text = (value: string): string => withLocalTimes(printable(value));
const SHORT_ID_CHARS = 12;

const progressOf = ({ sync, halted }: LedgerSummary, style: Style): string => {
  if (halted !== null) return style.bad(text(halted));
  switch (sync.state) {
    case 'alone':
      return 'by itself';
    case 'current':
      return style.good('current');
    case 'blocks':
      return style.careful(`block ${sync.height} of ${sync.target}`);
    case 'snapshot':
      return style.careful(`part ${sync.receivedChunks} of ${sync.chunks} of the state`);
  }
};
const viewLedgers = (ledgers: readonly LedgerSummary[], style: Style): string =>
  ledgers.length === 0
    ? 'There is no ledger yet: the home network begins with the identity; see hypermesh identity create.\n'
    : formatTable(
        [
          { title: 'NETWORK', shrinksTo: 8 },
          { title: 'USED' },
          { title: 'BLOCK', right: true },
          { title: 'VALIDATORS', right: true },
          { title: 'PEERS', right: true },
          { title: 'STATE', shrinksTo: 12 },
          { title: 'ID' },
        ],
        ledgers.map((ledger) => [
          text(ledger.name),
          ledger.current ? 'yes' : '',
          String(ledger.height),
          `${ledger.validators}${ledger.isValidator ? ' (this one too)' : ''}`,
          String(ledger.peers),
          progressOf(ledger, style),
          ledger.id.slice(0, SHORT_ID_CHARS),
        ]),
        style,
      );
const one = (ledger: LedgerSummary, style: Style): string => viewLedgers([ledger], style);

const STATE_PAINT = { signing: 'good', slow: 'careful', silent: 'bad', censoring: 'bad', out: 'faint' } as const;
export const viewValidators = ({ validatorsList }: LedgerView, style: Style): string =>
  formatTable(
    [
      { title: 'VALIDATOR', shrinksTo: 10 },
      { title: 'POWER', right: true },
      { title: 'STAKE', right: true },
      { title: 'SIGNED', right: true },
      { title: 'MISSED', right: true },
      { title: 'STATE' },
      { title: 'WHY', shrinksTo: 12 },
    ],
    validatorsList.map((validator) => [
      `${text(validator.name)}${validator.self ? ' (this node)' : ''}`,
      `${(validator.powerPermille / 10).toFixed(1)} %`,
      formatCaes(validator.stakeMicro),
      `${validator.signed} of ${validator.blocks}`,
      String(validator.missedProposals),
      style[STATE_PAINT[validator.state]](validator.state),
      text(validator.sentence),
    ]),
    style,
  );
export const viewParameters = ({ parameters }: LedgerView, style: Style): string =>
  formatTable(
    [
      { title: 'PARAMETER' },
      { title: 'VALUE', right: true },
      { title: 'FROM', right: true },
      { title: 'TO', right: true },
      { title: 'UNIT' },
      { title: 'WHAT IT DOES', shrinksTo: 16 },
    ],
    parameters.map(({ name, value, min, max, unit, fixed, sentence }) => [
      name,
      value,
      fixed ? 'fixed' : min,
      fixed ? '' : max,
      unit,
      text(sentence),
    ]),
    style,
  );
const viewLedger = (ledger: LedgerView, style: Style): string =>
  [
    formatFields(
      [
        ['Network', `${style.bold(text(ledger.name))}${ledger.current ? ', the one in use' : ''}`],
        ['Id', ledger.id],
        ['Block', `${ledger.height}${ledger.timeMs === null ? '' : `, ${formatTime(ledger.timeMs)}`}`],
        ['State', progressOf(ledger, style)],
        ['Waiting', `${formatCount(ledger.waitingTransactions, 'transaction')}, ${formatBytes(ledger.waitingBytes)}`],
        [
          'CAES',
          `${formatCaes(ledger.supply.totalMicro)}: ${formatCaes(ledger.supply.genesisMicro)} from the start, ${formatCaes(ledger.supply.mintedMicro)} minted, ${formatCaes(ledger.supply.burntMicro)} burnt; ${formatCaes(ledger.supply.stakedMicro)} at stake`,
        ],
        ['Epoch', `${ledger.epoch.number}, until ${formatTime(ledger.epoch.endsAtMs)}`],
        ...ledger.schedule.map((line) => ['Schedule', text(line)] as const),
        [
          'Members',
          ledger.members.length === 0 ? 'anybody may take part' : formatCount(ledger.members.length, 'account'),
        ],
      ],
      style,
    ),
    '\n',
    viewValidators(ledger, style),
    ledger.prices.length === 0
      ? ''
      : `\n${formatTable(
          [
            { title: 'PRICE OF' },
            { title: 'FOR AN HOUR', right: true },
            { title: 'FROM', right: true },
            { title: 'TO', right: true },
            { title: 'USED', right: true },
          ],
          ledger.prices.map(({ kind, priceMicro, minMicro, maxMicro, utilisationPermille }) => [
            `${kind}, 1 ${pricedAmountOf(kind)}`,
            formatCaes(priceMicro),
            formatCaes(minMicro),
            formatCaes(maxMicro),
            `${(utilisationPermille / 10).toFixed(1)} %`,
          ]),
          style,
        )}`,
    ...ledger.evidence.map(
      (found) =>
        `${style.bad('Lied')}: ${text(found.sentence)}${found.slashedMicro === null ? '' : ` ${formatCaes(found.slashedMicro)} were burnt.`}\n`,
    ),
  ].join('');

const viewBlocks = ({ blocks }: ResponseOf<'ledgers:blocks'>, style: Style): string =>
  blocks.length === 0
    ? 'No block was made yet; the first comes with the first transaction.\n'
    : formatTable(
        [
          { title: 'BLOCK', right: true },
          { title: 'WHEN' },
          { title: 'PROPOSED BY', shrinksTo: 8 },
          { title: 'TRANSACTIONS', right: true },
          { title: 'SIGNED', right: true },
          { title: 'SIZE', right: true },
          { title: 'HASH' },
        ],
        blocks.map((block) => [
          String(block.height),
          formatTime(block.timeMs),
          text(block.proposerName),
          String(block.transactions),
          `${block.signatures} of ${block.validators}`,
          formatBytes(block.sizeBytes),
          block.hash.slice(0, SHORT_ID_CHARS),
        ]),
        style,
      );
const viewBlock = (block: ResponseOf<'ledgers:block'>, style: Style): string =>
  [
    formatFields(
      [
        ['Block', String(block.height)],
        ['When', formatTime(block.timeMs)],
        ['Hash', block.hash],
        ['Before', block.previous],
        ['State', block.stateRoot],
        ['Proposed by', text(block.proposerName)],
        [
          'Signed by',
          `${block.signers
            .filter(({ signed }) => signed)
            .map(({ name }) => text(name))
            .join(', ')} (${block.signatures} of ${block.validators})`,
        ],
      ],
      style,
    ),
    block.transactionsList.length === 0
      ? 'Nothing stands in it: it only shows that the network lives.\n'
      : `\n${formatTable(
          [
            { title: 'KIND' },
            { title: 'BY', shrinksTo: 10 },
            { title: 'FEE', right: true },
            { title: 'WHAT', shrinksTo: 20 },
          ],
          block.transactionsList.map(({ kind, fromName, from, feeMicro, sentence }) => [
            kind,
            fromName === '' ? `${from.slice(0, SHORT_ID_CHARS)}…` : text(fromName),
            formatCaes(feeMicro),
            text(sentence),
          ]),
          style,
        )}`,
  ].join('');

const viewReceipt = (verdict: ResponseOf<'receipts:verify'>, style: Style): string => {
  const findings = verdict.findings
    .map(
      ({ check, passed, sentence }) =>
        `${passed ? style.good('holds ') : style.bad('FAILED')}  ${check.padEnd(11)}${text(sentence)}\n`,
    )
    .join('');
  if (verdict.receipt === null) return `${findings}${style.bad('This receipt does not hold.')}\n`;
  const { receipt } = verdict;
  return `${findings}\n${formatFields(
    [
      ['Lease', receipt.lease],
      [
        'Lent',
        `${formatAmount(receipt.amount, receipt.unit)} of ${receipt.kind}, ${formatTime(receipt.startsAtMs)} to ${formatTime(receipt.endsAtMs)}`,
      ],
      ['Used', `${receipt.unitSeconds} unit-seconds`],
      ['By', `${receipt.lender} (${receipt.lenderAccount})`],
      ['To', `${receipt.borrower} (${receipt.borrowerAccount})`],
      [
        'Proved',
        receipt.proofs.map(({ kind, passed }) => `${kind} ${passed ? 'holds' : 'missing'}`).join(', ') || 'nothing',
      ],
      ['Paid', `${formatCaes(receipt.paidMicro)} to the lender; ${formatCaes(receipt.burntMicro)} more were burnt`],
      ['Network', `${text(receipt.network)}, ${receipt.networkId}`],
      ['Paid in', `block ${receipt.height}, ${formatTime(receipt.settledAtMs)}`],
      ['Vouched by', `block ${receipt.vouchedHeight}, ${receipt.block}`],
      ['Signed by', receipt.signers.join(', ')],
    ],
    style,
  )}`;
};

export const ledgerViews: { readonly [C in LedgerCall]: (value: ResponseOf<C>, style: Style) => string } = {
  'ledgers:list': ({ ledgers }, style) => viewLedgers(ledgers, style),
  'ledgers:get': viewLedger,
  'ledgers:create': ({ ledger }, style) => one(ledger, style),
  'ledgers:genesis': ({ fileName }) => `${text(fileName)}\n`,
  'ledgers:join': one,
  'ledgers:use': one,
  'ledgers:vouch': one,
  'ledgers:leave': ({ ledgers }, style) => viewLedgers(ledgers, style),
  'ledgers:blocks': viewBlocks,
  'ledgers:block': viewBlock,
  'receipts:file': ({ fileName }) => `${text(fileName)}\n`,
  'receipts:verify': viewReceipt,
};
