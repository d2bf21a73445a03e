import type {
  Call,
  ForecastView,
  ResponseOf,
  WalletDraft,
  WalletEntry,
  WalletView,
} from '../../../preload/contract/index.ts';
import { type Style, formatFields, formatTable, printable, wrap } from './table.ts';
import { formatAmount, formatCaes, formatCount, formatDuration, formatTime, withLocalTimes } from './units.ts';

type WalletCall = Extract<Call, `${'wallet' | 'rewards'}:${string}`>;

const text = (value: string): string => withLocalTimes(printable(value));
/** Enough of an address to tell those of one person apart; whoever pays copies all of it. */
const shortAddress = (address: string): string => `${address.slice(0, 12)}…${address.slice(-6)}`;

/** All that would be signed, before anybody agrees to it. */
export const viewDraft = (draft: WalletDraft, style: Style): string =>
  `${style.bold(text(draft.title))}\n${formatFields(
    draft.lines.map(({ label, value }) => [text(label), text(value)] as const),
    style,
  )}${draft.warnings.map((warning) => `${style.careful('Look twice:')} ${wrap(text(warning), style.columns, 12)}\n`).join('')}`;

const viewWallet = (wallet: WalletView, style: Style): string => {
  const head = formatFields(
    [
      ['Network', wallet.ledger === null ? 'none yet' : `${text(wallet.ledger.name)}, block ${wallet.ledger.height}`],
      ['In all', style.bold(formatCaes(wallet.totalMicro))],
      ...(wallet.reason === null ? [] : [['Attention', style.careful(text(wallet.reason))] as const]),
    ],
    style,
  );
  if (wallet.accounts.length === 0) return head;
  const table = formatTable(
    [
      { title: 'ACCOUNT', shrinksTo: 8 },
      { title: 'AVAILABLE', right: true },
      { title: 'IN ESCROW', right: true },
      { title: 'AT STAKE', right: true },
      { title: 'ON ITS WAY', right: true },
      { title: 'ADDRESS' },
    ],
    wallet.accounts.map((account) => [
      `${text(account.name)}${account.kind === 'watch' ? ' (watched)' : ''}`,
      formatCaes(account.availableMicro),
      formatCaes(account.escrowedMicro),
      formatCaes(account.stakedMicro),
      formatCaes(account.incomingMicro),
      account.address,
    ]),
    style,
  );
  return `${head}\n${table}`;
};

const stateOf = ({ state, height }: WalletEntry, style: Style): string =>
  state === 'final' ? `block ${height ?? '?'}` : state === 'waiting' ? style.careful('waiting') : style.bad('dropped');
const viewHistory = ({ entries, total }: ResponseOf<'wallet:history'>, style: Style): string =>
  entries.length === 0
    ? 'Nothing has happened to these accounts yet.\n'
    : formatTable(
        [
          { title: 'WHEN' },
          { title: 'WHAT' },
          { title: 'CHANGE', right: true },
          { title: 'WITH', shrinksTo: 10 },
          { title: 'STATE' },
          { title: 'MEMO', shrinksTo: 6 },
        ],
        entries.map((entry) => [
          formatTime(entry.atMs),
          entry.kind,
          formatCaes(entry.deltaMicro),
          entry.otherName === '' ? (entry.other === null ? '' : shortAddress(entry.other)) : text(entry.otherName),
          stateOf(entry, style),
          text(entry.memo),
        ]),
        style,
      ) + style.faint(`${formatCount(entries.length, 'line')} of ${total}\n`);

const viewContacts = ({ contacts }: ResponseOf<'wallet:contacts'>, style: Style): string =>
  contacts.length === 0
    ? 'Nobody is in the address book; hypermesh wallet contact set gives an address a name.\n'
    : formatTable(
        [{ title: 'NAME' }, { title: 'ADDRESS' }, { title: 'NOTE', shrinksTo: 8 }],
        contacts.map(({ name, address, note }) => [text(name), address, text(note)]),
        style,
      );
const viewRequest = (request: ResponseOf<'wallet:request'>, style: Style): string =>
  formatFields(
    [
      ['Request', request.id],
      ['Amount', request.amountMicro === null ? 'as the payer says' : formatCaes(request.amountMicro)],
      ['For', text(request.memo)],
      ['Came in', formatCaes(request.paidMicro)],
      ['Link', text(request.link)],
    ],
    style,
  );
const viewRequests = ({ requests }: ResponseOf<'wallet:requests'>, style: Style): string =>
  requests.length === 0
    ? 'Nothing is asked for; hypermesh wallet request makes a link.\n'
    : requests.map((request) => viewRequest(request, style)).join('\n');

const LABELS = {
  lease: 'paid by a borrower',
  reward: 'for proven use',
  yield: 'for the stake',
  fees: 'fees of blocks',
};
const viewRewards = (rewards: ResponseOf<'rewards:get'>, style: Style): string => {
  const head = formatFields(
    [
      ['Since', formatTime(rewards.fromMs)],
      ['Earned', style.bold(formatCaes(rewards.earnedMicro))],
      ['Coming', formatCaes(rewards.comingMicro)],
      ['Could be', `${formatCaes(rewards.potentialMicro)} if all that is offered were used`],
    ],
    style,
  );
  if (rewards.entries.length === 0) return `${head}\nNothing yet; hypermesh rewards why says what is in the way.\n`;
  const list = formatTable(
    [
      { title: 'WHEN' },
      { title: 'CAES', right: true },
      { title: 'WHAT' },
      { title: 'RESOURCE' },
      { title: 'NETWORK', shrinksTo: 8 },
      { title: 'ID' },
    ],
    rewards.entries.map((entry) => [
      formatTime(entry.atMs),
      `${formatCaes(entry.amountMicro)}${entry.state === 'coming' ? ' (coming)' : ''}`,
      LABELS[entry.kind],
      entry.resource ?? '',
      text(entry.network),
      entry.id,
    ]),
    style,
  );
  return `${head}\n${list}${style.faint(`${formatCount(rewards.entries.length, 'entry').replace('entrys', 'entries')} of ${rewards.total}\n`)}`;
};
const viewExplanation = (explained: ResponseOf<'rewards:explain'>, style: Style): string =>
  [
    `${style.bold(formatCaes(explained.entry.amountMicro))}: ${text(explained.entry.sentence)}\n`,
    ...explained.formula.map((line) => `  ${text(line)}\n`),
    formatFields(
      explained.inputs.map(
        ({ name, value, sentence }) => [text(name), `${text(value)}  ${style.faint(text(sentence))}`] as const,
      ),
      style,
    ),
    ...explained.receipts.map(
      (receipt) =>
        `\n${formatFields(
          [
            ['Lease', receipt.lease],
            ['Used', `${receipt.unitSeconds} unit-seconds of ${receipt.kind}`],
            ['Owed, paid', `${formatCaes(receipt.owedMicro)}, ${formatCaes(receipt.paidMicro)}`],
            [
              'Proofs',
              receipt.proofs.map(({ kind, passed }) => `${kind} ${passed ? 'holds' : 'missing'}`).join(', ') || 'none',
            ],
            ['Block', receipt.height === null ? 'none yet' : String(receipt.height)],
          ],
          style,
        )}`,
    ),
  ].join('');
const STEP_WORDS = { passed: 'yes', failed: 'NO', waiting: 'wait', untried: '-' } as const;
const viewFunnel = (funnel: ResponseOf<'rewards:funnel'>, style: Style): string =>
  `${wrap(style.bold(text(funnel.answer)), style.columns, 0)}\n\n${funnel.steps
    .map(({ step, title, state, sentence, fix }) => {
      const paint = state === 'passed' ? style.good : state === 'failed' ? style.bad : style.faint;
      const mark = step === funnel.first ? '→' : ' ';
      const found = wrap(`${style.bold(text(title))}: ${text(sentence)}`, style.columns, 8);
      const todo =
        fix === null
          ? ''
          : `        ${wrap(`${text(fix.sentence)}${fix.command === null ? '' : ` (${fix.command})`}`, style.columns, 8)}\n`;
      return `${mark} ${paint(STEP_WORDS[state].padEnd(5))} ${found}\n${todo}`;
    })
    .join('')}`;
const money = (value: number | null, currency: string): string =>
  value === null ? '' : `${value.toFixed(2)} ${currency}`;
const viewForecast = ({ rows, electricity }: ForecastView, style: Style): string =>
  rows.length === 0
    ? 'Nothing that this machine has is lent by this version; see hypermesh hardware.\n'
    : formatTable(
        [
          { title: 'RESOURCE' },
          { title: 'LEVEL', right: true },
          { title: 'LENDS', right: true },
          { title: 'A MONTH', right: true },
          { title: 'USED', right: true },
          { title: 'POWER', right: true },
          { title: 'COST', right: true },
          { title: 'NET', right: true },
        ],
        rows.map((row) => [
          row.resource,
          `${row.percent} %`,
          formatAmount(row.amount, row.unit),
          formatCaes(row.microPerMonth),
          `${(row.utilisationPermille / 10).toFixed(1)} %`,
          row.kwhPerMonth === null ? '' : `${row.kwhPerMonth.toFixed(1)} kWh`,
          money(row.costPerMonth, electricity.currency),
          money(row.netPerMonth, electricity.currency),
        ]),
        style,
      ) +
      [...new Map(rows.map(({ resource, basis }) => [resource, basis]))]
        .map(([resource, basis]) => style.faint(`${resource}: ${text(basis)}\n`))
        .join('');

export const walletViews: { readonly [C in WalletCall]: (value: ResponseOf<C>, style: Style) => string } = {
  'wallet:get': viewWallet,
  'wallet:addAccount': viewWallet,
  'wallet:rename': viewWallet,
  'wallet:removeAccount': viewWallet,
  'wallet:set': (wallet, style) =>
    formatFields(
      [
        [
          'Locks after',
          wallet.lockAfterMinutes === 0 ? 'never by itself' : formatDuration(wallet.lockAfterMinutes * 60_000),
        ],
        ['Price list', formatCount(wallet.priceList.length, 'day')],
      ],
      style,
    ),
  'wallet:history': viewHistory,
  'wallet:exportHistory': ({ csv }) => csv,
  'wallet:draft': viewDraft,
  'wallet:approve': (signed, style) =>
    signed.signed === 'message'
      ? 'Signed.\n'
      : formatFields(
          [
            ['Transaction', signed.transaction],
            ['What', text(signed.entry.sentence)],
          ],
          style,
        ),
  'wallet:settled': ({ state, height, reason }, style) =>
    state === 'final'
      ? `${style.good('Final')} in block ${height ?? '?'}.\n`
      : state === 'waiting'
        ? `${style.careful('Not final yet')}: ${text(reason)}\n`
        : `${style.bad('Dropped')}: ${text(reason)}\n`,
  'wallet:verifyMessage': (verdict, style) =>
    formatFields(
      [
        ['Signature', verdict.passed ? style.good('holds') : style.bad('does not hold')],
        ['By', `${verdict.address ?? 'nobody known'}${verdict.name === '' ? '' : ` (${text(verdict.name)})`}`],
        ['Message', text(verdict.message)],
        ['Says', text(verdict.sentence)],
      ],
      style,
    ),
  'wallet:contacts': viewContacts,
  'wallet:setContact': viewContacts,
  'wallet:removeContact': viewContacts,
  'wallet:requests': viewRequests,
  'wallet:request': viewRequest,
  'wallet:removeRequest': viewRequests,
  'rewards:get': viewRewards,
  'rewards:explain': viewExplanation,
  'rewards:funnel': viewFunnel,
  'rewards:forecast': viewForecast,
  'rewards:setElectricity': viewForecast,
};
