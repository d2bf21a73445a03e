import { Button } from '@mantine/core';
import { IconHeartHandshake, IconRoute } from '@tabler/icons-react';
import { useCallback, useEffect, useState } from 'react';
import type {
  CallError,
  PathView,
  PeerDetail as Detail,
  PingView,
  TraceView,
} from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { ErrorNote, Note } from '../../components/error-note.tsx';
import { Fact, Facts, Loading, PageHeader, Panel, Tag } from '../../components/layout.tsx';
import { bytesText, percentText, rateText } from '../../components/quantity.ts';
import { CopyButton } from '../../components/short-hash.tsx';
import { dateTimeText, durationText, whenText } from '../../components/time-text.ts';
import { sentence } from '../../components/unknown.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { goTo, hrefOf } from '../../state/route.ts';
import { addressText, pathText, peerTitle, roundTripText, shortPeer, sourceText, standingOf } from './network-text.ts';
import { PeerActions } from './peer-actions.tsx';
import { TrustDialog } from './peer-dialogs.tsx';
import { ShortPeer } from './reach-panel.tsx';

/** Round trips that one press measures. */
const PINGS = 8;

const Paths = ({ paths, nameOf }: { paths: readonly PathView[]; nameOf: (id: string) => string }) => (
  <Panel
    title="Paths"
    hint="New streams take the one in use; the others stand by. They are measured again from time to time."
  >
    <div className="hm-scroll-x">
      <table className="hm-table">
        <thead>
          <tr>
            <th scope="col">Path</th>
            <th scope="col">Address</th>
            <th scope="col" className="hm-right">
              Round trip
            </th>
            <th scope="col" className="hm-right">
              Lost
            </th>
            <th scope="col" className="hm-right">
              Out
            </th>
            <th scope="col" className="hm-right">
              In
            </th>
          </tr>
        </thead>
        <tbody>
          {paths.map((path) => (
            <tr key={`${path.tier} ${path.address} ${path.openedAtMs}`}>
              <th scope="row" className="hm-path-cell">
                <span>
                  {pathText(path, nameOf)} {path.chosen && <Tag tone="accent">in use</Tag>}
                </span>
                <span className="hm-small hm-dim">{sentence(path.why)}</span>
              </th>
              <td className="hm-break">
                <span title={path.address}>{addressText(path.address)}</span>
                <span className="hm-small hm-dim hm-block-line">
                  {path.direction === 'in' ? 'it dialled us' : 'we dialled it'}, <Age atMs={path.openedAtMs} />
                </span>
              </td>
              <td className="hm-right">{path.rttMs === null ? '–' : roundTripText(path.rttMs)}</td>
              <td className="hm-right">{path.lossRatio === null ? '–' : percentText(path.lossRatio * 100)}</td>
              <td className="hm-right">{rateText(path.sentBytesPerSecond)}</td>
              <td className="hm-right">{rateText(path.receivedBytesPerSecond)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  </Panel>
);

const Pings = ({ ping }: { ping: PingView }) => {
  const answered = ping.roundTripsMs.filter((ms) => ms !== null);
  const most = Math.max(...answered, 0.001);
  if (answered.length === 0) return <p role="status">No answer to {ping.roundTripsMs.length} pings.</p>;
  const mean = answered.reduce((sum, ms) => sum + ms, 0) / answered.length;
  const lost = ping.roundTripsMs.length - answered.length;
  return (
    <div className="hm-pings" role="status">
      <span className="hm-ping-bars" aria-hidden="true">
        {ping.roundTripsMs.map((ms, index) => (
          // oxlint-disable-next-line react/no-array-index-key -- the place in the row is what tells one from another
          <span
            key={index}
            data-lost={ms === null || undefined}
            style={{ height: `${Math.max(6, ((ms ?? most) / most) * 100)}%` }}
          />
        ))}
      </span>
      <p>
        <strong>{roundTripText(mean)}</strong> on average, {roundTripText(Math.min(...answered))} to{' '}
        {roundTripText(most)}
        {lost > 0 && `, ${lost} of ${ping.roundTripsMs.length} lost`}
      </p>
    </div>
  );
};

const Trace = ({ trace, nameOf }: { trace: TraceView; nameOf: (id: string) => string }) => (
  <ol className="hm-hops" aria-label="Hops">
    <li>
      <span className="hm-dot" data-tone="on" aria-hidden="true" />
      This node
    </li>
    {trace.hops.map((hop) => (
      <li key={hop.peerId}>
        <span className="hm-dot" data-tone={hop.signed ? 'on' : 'paused'} aria-hidden="true" />
        <span>
          <strong>{nameOf(hop.peerId)}</strong> {hop.rttMs === null ? '' : roundTripText(hop.rttMs)}
        </span>
        <Tag tone={hop.signed ? 'neutral' : 'problem'}>
          {hop.signed ? 'signature holds' : 'signature does not hold'}
        </Tag>
      </li>
    ))}
  </ol>
);

/** One peer taken apart: who it is, the ways to it, how it behaved. */
export const PeerDetail = ({ peerId }: { peerId: string }) => {
  const node = useNodeAccess();
  const peers = useNode((state) => state.peers);
  const networks = useNode((state) => state.network?.networks);
  const [detail, setDetail] = useState<Detail | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const [ping, setPing] = useState<PingView | null>(null);
  const [trace, setTrace] = useState<TraceView | null>(null);
  const [busy, setBusy] = useState<'ping' | 'trace' | null>(null);
  const [problem, setProblem] = useState<CallError | null>(null);
  const [trusting, setTrusting] = useState(false);
  const read = useCallback(async (): Promise<void> => {
    const reply = await node.ask('network:peer', { peer: peerId });
    setError(reply.ok ? null : reply.error);
    if (reply.ok) setDetail(reply.value);
  }, [node, peerId]);
  // Whenever the list has changed, this one may have.
  useEffect(() => {
    void read();
  }, [read, peers]);
  const nameOf = (id: string): string => {
    const found = peers?.find((peer) => peer.peerId === id);
    return found === undefined ? shortPeer(id) : peerTitle(found);
  };
  const measure = async (): Promise<void> => {
    setBusy('ping');
    const reply = await node.ask('network:ping', { peer: peerId, count: PINGS });
    setBusy(null);
    setProblem(reply.ok ? null : reply.error);
    if (reply.ok) setPing(reply.value);
  };
  const follow = async (): Promise<void> => {
    setBusy('trace');
    const reply = await node.ask('network:trace', { peer: peerId });
    setBusy(null);
    setProblem(reply.ok ? null : reply.error);
    if (reply.ok) setTrace(reply.value);
  };
  const back = (
    <Button component="a" href={hrefOf('network')} variant="default">
      Back to network
    </Button>
  );
  if (detail === null)
    return (
      <>
        <PageHeader title="Peer" actions={back} />
        {error === null ? <Loading what="the peer" /> : <ErrorNote title="This peer cannot be shown" error={error} />}
      </>
    );
  const standing = standingOf(detail);
  const shared = detail.networks.map((id) =>
    id === 'public' ? 'public' : (networks?.find((entry) => entry.id === id)?.name ?? 'private'),
  );
  return (
    <>
      <PageHeader
        title={peerTitle(detail)}
        actions={
          <>
            {back}
            <Button
              variant="default"
              leftSection={<IconHeartHandshake size={16} aria-hidden />}
              onClick={() => setTrusting(true)}
            >
              Name and trust …
            </Button>
            <PeerActions peer={detail} onForgotten={() => goTo('network')} />
          </>
        }
      >
        {detail.connected ? 'Connected' : 'Not connected'}, {sourceText(detail.source)}.
      </PageHeader>
      {detail.ban !== null && (
        <Note
          tone="warning"
          title={
            detail.ban.untilMs === null
              ? 'Banned until you lift it'
              : `Banned until ${whenText(detail.ban.untilMs, Date.now())}`
          }
        >
          <p>{sentence(detail.ban.reason)}</p>
        </Note>
      )}
      <Panel title="Who it is">
        <Facts>
          <Fact name="Peer id">
            <ShortPeer id={detail.peerId} />
          </Fact>
          <Fact name="Standing">
            <Tag tone={standing.tone}>{standing.word}</Tag>
          </Fact>
          <Fact name="Program">{detail.agent ?? 'not told yet'}</Fact>
          <Fact name="Networks in common">{shared.length === 0 ? 'not connected' : shared.join(', ')}</Fact>
          <Fact name="Connected since">
            {detail.connectedAtMs === null ? 'not connected' : <Age atMs={detail.connectedAtMs} />}
          </Fact>
          <Fact name="Last seen">{detail.lastSeenAtMs === null ? 'never' : <Age atMs={detail.lastSeenAtMs} />}</Fact>
          <Fact name="First heard of">{dateTimeText(detail.firstSeenAtMs)}</Fact>
          <Fact name="Traffic in all">
            {bytesText(detail.sentBytes)} sent, {bytesText(detail.receivedBytes)} received
          </Fact>
          {detail.handshake !== null && (
            <Fact name="Handshake">
              {detail.handshake.resumed ? 'resumed' : 'both signatures checked'},{' '}
              {durationText(detail.handshake.tookMs)}
            </Fact>
          )}
          <Fact name="Open streams">{detail.streamsOpen.toLocaleString('en')}</Fact>
          {detail.lastOffence !== null && (
            <Fact name="Last broken rule">
              {detail.lastOffence.detail} (<Age atMs={detail.lastOffence.atMs} />)
            </Fact>
          )}
        </Facts>
      </Panel>
      {detail.paths.length > 0 && <Paths paths={detail.paths} nameOf={nameOf} />}
      <Panel
        title="Measure"
        hint="A ping times round trips over the path in use; a trace shows who passes messages on, each with its signature."
        actions={
          <>
            <Button
              variant="default"
              loading={busy === 'ping'}
              disabled={busy === 'trace' || detail.ban !== null}
              onClick={() => void measure()}
            >
              Ping
            </Button>
            <Button
              variant="default"
              leftSection={<IconRoute size={16} aria-hidden />}
              loading={busy === 'trace'}
              disabled={busy === 'ping' || detail.ban !== null}
              onClick={() => void follow()}
            >
              Trace
            </Button>
          </>
        }
      >
        {problem !== null && <ErrorNote title={`${peerTitle(detail)} was not reached`} error={problem} />}
        {ping !== null && <Pings ping={ping} />}
        {trace !== null && <Trace trace={trace} nameOf={nameOf} />}
      </Panel>
      <Panel title="Addresses" hint="Where it is said to be. Confirmed ones are those at which it proved itself.">
        {detail.addresses.length === 0 ? (
          <p className="hm-dim">None is known.</p>
        ) : (
          <ul className="hm-address-list">
            {detail.addresses.map((entry) => (
              <li key={entry.address}>
                <code className="hm-break">{entry.address}</code>
                <CopyButton text={`${entry.address}/p2p/${detail.peerId}`} what="the address" />
                <span className="hm-small hm-dim">
                  {sourceText(entry.source)}
                  {entry.confirmedAtMs !== null && (
                    <>
                      {', confirmed '}
                      <Age atMs={entry.confirmedAtMs} />
                    </>
                  )}
                </span>
              </li>
            ))}
          </ul>
        )}
      </Panel>
      {trusting && <TrustDialog peer={detail} onClose={() => setTrusting(false)} />}
    </>
  );
};
