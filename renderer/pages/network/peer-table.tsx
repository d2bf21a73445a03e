import { SegmentedControl, TextInput } from '@mantine/core';
import { IconSearch, IconTopologyStar3 } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import type { PeerView } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { Empty, Panel, Tag } from '../../components/layout.tsx';
import { bytesText, rateText } from '../../components/quantity.ts';
import { hrefOf } from '../../state/route.ts';
import { inOrder, pathText, peerTitle, roundTripText, shortPeer, sourceText, standingOf } from './network-text.ts';
import { PeerActions } from './peer-actions.tsx';

/** Rows drawn; a search finds the others. */
const ROWS_MAX = 200;
type Shown = 'connected' | 'known' | 'banned';

const matches = (peer: PeerView, text: string): boolean =>
  text === '' || peer.name.toLowerCase().includes(text) || peer.peerId.toLowerCase().includes(text);

const Row = ({ peer, nameOf }: { peer: PeerView; nameOf: (id: string) => string }) => {
  const standing = standingOf(peer);
  const { path } = peer;
  return (
    <tr>
      <th scope="row" className="hm-peer-cell">
        <span className="hm-dot" data-tone={peer.connected ? 'on' : 'off'} aria-hidden="true" />
        <span>
          <a href={hrefOf('network', peer.peerId)}>{peerTitle(peer)}</a>
          <span className="hm-small hm-dim">
            {peer.name === '' ? sourceText(peer.source) : <code>{shortPeer(peer.peerId)}</code>}
          </span>
        </span>
      </th>
      <td>
        {path === null ? (
          <span className="hm-dim">not connected</span>
        ) : (
          <span title={path.why}>{pathText(path, nameOf)}</span>
        )}
      </td>
      <td className="hm-right">{path?.rttMs == null ? '–' : roundTripText(path.rttMs)}</td>
      <td>
        {peer.connectedAtMs !== null ? (
          <Age atMs={peer.connectedAtMs} />
        ) : peer.lastSeenAtMs === null ? (
          <span className="hm-dim">never</span>
        ) : (
          <span className="hm-dim">
            last <Age atMs={peer.lastSeenAtMs} />
          </span>
        )}
      </td>
      <td className="hm-right">
        {path === null ? (
          bytesText(peer.sentBytes + peer.receivedBytes)
        ) : (
          <span title={`${bytesText(peer.sentBytes)} sent and ${bytesText(peer.receivedBytes)} received in all`}>
            {rateText(path.sentBytesPerSecond)} out, {rateText(path.receivedBytesPerSecond)} in
          </span>
        )}
      </td>
      <td>
        <Tag tone={standing.tone}>{standing.word}</Tag>
      </td>
      <td className="hm-right">
        <PeerActions peer={peer} />
      </td>
    </tr>
  );
};

/** All known peers in rows: who, by which path, how fast, since when, how much, how they behave. */
export const PeerTable = ({ peers }: { peers: readonly PeerView[] }) => {
  const [shown, setShown] = useState<Shown>('connected');
  const [search, setSearch] = useState('');
  const text = search.trim().toLowerCase();
  const titles = useMemo(() => new Map(peers.map((peer) => [peer.peerId, peerTitle(peer)])), [peers]);
  const nameOf = (id: string): string => titles.get(id) ?? shortPeer(id);
  const connected = peers.filter((peer) => peer.connected);
  const banned = peers.filter((peer) => peer.ban !== null);
  const among = shown === 'connected' ? connected : shown === 'banned' ? banned : peers;
  const rows = useMemo(() => inOrder(among).filter((peer) => matches(peer, text)), [among, text]);
  return (
    <Panel
      title="Peers"
      actions={
        <>
          <TextInput
            aria-label="Search peers"
            placeholder="Name or id"
            leftSection={<IconSearch size={16} aria-hidden />}
            value={search}
            maxLength={64}
            onChange={(event) => setSearch(event.currentTarget.value)}
            w={180}
          />
          <SegmentedControl
            aria-label="Which peers"
            data={[
              { value: 'connected', label: `Connected ${connected.length}` },
              { value: 'known', label: `Known ${peers.length}` },
              { value: 'banned', label: `Banned ${banned.length}` },
            ]}
            value={shown}
            onChange={(value) => setShown(value)}
          />
        </>
      }
    >
      {rows.length === 0 ? (
        <Empty
          icon={<IconTopologyStar3 size={22} stroke={1.75} />}
          title={text === '' ? 'No peer here' : 'No peer of that name or id'}
        >
          {text !== ''
            ? 'Look among all known peers, or try the end of its id.'
            : shown === 'banned'
              ? 'Peers that break rules too often are banned for a time, and those whom you ban yourself.'
              : 'Nodes on the same local network find each other by themselves. For others, send an invite or follow one.'}
        </Empty>
      ) : (
        <div className="hm-scroll-x">
          <table className="hm-table hm-peers">
            <thead>
              <tr>
                <th scope="col">Peer</th>
                <th scope="col">Path</th>
                <th scope="col" className="hm-right">
                  Round trip
                </th>
                <th scope="col">{shown === 'connected' ? 'Since' : 'Seen'}</th>
                <th scope="col" className="hm-right">
                  Traffic
                </th>
                <th scope="col">Standing</th>
                <th scope="col">
                  <span className="hm-sr">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, ROWS_MAX).map((peer) => (
                <Row key={peer.peerId} peer={peer} nameOf={nameOf} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {rows.length > ROWS_MAX && (
        <p className="hm-small hm-dim">
          {ROWS_MAX} of {rows.length} are shown. Search for the others.
        </p>
      )}
    </Panel>
  );
};
