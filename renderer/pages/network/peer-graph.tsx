import { useElementSize } from '@mantine/hooks';
import { type KeyboardEvent, useMemo, useRef, useState } from 'react';
import type { PeerView } from '../../../preload/contract/index.ts';
import { rateText } from '../../components/quantity.ts';
import { hrefOf } from '../../state/route.ts';
import { DRAWN_MAX, GRAPH_HEIGHT_PX, labelled, lineWidth, placePeers } from './graph-layout.ts';
import { pathText, peerTitle, roundTripText, shortPeer, tierText } from './network-text.ts';

/** Where nothing has a width, as in a test. */
const WIDTH_PX_FALLBACK = 900;
const LABEL_LENGTH_MAX = 18;

const cut = (text: string): string =>
  text.length <= LABEL_LENGTH_MAX ? text : `${text.slice(0, LABEL_LENGTH_MAX - 1)}…`;
const rateOf = (peer: PeerView): number =>
  (peer.path?.sentBytesPerSecond ?? 0) + (peer.path?.receivedBytesPerSecond ?? 0);

const spoken = (peer: PeerView, nameOf: (id: string) => string): string => {
  const { path } = peer;
  const words = [peerTitle(peer)];
  if (peer.trusted) words.push('trusted');
  if (path !== null) {
    words.push(pathText(path, nameOf));
    if (path.rttMs !== null) words.push(`round trip ${roundTripText(path.rttMs)}`);
    words.push(`${rateText(rateOf(peer))} now`);
  }
  return words.join(', ');
};

/** Names are written above a peer in the upper half and below one in the lower half. */
const labelY = (y: number): number => (y < 0 ? -16 : 26);

const LEGEND = ['quic', 'tls', 'punched', 'relay'] as const;

/**
 * Who this node talks to at this moment: near is fast, thick is busy, dashed goes through another node. One Tab stop;
 * arrow keys go around, Enter opens a peer. The table below says the same in words.
 */
export const PeerGraph = ({ peers, self }: { peers: readonly PeerView[]; self: string }) => {
  const { ref, width } = useElementSize();
  const drawnWidth = width === 0 ? WIDTH_PX_FALLBACK : width;
  const placed = useMemo(() => placePeers(peers, drawnWidth), [peers, drawnWidth]);
  const places = useMemo(() => new Map(placed.map((place) => [place.peer.peerId, place])), [placed]);
  const named = useMemo(() => labelled(placed, (peer) => cut(peerTitle(peer))), [placed]);
  const [active, setActive] = useState<string | null>(null);
  const elements = useRef(new Map<string, HTMLElement>());
  const nameOf = (id: string): string => {
    const peer = peers.find((entry) => entry.peerId === id);
    return peer === undefined ? shortPeer(id) : peerTitle(peer);
  };
  const tabStop = active !== null && places.has(active) ? active : placed[0]?.peer.peerId;
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey || placed.length === 0) return;
    const now = Math.max(
      0,
      placed.findIndex(({ peer }) => peer.peerId === tabStop),
    );
    const steps: Readonly<Record<string, number>> = {
      ArrowRight: now + 1,
      ArrowDown: now + 1,
      ArrowLeft: now - 1,
      ArrowUp: now - 1,
      Home: 0,
      End: placed.length - 1,
    };
    const target = steps[event.key];
    if (target === undefined) return;
    event.preventDefault();
    const next = placed[(target + placed.length) % placed.length]?.peer.peerId;
    if (next === undefined) return;
    setActive(next);
    elements.current.get(next)?.focus({ preventScroll: true });
  };
  const pointed = active === null ? undefined : places.get(active);
  const middleX = drawnWidth / 2;
  const middleY = GRAPH_HEIGHT_PX / 2;
  return (
    <figure className="hm-graph" ref={ref}>
      <svg width={drawnWidth} height={GRAPH_HEIGHT_PX} role="group" aria-label="Peers around this node">
        <g transform={`translate(${middleX} ${middleY})`} aria-hidden="true">
          {[0.42, 0.71, 1].map((ring) => (
            <ellipse
              key={ring}
              className="hm-graph-ring"
              rx={Math.max(60, drawnWidth / 2 - 84) * ring}
              ry={(GRAPH_HEIGHT_PX / 2 - 44) * ring}
            />
          ))}
        </g>
        <g transform={`translate(${middleX} ${middleY})`}>
          {placed.map(({ peer, x, y, via }) => {
            const from = via === null ? undefined : places.get(via);
            return (
              <line
                key={peer.peerId}
                className="hm-graph-line"
                data-tier={peer.path?.tier}
                data-active={active === peer.peerId || undefined}
                x1={from?.x ?? 0}
                y1={from?.y ?? 0}
                x2={x}
                y2={y}
                strokeWidth={lineWidth(rateOf(peer))}
              />
            );
          })}
          {placed.map(({ peer, x, y }) => (
            <g key={peer.peerId} transform={`translate(${x} ${y})`}>
              <a
                className="hm-graph-peer"
                data-tier={peer.path?.tier}
                data-trusted={peer.trusted || undefined}
                href={hrefOf('network', peer.peerId)}
                aria-label={spoken(peer, nameOf)}
                tabIndex={peer.peerId === tabStop ? 0 : -1}
                ref={(element) => {
                  if (element === null) elements.current.delete(peer.peerId);
                  else elements.current.set(peer.peerId, element);
                }}
                onKeyDown={onKeyDown}
                onFocus={() => setActive(peer.peerId)}
                onMouseEnter={() => setActive(peer.peerId)}
                onMouseLeave={() => setActive(null)}
              >
                <circle className="hm-graph-target" r={20} />
                <circle className="hm-graph-dot" r={9} />
                {peer.trusted && <path className="hm-graph-check" d="M -3.6 0.2 L -1 2.8 L 3.8 -2.6" />}
                {named.has(peer.peerId) && active !== peer.peerId && (
                  <text y={labelY(y)} textAnchor="middle">
                    {cut(peerTitle(peer))}
                  </text>
                )}
              </a>
            </g>
          ))}
          <g className="hm-graph-self" aria-hidden="true">
            <circle r={17} />
            <path d="M0 -8 7 -4v8L0 8l-7-4v-8Z" />
            <text y={35} textAnchor="middle">
              This node
            </text>
            <title>{self}</title>
          </g>
          {pointed !== undefined && (
            <g className="hm-graph-pointed" transform={`translate(${pointed.x} ${pointed.y})`} aria-hidden="true">
              <text y={labelY(pointed.y)} textAnchor="middle">
                {peerTitle(pointed.peer)}
              </text>
              <text className="hm-graph-detail" y={labelY(pointed.y) + (pointed.y < 0 ? -15 : 15)} textAnchor="middle">
                {[
                  ...(pointed.peer.path === null ? [] : [pathText(pointed.peer.path, nameOf)]),
                  ...(pointed.peer.path?.rttMs == null ? [] : [roundTripText(pointed.peer.path.rttMs)]),
                  rateText(rateOf(pointed.peer)),
                ].join(' · ')}
              </text>
            </g>
          )}
        </g>
      </svg>
      <figcaption className="hm-graph-legend hm-small hm-dim">
        {LEGEND.map((tier) => (
          <span key={tier}>
            <svg width={22} height={8} aria-hidden="true" focusable="false">
              <line className="hm-graph-line" data-tier={tier} x1={1} y1={4} x2={21} y2={4} strokeWidth={2} />
            </svg>
            {tierText(tier)}
          </span>
        ))}
        <span>Near is fast, thick is busy.</span>
        {peers.length > DRAWN_MAX && (
          <span>
            {DRAWN_MAX} of {peers.length} peers are drawn; the table has all.
          </span>
        )}
      </figcaption>
    </figure>
  );
};
