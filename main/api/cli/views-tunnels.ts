import type {
  Call,
  ExposureView,
  MemoryBench,
  ProxyView,
  ReachedView,
  ResponseOf,
  TunnelTest,
  TunnelsState,
  VpnView,
} from '../../../preload/contract/index.ts';
import { type Style, formatFields, formatTable, printable, wrap } from './table.ts';
import { formatBytes, formatCount, formatRate, formatTime, withLocalTimes } from './units.ts';
import { formatRoundTrip, peerLabel } from './views-network.ts';

type TunnelCall = Extract<Call, `${'tunnels' | 'memory' | 'exit'}:${string}`>;

const text = (value: string): string => withLocalTimes(printable(value));
const carried = (one: {
  sentBytes: number;
  receivedBytes: number;
  connectionsNow: number;
  connectionsTotal: number;
}): string =>
  `${one.connectionsNow} of ${formatCount(one.connectionsTotal, 'connection')} open, sent ${formatBytes(one.sentBytes)}, received ${formatBytes(one.receivedBytes)}`;
const at = (address: string, port: number): string => `[${address}]:${port}`;

const viewExposure = (one: ExposureView, style: Style): string =>
  formatFields(
    [
      ['Exposed', `${one.name === '' ? '' : `${text(one.name)}, `}id ${one.id}`],
      ['Address', style.bold(at(one.address, one.port))],
      ['Leads to', `${one.protocol} ${text(one.target)}`],
      ['Who', text(one.sentence)],
      ['Carried', carried(one)],
      ...(one.lastRefusal === null
        ? []
        : [
            [
              'Refused',
              `${one.refused}, last ${formatTime(one.lastRefusal.atMs)}: ${text(one.lastRefusal.sentence)}`,
            ] as [string, string],
          ]),
      ...(one.problem === '' ? [] : [['Problem', style.bad(text(one.problem))] as [string, string]]),
    ],
    style,
  );
const viewReached = (one: ReachedView, style: Style): string =>
  formatFields(
    [
      ['Reached', `id ${one.id}`],
      ['Here', style.bold(text(one.listen))],
      ['Leads to', `${one.protocol} ${at(one.address, one.port)}, ${one.route}`],
      ['Answers', one.peerId === null ? 'nobody was asked yet' : peerLabel({ name: one.peerName, peerId: one.peerId })],
      ['Carried', carried(one)],
      ...(one.problem === '' ? [] : [['Problem', style.bad(text(one.problem))] as [string, string]]),
    ],
    style,
  );
const PROXY_KINDS = { socks: 'SOCKS5', http: 'HTTP', names: 'names' } as const;
const viewProxy = (one: ProxyView, style: Style): string =>
  formatFields(
    [
      ['Proxy', `${PROXY_KINDS[one.kind]}, id ${one.id}`],
      ['Here', style.bold(text(one.listen))],
      [
        'Leads to',
        one.lease === null ? 'global addresses only' : `global addresses, and anywhere through ${one.lease}`,
      ],
      ['Asks for', one.password ? 'a name and a password' : 'nothing; programs of this machine can use it'],
      ['Carried', `${carried(one)}, ${one.refused} refused`],
      ...(one.problem === '' ? [] : [['Problem', style.bad(text(one.problem))] as [string, string]]),
    ],
    style,
  );
const vpnWord = ({ state }: VpnView, style: Style): string =>
  state === 'up' ? style.good(state) : state === 'refused' ? style.bad(state) : style.faint(state);
const viewVpn = (vpn: VpnView, style: Style): string =>
  formatFields(
    [
      ['VPN', `${vpnWord(vpn, style)}${vpn.reason === '' ? '' : `: ${text(vpn.reason)}`}`],
      ...(vpn.device === null ? [] : [['Device', vpn.device] as [string, string]]),
      ...(vpn.address === null ? [] : [['Address', vpn.address] as [string, string]]),
      ...(vpn.state === 'up'
        ? [
            [
              'Carried',
              `${formatCount(vpn.connectionsNow, 'connection')} open, ${vpn.sentPackets} packets out (${formatBytes(vpn.sentBytes)}), ${vpn.receivedPackets} in (${formatBytes(vpn.receivedBytes)}), ${vpn.droppedPackets} dropped`,
            ] as [string, string],
          ]
        : []),
    ],
    style,
  );

const viewState = (state: TunnelsState, style: Style): string => {
  const parts = [
    ...state.exposures.map((one) => viewExposure(one, style)),
    ...state.reached.map((one) => viewReached(one, style)),
    ...state.proxies.map((one) => viewProxy(one, style)),
    viewVpn(state.vpn, style),
  ];
  const none = state.exposures.length + state.reached.length + state.proxies.length === 0;
  return `${none ? 'Nothing is exposed or reached; see hypermesh expose --help and hypermesh reach --help.\n\n' : ''}${parts.join('\n')}${style.faint(`Translation table: ${state.table.entries} of ${state.table.max} rows`)}\n`;
};

const viewTest = (test: TunnelTest, style: Style): string => {
  const steps = test.steps
    .map(
      (step) =>
        `${step.ok ? style.good('ok     ') : style.bad('problem')}  ${wrap(`${style.bold(text(step.step))}: ${text(step.sentence)}`, style.columns, 9)}\n`,
    )
    .join('');
  const end =
    test.allowed && test.rttMs !== null
      ? `${style.good('It can be reached')} in ${formatRoundTrip(test.rttMs)}, ${test.route ?? 'direct'}.\n`
      : `${style.bad('It cannot be reached from here now.')}\n`;
  return steps + end;
};

const viewExit = ({ mode, allowed }: ResponseOf<'exit:get'>, style: Style): string =>
  formatFields(
    [
      [
        'Leaves to',
        mode === 'all'
          ? 'everything public, as soon as the terms of the network let traffic out'
          : allowed.length === 0
            ? 'nowhere: the list is empty'
            : 'what is listed, as soon as the terms of the network let traffic out',
      ],
      ...allowed.map((line) => [mode === 'all' ? 'And to' : 'Listed', text(line)] as [string, string]),
      ['Never to', 'private ranges, this machine and its API, unless an address of theirs is listed'],
    ],
    style,
  );

const viewMemory = (stats: ResponseOf<'memory:stats'>, style: Style): string =>
  formatFields(
    [
      ['Lease', stats.lease],
      ['Used', `${formatBytes(stats.usedBytes)} of ${formatBytes(stats.sizeBytes)}, ${formatCount(stats.keys, 'key')}`],
      ['Encrypted', stats.encrypted ? 'here, before it leaves; the lender sees noise' : 'no'],
      ['Mirror', stats.mirrored ? 'on a second lender' : 'none: what is kept is lost when the lender goes'],
    ],
    style,
  );

const viewBench = ({ rows }: MemoryBench, style: Style): string =>
  formatTable(
    [
      { title: 'OPERATION' },
      { title: 'SIZE', right: true },
      { title: 'TIMES', right: true },
      { title: 'MEDIAN', right: true },
      { title: '99 %', right: true },
      { title: 'RATE', right: true },
    ],
    rows.map((row) => [
      row.operation,
      formatBytes(row.sizeBytes),
      String(row.count),
      formatRoundTrip(row.p50Ms),
      formatRoundTrip(row.p99Ms),
      formatRate(row.bytesPerSecond),
    ]),
    style,
  );

export const tunnelViews: { readonly [C in TunnelCall]: (value: ResponseOf<C>, style: Style) => string } = {
  'tunnels:state': viewState,
  'tunnels:expose': viewExposure,
  'tunnels:unexpose': () => 'Taken back: its connections have ended and its address is revoked.\n',
  'tunnels:reach': viewReached,
  'tunnels:unreach': () => 'Closed.\n',
  'tunnels:resolve': (found, style) =>
    formatFields(
      [
        ['Address', found.address],
        ['Answers', `${peerLabel({ name: found.peerName, peerId: found.peerId })} (${found.peerId})`],
        ['Found by', `${text(found.source)}, in ${formatRoundTrip(found.tookMs)}`],
        ...found.services.map(({ protocol, port }) => ['Service', `${protocol} ${port}`] as [string, string]),
        ['Until', formatTime(found.expiresAtMs)],
      ],
      style,
    ),
  'tunnels:test': viewTest,
  'tunnels:proxy': viewProxy,
  'tunnels:unproxy': () => 'Closed.\n',
  'tunnels:vpn': viewVpn,
  'exit:get': viewExit,
  'exit:set': viewExit,
  'memory:put': viewMemory,
  'memory:get': ({ value }) => (value === null ? '' : Buffer.from(value, 'base64').toString('utf8')),
  'memory:delete': viewMemory,
  'memory:stats': viewMemory,
  'memory:mirror': viewMemory,
  'memory:bench': viewBench,
};
