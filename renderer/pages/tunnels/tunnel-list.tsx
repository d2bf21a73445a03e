import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import type { ExposureView, ProxyView, ReachedView } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { confirm } from '../../components/confirm.tsx';
import { showDone, showError } from '../../components/error-note.tsx';
import { routeText } from '../../components/leases/lease-text.ts';
import { Tag } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { CopyButton } from '../../components/short-hash.tsx';
import { sentence } from '../../components/unknown.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { peerTitle } from '../network/network-text.ts';
import { PRIVACY } from '../share/share-text.ts';

interface Carried {
  connectionsNow: number;
  connectionsTotal: number;
  sentBytes: number;
  receivedBytes: number;
}
const carriedText = ({ connectionsNow, connectionsTotal, sentBytes, receivedBytes }: Carried): string =>
  connectionsTotal === 0
    ? 'Not used yet.'
    : `${connectionsNow} open of ${connectionsTotal} in all, ${bytesText(sentBytes)} out, ${bytesText(receivedBytes)} in`;

const Item = ({
  title,
  tag,
  place,
  what,
  lines,
  problem,
  action,
}: {
  title: string;
  tag: ReactNode;
  /** What is copied. */
  place: string;
  what: string;
  lines: readonly ReactNode[];
  problem: string;
  action: ReactNode;
}) => (
  <li>
    <div className="hm-grow hm-tunnel-body">
      <h3>
        {title} {tag}
      </h3>
      <p className="hm-tunnel-place">
        <code>{place}</code>
        <CopyButton text={place} what={what} />
      </p>
      {lines.map((line, index) => (
        // The lines of one item never change their order.
        <p key={index} className="hm-small hm-dim">
          {line}
        </p>
      ))}
      {problem !== '' && <p className="hm-small hm-tunnel-problem">{sentence(problem)}</p>}
    </div>
    {action}
  </li>
);

const useEnd = () => {
  const node = useNodeAccess();
  return async (call: 'tunnels:unexpose' | 'tunnels:unreach' | 'tunnels:unproxy', id: string): Promise<void> => {
    const reply = await node.ask(call, { id });
    if (reply.ok) showDone(call === 'tunnels:unexpose' ? 'Taken back. Its address answers nobody.' : 'Closed.');
    else showError('It was not closed', reply.error);
  };
};

export const Exposures = ({ exposures }: { exposures: readonly ExposureView[] }) => {
  const end = useEnd();
  return (
    <ul className="hm-tunnel-list">
      {exposures.map((one) => {
        const title = one.name === '' ? one.target : one.name;
        return (
          <Item
            key={one.id}
            title={title}
            tag={
              <Tag tone={one.problem === '' ? 'accent' : 'problem'}>
                {PRIVACY[one.privacyLevel].label.toLowerCase()}
              </Tag>
            }
            place={`[${one.address}]:${one.port}`}
            what={`the address of ${title}`}
            lines={[
              `${one.protocol.toUpperCase()} to ${/^\d+$/.test(one.target) ? `port ${one.target} of this machine` : one.target}. ${sentence(one.sentence)}`,
              carriedText(one),
              one.lastRefusal === null ? null : (
                <>
                  {one.refused} refused, last <Age atMs={one.lastRefusal.atMs} />: {one.lastRefusal.sentence}
                </>
              ),
            ].filter((line) => line !== null)}
            problem={one.problem}
            action={
              <Button
                size="compact-sm"
                variant="default"
                onClick={() =>
                  confirm({
                    title: `Take ${title} back?`,
                    children:
                      'Its connections end, and its address is revoked for good. Exposed again it gets another.',
                    confirmLabel: 'Take back',
                    onConfirm: () => void end('tunnels:unexpose', one.id),
                  })
                }
              >
                Take back …<span className="hm-sr"> {title}</span>
              </Button>
            }
          />
        );
      })}
    </ul>
  );
};

export const Reached = ({ reached }: { reached: readonly ReachedView[] }) => {
  const end = useEnd();
  return (
    <ul className="hm-tunnel-list">
      {reached.map((one) => (
        <Item
          key={one.id}
          title={one.peerId === null ? 'Not used yet' : peerTitle({ peerId: one.peerId, name: one.peerName })}
          tag={<Tag>{routeText(one.route)}</Tag>}
          place={one.listen}
          what="where it is on this machine"
          lines={[`${one.protocol.toUpperCase()} from [${one.address}]:${one.port}`, carriedText(one)]}
          problem={one.problem}
          action={
            <Button size="compact-sm" variant="default" onClick={() => void end('tunnels:unreach', one.id)}>
              Close<span className="hm-sr"> {one.listen}</span>
            </Button>
          }
        />
      ))}
    </ul>
  );
};

const KINDS: Record<ProxyView['kind'], string> = { socks: 'SOCKS5', http: 'HTTP', names: 'Names' };
export const Proxies = ({ proxies }: { proxies: readonly ProxyView[] }) => {
  const end = useEnd();
  return (
    <ul className="hm-tunnel-list">
      {proxies.map((one) => (
        <Item
          key={one.id}
          title={KINDS[one.kind]}
          tag={
            <Tag tone={one.lease === null ? 'neutral' : 'accent'}>{one.lease === null ? 'mesh only' : 'with exit'}</Tag>
          }
          place={one.listen}
          what="the proxy’s address"
          lines={[
            one.password ? 'Asks for a name and a password.' : 'For every program of this machine.',
            `${carriedText(one)}${one.refused === 0 ? '' : `, ${one.refused} refused`}`,
          ]}
          problem={one.problem}
          action={
            <Button size="compact-sm" variant="default" onClick={() => void end('tunnels:unproxy', one.id)}>
              Close<span className="hm-sr"> the proxy at {one.listen}</span>
            </Button>
          }
        />
      ))}
    </ul>
  );
};
