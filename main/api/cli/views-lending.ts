import type {
  Call,
  GroupView,
  GuardProbe,
  GuardState,
  LeaseVerdict,
  LeaseView,
  OwnOfferView,
  PrivacyPreview,
  ResponseOf,
} from '../../../preload/contract/index.ts';
import { type Style, formatFields, formatTable, printable, wrap } from './table.ts';
import {
  formatAmount,
  formatBytes,
  formatCaes,
  formatCount,
  formatDuration,
  formatPercent,
  formatPrice,
  formatTime,
  withLocalTimes,
} from './units.ts';
import { formatRoundTrip, peerLabel } from './views-network.ts';

type LendingCall = Extract<Call, `${'offers' | 'leases' | 'groups' | 'privacy' | 'guard'}:${string}`>;

const text = (value: string): string => withLocalTimes(printable(value));
/** So many digits of an id tell those of one node apart. */
const SHORT_LEASE_CHARS = 'lease-'.length + 8;
const SHORT_OFFER_CHARS = 10;

const viewOffers = ({ offers, asked, silent }: ResponseOf<'offers:search'>, style: Style): string => {
  const heard = `${formatCount(asked, 'peer')} asked${silent === 0 ? '' : `, ${silent} did not answer`}`;
  if (offers.length === 0)
    return `${wrap(`Nobody lends this node anything of that kind now (${heard}). Peers that lend appear once they are connected and their privacy level lets you see it.`, style.columns, 0)}\n`;
  const table = formatTable(
    [
      { title: 'OFFER' },
      { title: 'FROM', shrinksTo: 8 },
      { title: 'RESOURCE' },
      { title: 'AT MOST', right: true },
      { title: 'NOW', right: true },
      { title: 'LONGEST', right: true },
      { title: 'TYPE' },
      { title: 'PRICE', shrinksTo: 8 },
      { title: 'ROUND TRIP', right: true },
      { title: 'SCORE', right: true },
    ],
    offers.map((offer) => [
      offer.id.slice(0, SHORT_OFFER_CHARS),
      peerLabel({ name: offer.peerName, peerId: offer.peerId }),
      offer.resource,
      formatAmount(offer.amountMax, offer.unit),
      formatPercent(offer.percentNow),
      formatDuration(offer.minutesMax * 60_000),
      offer.allocationType,
      formatPrice(offer.priceMicro, offer.resource),
      formatRoundTrip(offer.rttMs),
      String(Math.round(offer.score)),
    ]),
    style,
  );
  return `${table}${style.faint(`${formatCount(offers.length, 'offer')}; ${heard}`)}\n`;
};

/** What is measured and limited here, and lent to nobody yet, in one line. */
const notLent = (offers: readonly OwnOfferView[], style: Style): string => {
  const names = offers.filter(({ lendable }) => !lendable).map(({ resource }) => resource);
  return names.length === 0 ? '' : `\n${style.faint(`Not lent to others by this version: ${names.join(', ')}`)}\n`;
};
const viewOwnOffers = ({ offers }: { offers: OwnOfferView[] }, style: Style): string =>
  offers.length === 0
    ? 'This node has nothing that it could lend; see hypermesh hardware.\n'
    : offers
        .filter((offer) => offer.lendable)
        .map((offer) =>
          formatFields(
            [
              [offer.resource, offer.offered ? style.good('offered') : style.faint('not offered')],
              ['At most', formatAmount(offer.amountMax, offer.unit)],
              ['Level', formatPercent(offer.percentNow)],
              [
                'Privacy',
                `${offer.privacyLevel}${offer.privacyNames.length === 0 ? '' : ` (${offer.privacyNames.map(text).join(', ')})`}, ${offer.allocationType}`,
              ],
              ...(offer.address === null ? [] : [['Address', offer.address] as [string, string]]),
              ['Leases', String(offer.leasesLive)],
              ['Who', text(offer.sentence)],
            ],
            style,
          ),
        )
        .join('\n') + notLent(offers, style);

const stateWord = ({ state }: LeaseView, style: Style): string => {
  if (state === 'running') return style.good(state);
  if (state === 'refused') return style.bad(state);
  if (state === 'ended') return style.faint(state);
  return style.careful(state);
};
const whose = (lease: LeaseView): string =>
  lease.peerId === null ? 'nobody known' : peerLabel({ name: lease.peerName, peerId: lease.peerId });

const viewLeases = ({ leases }: { leases: LeaseView[] }, style: Style): string => {
  if (leases.length === 0) return 'Nothing is lent or borrowed; hypermesh offers shows what others lend.\n';
  return formatTable(
    [
      { title: 'LEASE' },
      { title: 'SIDE' },
      { title: 'WITH', shrinksTo: 8 },
      { title: 'RESOURCE' },
      { title: 'AMOUNT', right: true },
      { title: 'MEASURED', right: true },
      { title: 'STATE' },
      { title: 'ENDS' },
      { title: 'SENT', right: true },
      { title: 'RECEIVED', right: true },
      { title: 'OWED', right: true },
    ],
    leases.map((lease) => [
      lease.id.slice(0, SHORT_LEASE_CHARS),
      lease.side,
      whose(lease),
      lease.resource,
      formatAmount(lease.amount, lease.unit),
      lease.measured === null ? '' : formatAmount(lease.measured, lease.unit),
      stateWord(lease, style),
      lease.endedAtMs === null ? formatTime(lease.endsAtMs) : '',
      formatBytes(lease.sentBytes),
      formatBytes(lease.receivedBytes),
      lease.owedMicro === '0' ? 'nothing' : formatCaes(lease.owedMicro),
    ]),
    style,
  );
};

/** One lease, in fields. */
export const viewLease = (lease: LeaseView, style: Style): string =>
  formatFields(
    [
      ['Lease', lease.id],
      ['Side', lease.side === 'lent' ? `lent to ${whose(lease)}` : `borrowed from ${whose(lease)}`],
      ['State', `${stateWord(lease, style)}${lease.reason === '' ? '' : `: ${text(lease.reason)}`}`],
      ...(lease.code === null ? [] : [['Code', lease.code] as [string, string]]),
      ['Resource', `${formatAmount(lease.amount, lease.unit)} of ${lease.resource}, ${lease.allocationType}`],
      [
        'Now',
        `may take ${formatAmount(lease.effective, lease.unit)}, takes ${lease.measured === null ? 'what only the other side knows' : formatAmount(lease.measured, lease.unit)}`,
      ],
      ...(lease.address === null ? [] : [['Address', lease.address] as [string, string]]),
      ['Route', lease.route],
      ...(lease.purpose === '' ? [] : [['Purpose', text(lease.purpose)] as [string, string]]),
      ['Asked', formatTime(lease.requestedAtMs)],
      ...(lease.startedAtMs === null ? [] : [['Began', formatTime(lease.startedAtMs)] as [string, string]]),
      lease.endedAtMs === null ? ['Ends', formatTime(lease.endsAtMs)] : ['Ended', formatTime(lease.endedAtMs)],
      ['Receipts', `${lease.receiptsSigned} signed by both, one every ${formatDuration(lease.tickMs)}`],
      ['Traffic', `sent ${formatBytes(lease.sentBytes)}, received ${formatBytes(lease.receivedBytes)}`],
      [
        'Owed',
        `${lease.owedMicro === '0' ? 'nothing' : formatCaes(lease.owedMicro)}, ${formatPrice(lease.priceMicro, lease.resource)}`,
      ],
    ],
    style,
  );

/** What a lease file shows, line by line. */
const viewVerdict = ({ passed, findings, lease }: LeaseVerdict, style: Style): string =>
  [
    ...findings.map(
      (finding) =>
        `${finding.passed ? style.good('holds  ') : style.bad('problem')}  ${wrap(`${style.bold(finding.check)}: ${text(finding.sentence)}`, style.columns, 9)}\n`,
    ),
    lease === null
      ? ''
      : formatFields(
          [
            ['Lease', lease.id],
            ['Lender', lease.lender],
            ['Borrower', lease.borrower],
            ['What', `${formatAmount(lease.amount, lease.unit)} of ${lease.kind}`],
            ['Time', `${formatTime(lease.startsAtMs)} to ${formatTime(lease.endsAtMs)}`],
            [
              'Used',
              lease.used === null
                ? 'nothing that both have signed'
                : `sent ${formatBytes(lease.used.sentBytes)}, received ${formatBytes(lease.used.receivedBytes)}, owed ${formatCaes(lease.used.owedMicro)}${lease.used.final ? ', and that is all' : ' so far'}`,
            ],
          ],
          style,
        ),
    passed ? style.good('The file holds.\n') : style.bad('The file does not hold.\n'),
  ].join('');

const viewGroup = ({ name, peers }: GroupView, style: Style): string =>
  formatFields([[name, peers.length === 0 ? 'nobody' : peers.map((peer) => peerLabel(peer)).join(', ')]], style);

const mark = (value: boolean, style: Style): string => (value ? style.careful('yes') : style.good('no'));
const viewSide = (title: string, side: PrivacyPreview['before'], style: Style): string =>
  [
    `${style.bold(title)}\n`,
    formatTable(
      [
        { title: 'WHO', shrinksTo: 20 },
        { title: 'FINDS IT' },
        { title: 'CONNECTS' },
        { title: 'BORROWS' },
        { title: 'NOW', right: true },
      ],
      side.rows.map((row) => [
        text(row.label),
        mark(row.discover, style),
        mark(row.connect, style),
        mark(row.allocate, style),
        formatCount(row.peersNow, 'peer'),
      ]),
      style,
    ),
    formatFields(
      [
        ['Routes', side.routes.length === 0 ? 'none' : side.routes.join(', ')],
        ...side.seen.map((line) => ['Seen', text(line)] as [string, string]),
        ...side.ports.map((line) => ['Open', text(line)] as [string, string]),
        ...side.destinations.map((line) => ['Leads to', text(line)] as [string, string]),
      ],
      style,
    ),
  ].join('');
const viewPreview = (preview: PrivacyPreview, style: Style): string =>
  [
    viewSide('Now', preview.before, style),
    preview.changes.length === 0
      ? 'Nothing would be different.\n'
      : `${viewSide('Then', preview.after, style)}\n${preview.changes.map((line) => `${wrap(`- ${text(line)}`, style.columns, 2)}\n`).join('')}`,
    ...preview.warnings.map((line) => `${style.careful(wrap(text(line), style.columns, 0))}\n`),
  ].join('\n');

const viewLog = ({ entries }: ResponseOf<'privacy:log'>, style: Style): string =>
  entries.length === 0
    ? 'Nothing was changed yet.\n'
    : entries
        .map((entry) =>
          formatFields(
            [
              [formatTime(entry.atMs), entry.resource],
              ['Before', text(entry.before)],
              ['After', text(entry.after)],
              ...entry.seen.map((line) => ['Seen', text(line)] as [string, string]),
            ],
            style,
          ),
        )
        .join('\n');

const resultWord = ({ result }: GuardProbe, style: Style): string => {
  if (result === 'reached') return style.bad('REACHED');
  if (result === 'notTried') return style.careful('not tried');
  return style.good(result);
};
/** What was tried, and that it failed. */
export const viewGuard = (state: GuardState, style: Style): string => {
  if (state.running) return `The guard is at ${state.done} of ${state.total}.\n`;
  if (state.ranAtMs === null) return 'The guard has not run yet; hypermesh guard runs it.\n';
  const table = formatTable(
    [
      { title: 'FROM', shrinksTo: 12 },
      { title: 'TRIED TO REACH', shrinksTo: 16 },
      { title: 'RESULT' },
      { title: 'WHAT HAPPENED', shrinksTo: 16 },
    ],
    state.probes.map((probe) => [text(probe.from), text(probe.target), resultWord(probe, style), text(probe.sentence)]),
    style,
  );
  const word =
    state.verdict === 'green'
      ? style.good('Green: nothing got where it must not.')
      : style.bad('Red: something got where it must not. Lend nothing until it is mended.');
  return `${table}${word} ${style.faint(`${formatCount(state.probes.length, 'probe')}, ${formatTime(state.ranAtMs)}`)}\n`;
};

export const lendingViews: { readonly [C in LendingCall]: (value: ResponseOf<C>, style: Style) => string } = {
  'offers:search': viewOffers,
  'offers:own': viewOwnOffers,
  'leases:list': viewLeases,
  'leases:get': viewLease,
  'leases:request': viewLease,
  'leases:end': viewLease,
  'leases:verify': viewVerdict,
  'leases:file': ({ fileName }) => `${fileName}\n`,
  'groups:list': ({ groups }, style) =>
    groups.length === 0 ? 'There are no groups.\n' : groups.map((group) => viewGroup(group, style)).join(''),
  'groups:add': viewGroup,
  'groups:remove': viewGroup,
  'privacy:preview': viewPreview,
  'privacy:log': viewLog,
  'guard:state': viewGuard,
  'guard:run': viewGuard,
  'guard:cancel': viewGuard,
};
