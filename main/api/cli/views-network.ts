import type {
  Call,
  NetworkFinding,
  NetworkState,
  PathView,
  PeerDetail,
  PeerView,
  PingView,
  PrivateNetworkView,
  ResponseOf,
} from '../../../preload/contract/index.ts';
import { type Style, formatFields, formatTable, printable, wrap } from './table.ts';
import { asAside, formatBytes, formatCount, formatDuration, formatRate, formatTime, withLocalTimes } from './units.ts';

type NetworkCall = Extract<Call, `network:${string}`>;

const text = (value: string): string => withLocalTimes(printable(value));
const yes = (value: boolean): string => (value ? 'yes' : 'no');
/** `0.42 ms`, `12.3 ms`, `180 ms`: round trips on one machine and around the world have three figures each. */
export const formatRoundTrip = (ms: number | null): string =>
  ms === null ? '?' : `${ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : Math.round(ms)} ms`;
/** All ids begin alike; so many characters tell the peers of a person apart. */
const SHORT_ID_CHARS = 16;
const shortId = (peerId: string): string => `${peerId.slice(0, SHORT_ID_CHARS)}…`;
/** What the owner calls a peer, or the beginning of its id. */
export const peerLabel = ({ name, peerId }: Pick<PeerView, 'name' | 'peerId'>): string =>
  name === '' ? shortId(peerId) : text(name);

const standing = ({ ban, points }: PeerView, style: Style): string => {
  if (ban !== null) return style.bad(ban.untilMs === null ? 'banned' : `banned to ${formatTime(ban.untilMs)}`);
  if (points < 1) return style.good('spotless');
  return style.careful(`${Math.round(points)} of 100`);
};
const tierOf = (path: PathView | null): string =>
  path === null ? '' : path.via === null ? path.tier : `relay ${shortId(path.via)}`;
const since = (atMs: number | null, style: Style): string =>
  atMs === null ? '' : formatDuration(Math.max(0, style.nowMs - atMs));

const viewPeers = ({ peers }: { peers: PeerView[] }, style: Style): string => {
  if (peers.length === 0)
    return 'No peers are known yet; nodes on the local network appear by themselves, others with hypermesh peer add or hypermesh join.\n';
  const table = formatTable(
    [
      { title: 'NAME', shrinksTo: 8 },
      { title: 'PEER' },
      { title: 'STATE' },
      { title: 'TIER', shrinksTo: 5 },
      { title: 'ROUND TRIP', right: true },
      { title: 'SENT', right: true },
      { title: 'RECEIVED', right: true },
      { title: 'STANDING' },
      { title: 'SINCE', right: true },
    ],
    peers.map((peer) => [
      peer.trusted ? `${text(peer.name)} *` : text(peer.name),
      shortId(peer.peerId),
      peer.connected ? style.good('connected') : style.faint('away'),
      tierOf(peer.path),
      peer.path === null ? '' : formatRoundTrip(peer.path.rttMs),
      formatBytes(peer.sentBytes),
      formatBytes(peer.receivedBytes),
      standing(peer, style),
      since(peer.connectedAtMs, style),
    ]),
    style,
  );
  const connected = peers.filter((peer) => peer.connected).length;
  const trusted = peers.some((peer) => peer.trusted) ? '; * trusted by name' : '';
  return `${table}${style.faint(`${formatCount(peers.length, 'peer')}, ${connected} connected${trusted}`)}\n`;
};

const pathText = (path: PathView): string =>
  [
    `${tierOf(path)} ${path.direction === 'out' ? 'to' : 'from'} ${text(path.address)}`,
    `round trip ${formatRoundTrip(path.rttMs)}`,
    path.lossRatio === null ? null : `loss ${(path.lossRatio * 100).toFixed(1)} %`,
    `out ${formatRate(path.sentBytesPerSecond)}, in ${formatRate(path.receivedBytesPerSecond)}`,
    text(path.why),
  ]
    .filter((part) => part !== null)
    .join(', ');

const viewPeer = (peer: PeerDetail, style: Style): string => {
  const fields: [string, string][] = [
    ['Peer', peer.peerId],
    ['Name', peer.name === '' ? 'none' : text(peer.name)],
    ['Trusted', yes(peer.trusted)],
    [
      'State',
      peer.connected
        ? `${style.good('connected')} for ${since(peer.connectedAtMs, style)}, ${formatCount(peer.streamsOpen, 'open stream')}`
        : style.faint('not connected'),
    ],
  ];
  for (const path of peer.paths) fields.push([path.chosen ? 'Path in use' : 'Spare path', pathText(path)]);
  if (peer.handshake !== null)
    fields.push([
      'Handshake',
      `${peer.handshake.resumed ? 'resumed' : 'full, both signatures checked'}, ${formatDuration(peer.handshake.tookMs)}`,
    ]);
  if (peer.networks.length > 0) fields.push(['Networks', peer.networks.join(', ')]);
  if (peer.agent !== null) fields.push(['Program', text(peer.agent)]);
  fields.push(
    ['Traffic', `sent ${formatBytes(peer.sentBytes)}, received ${formatBytes(peer.receivedBytes)}`],
    ['Standing', standing(peer, style)],
  );
  if (peer.ban !== null)
    fields.push(['Ban', `${text(peer.ban.reason)}${peer.ban.byOwner ? '' : ', by this node itself'}`]);
  if (peer.lastOffence !== null)
    fields.push([
      'Last offence',
      `${text(peer.lastOffence.offence)} at ${formatTime(peer.lastOffence.atMs)}: ${text(peer.lastOffence.detail)}`,
    ]);
  fields.push(['Known by', `${peer.source}, since ${formatTime(peer.firstSeenAtMs)}`]);
  if (peer.lastSeenAtMs !== null) fields.push(['Last seen', formatTime(peer.lastSeenAtMs)]);
  for (const { address, source, confirmedAtMs } of peer.addresses)
    fields.push(['Address', `${text(address)} (${source}${confirmedAtMs === null ? ', not tried' : ', it answered'})`]);
  return formatFields(fields, style);
};

const statusWord = (state: NetworkState, style: Style): string => {
  switch (state.status) {
    case 'running':
      return style.good('running');
    case 'failed':
      return style.bad('failed');
    default:
      return style.careful(state.status);
  }
};
const reachableWord = ({ reach }: NetworkState, style: Style): string => {
  switch (reach.reachable) {
    case 'yes':
      return style.good('yes');
    case 'relay':
      return style.careful('through a relay');
    case 'no':
      return style.bad('no');
    default:
      return 'not known yet';
  }
};
const limit = (bytesPerSecond: number | null): string =>
  bytesPerSecond === null ? 'no limit' : `at most ${formatRate(bytesPerSecond)}`;

const viewSettings = ({ settings }: NetworkState): string =>
  [
    `port ${settings.port === 0 ? 'any free one' : settings.port}`,
    settings.ipv4 ? 'IPv6 and IPv4' : 'IPv6 only',
    settings.loopbackOnly ? 'this machine only' : null,
    `local discovery ${settings.localDiscovery ? 'on' : 'off'}`,
    `port mapping ${settings.portMapping ? 'on' : 'off'}`,
    `relaying for others ${settings.relay ? 'on' : 'off'}`,
    settings.open ? 'open to everyone' : 'closed but for private networks',
    `${settings.connectionsMax} connections at most`,
    formatCount(settings.bootstrap.length, 'bootstrap peer'),
  ]
    .filter((part) => part !== null)
    .join(', ');

const viewState = (state: NetworkState, style: Style): string => {
  const { reach, traffic } = state;
  const fields: [string, string][] = [
    ['Network', `${statusWord(state, style)}${state.reason === '' ? '' : `: ${text(state.reason)}`}`],
  ];
  if (state.peerId !== null) fields.push(['Peer id', state.peerId]);
  if (state.status === 'running') {
    fields.push(
      ['Reachable', `${reachableWord(state, style)}. ${text(reach.sentence)}`],
      ...reach.advice.map((advice) => ['Better', text(advice)] as [string, string]),
      ['Peers', `${state.connections} connected, ${state.knownPeers} known`],
      ...state.addresses.map((address) => ['Address', text(address)] as [string, string]),
      ...reach.mapped.map(
        ({ protocol, address, by, untilMs }) =>
          ['Mapped', `${protocol} ${text(address)} by ${by}, until ${formatTime(untilMs)}`] as [string, string],
      ),
      ...reach.relays.map((relay) => ['Relay', shortId(relay)] as [string, string]),
    );
  }
  fields.push(
    [
      'Now',
      `out ${formatRate(traffic.sentBytesPerSecond)} (${limit(traffic.sendLimitBytesPerSecond)}), in ${formatRate(traffic.receivedBytesPerSecond)} (${limit(traffic.receiveLimitBytesPerSecond)})`,
    ],
    ...(traffic.limitReason === '' ? [] : [['Limit', asAside(text(traffic.limitReason))] as [string, string]]),
    ['Since start', `sent ${formatBytes(traffic.sentBytes)}, received ${formatBytes(traffic.receivedBytes)}`],
    [
      'This month',
      `${formatBytes(traffic.monthBytes)}${traffic.monthLimitBytes === null ? '' : ` of ${formatBytes(traffic.monthLimitBytes)}`}`,
    ],
    ...state.networks.map(
      ({ name, peers }) => ['Private', `${text(name)}, ${formatCount(peers, 'peer')} connected`] as [string, string],
    ),
    ['Settings', viewSettings(state)],
  );
  return formatFields(fields, style);
};

const findingWord = ({ state }: NetworkFinding, style: Style): string =>
  state === 'ok' ? style.good('ok     ') : state === 'warning' ? style.careful('warning') : style.bad('problem');
const viewDoctor = ({ findings }: { findings: NetworkFinding[] }, style: Style): string =>
  findings
    .map((finding) => {
      const found = wrap(`${style.bold(text(finding.check))}: ${text(finding.sentence)}`, style.columns, 9);
      const todo = finding.advice === null ? '' : `         ${wrap(text(finding.advice), style.columns, 9)}\n`;
      return `${findingWord(finding, style)}  ${found}\n${todo}`;
    })
    .join('');

/** One line of `peer ping`. */
export const viewRoundTrip = (index: number, ms: number | null, path: PathView | null, style: Style): string =>
  ms === null
    ? `${index}: ${style.bad('no answer')}\n`
    : `${index}: ${formatRoundTrip(ms)}${path === null ? '' : style.faint(` over ${tierOf(path)}`)}\n`;
/** What `ping` says at its end. */
export const viewPingSummary = ({ roundTripsMs }: Pick<PingView, 'roundTripsMs'>, style: Style): string => {
  const answered = roundTripsMs.filter((ms) => ms !== null);
  const lost = Math.round((1 - answered.length / Math.max(1, roundTripsMs.length)) * 100);
  const sent = `${roundTripsMs.length} sent, ${answered.length} answered, ${lost} % lost`;
  if (answered.length === 0) return `${style.bold(sent)}\n`;
  const mean = answered.reduce((sum, ms) => sum + ms, 0) / answered.length;
  return `${style.bold(sent)}; least ${formatRoundTrip(Math.min(...answered))}, mean ${formatRoundTrip(mean)}, most ${formatRoundTrip(Math.max(...answered))}\n`;
};
const viewPing = (ping: PingView, style: Style): string =>
  ping.roundTripsMs.map((ms, index) => viewRoundTrip(index + 1, ms, ping.path, style)).join('') +
  viewPingSummary(ping, style);

const viewTrace = ({ hops }: ResponseOf<'network:trace'>, style: Style): string =>
  formatTable(
    [
      { title: 'HOP', right: true },
      { title: 'PEER' },
      { title: 'TIER' },
      { title: 'ROUND TRIP', right: true },
      { title: 'SIGNATURE' },
    ],
    hops.map(({ peerId, tier, rttMs, signed }, index) => [
      String(index + 1),
      peerId,
      tier,
      rttMs === null ? '' : formatRoundTrip(rttMs),
      signed ? style.good('holds') : style.bad('none'),
    ]),
    style,
  );

/** Light modules around a QR code, without which readers do not find it (ISO/IEC 18004, 9.1). */
const QUIET_MODULES = 4;
/** Two rows a line; light modules are what is printed, since most terminals are dark. */
export const viewQr = (rows: readonly string[], style: Style): string => {
  const size = rows.length + 2 * QUIET_MODULES;
  if (size > style.columns)
    return `${wrap(`The QR code needs a terminal of ${size} columns; this one has ${style.columns}. The Network page shows it too.`, style.columns, 0)}\n`;
  const light = (row: number, column: number): boolean =>
    rows[row - QUIET_MODULES]?.charAt(column - QUIET_MODULES) !== '1';
  const lines: string[] = [];
  for (let row = 0; row < size; row += 2) {
    let line = '';
    for (let column = 0; column < size; column += 1) {
      const upper = light(row, column);
      const lower = row + 1 < size && light(row + 1, column);
      line += upper ? (lower ? '█' : '▀') : lower ? '▄' : ' ';
    }
    lines.push(`${style.paper(line)}\n`);
  }
  return lines.join('');
};

const viewInvite = ({ link, qr, expiresAtMs, networkName }: ResponseOf<'network:invite'>, style: Style): string => {
  const what = networkName === '' ? 'Leads to this node' : `Leads into the private network ${text(networkName)}`;
  return `${viewQr(qr, style)}\n${link}\n\n${wrap(`${what}, until ${formatTime(expiresAtMs)}. Whoever has the link can use it, once; the other node follows it with: hypermesh join LINK`, style.columns, 0)}\n`;
};

const viewPrivateNetwork = ({ name, id, peers, joinedAtMs }: PrivateNetworkView, style: Style): string =>
  formatFields(
    [
      ['Private network', text(name)],
      ['Id', id],
      ['Joined', formatTime(joinedAtMs)],
      ['Peers', `${peers} connected`],
    ],
    style,
  );

const viewJoin = ({ peer, network, problem }: ResponseOf<'network:join'>, style: Style): string =>
  [
    network === null ? '' : viewPrivateNetwork(network, style),
    peer === null ? '' : viewPeer(peer, style),
    problem === null ? '' : `${style.careful(wrap(text(problem), style.columns, 0))}\n`,
  ]
    .filter((part) => part !== '')
    .join('\n');

export const networkViews: { readonly [C in NetworkCall]: (value: ResponseOf<C>, style: Style) => string } = {
  'network:state': viewState,
  'network:configure': viewState,
  'network:doctor': viewDoctor,
  'network:peers': viewPeers,
  'network:peer': viewPeer,
  'network:add': viewPeer,
  'network:trust': viewPeer,
  'network:ban': viewPeer,
  'network:unban': viewPeer,
  'network:connect': viewPeer,
  'network:disconnect': viewPeer,
  'network:forget': ({ peerId }) => `Forgotten: ${peerId}\n`,
  'network:ping': viewPing,
  'network:trace': viewTrace,
  'network:invite': viewInvite,
  'network:join': viewJoin,
  'network:create': viewPrivateNetwork,
  'network:leave': ({ id }) => `Left: ${id}\n`,
};
