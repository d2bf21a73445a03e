import { Button } from '@mantine/core';
import { IconBulb, IconCheck, IconStethoscope, IconX } from '@tabler/icons-react';
import { useState } from 'react';
import type { CallError, NetworkFinding, NetworkState } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { ErrorNote, Note } from '../../components/error-note.tsx';
import { Fact, Facts } from '../../components/layout.tsx';
import { CopyButton } from '../../components/short-hash.tsx';
import { dateTimeText } from '../../components/time-text.ts';
import { sentence } from '../../components/unknown.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { addressText, reachableText, shortPeer } from './network-text.ts';

const MAPPERS = { upnp: 'UPnP', 'nat-pmp': 'NAT-PMP', pcp: 'PCP' } as const;

const Finding = ({ finding }: { finding: NetworkFinding }) => (
  <li className="hm-finding" data-state={finding.state}>
    {finding.state === 'ok' ? <IconCheck size={16} aria-hidden /> : <IconX size={16} aria-hidden />}
    <div>
      <p>
        <strong>{finding.check}</strong>
        <span className="hm-sr">{finding.state === 'ok' ? ', in order' : ', needs you'}</span>
      </p>
      <p className="hm-dim">{sentence(finding.sentence)}</p>
      {finding.advice !== null && <p>{sentence(finding.advice)}</p>}
    </div>
  </li>
);

/** Whether and how others get here, what stands between, and what would make it better. */
export const ReachPanel = ({ state, nameOf }: { state: NetworkState; nameOf: (id: string) => string }) => {
  const node = useNodeAccess();
  const [busy, setBusy] = useState(false);
  const [findings, setFindings] = useState<readonly NetworkFinding[] | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const { reach } = state;
  const { headline, tone } = reachableText(reach);
  const test = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('network:doctor', {});
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (reply.ok) setFindings(reply.value.findings);
  };
  return (
    <section className="hm-panel hm-reach" aria-labelledby="reach-line">
      <div className="hm-hero-line">
        <span className="hm-dot" data-tone={tone} aria-hidden="true" />
        <div className="hm-grow" role="status">
          <h2 id="reach-line">{headline}</h2>
          <p className="hm-dim">{sentence(reach.sentence)}</p>
        </div>
        <Button
          variant="default"
          leftSection={<IconStethoscope size={16} aria-hidden />}
          loading={busy}
          onClick={() => void test()}
        >
          Test now
        </Button>
      </div>
      {reach.advice.length > 0 && (
        <Note icon={<IconBulb size={18} aria-hidden className="hm-note-icon" />} title="What would make it better">
          {reach.advice.map((line) => (
            <p key={line}>{sentence(line)}</p>
          ))}
        </Note>
      )}
      {error !== null && <ErrorNote title="The test did not run" error={error} />}
      {findings !== null && (
        <ul className="hm-findings" aria-label="What the test found">
          {findings.map((finding) => (
            <Finding key={`${finding.check} ${finding.sentence}`} finding={finding} />
          ))}
        </ul>
      )}
      <Facts>
        <Fact name="Peer id">{state.peerId === null ? 'none' : <ShortPeer id={state.peerId} />}</Fact>
        <Fact name="Connected">
          {state.connections.toLocaleString('en')} of {state.knownPeers.toLocaleString('en')} known
        </Fact>
        {reach.relays.length > 0 && <Fact name="Relays">{reach.relays.map(nameOf).join(', ')}</Fact>}
        {reach.mapped.map((mapped) => (
          <Fact key={`${mapped.protocol} ${mapped.address}`} name="Opened by the router">
            <span title={mapped.address}>{addressText(mapped.address)}</span>{' '}
            <span className="hm-dim" title={`until ${dateTimeText(mapped.untilMs)}`}>
              {MAPPERS[mapped.by]}
            </span>
          </Fact>
        ))}
        {reach.confirmed.slice(0, 4).map((confirmed) => (
          <Fact key={`${confirmed.address} ${confirmed.by}`} name={`Reached by ${nameOf(confirmed.by)}`}>
            <span title={confirmed.address}>{addressText(confirmed.address)}</span>{' '}
            <span className="hm-dim">
              <Age atMs={confirmed.atMs} />
            </span>
          </Fact>
        ))}
      </Facts>
      {state.addresses.length > 0 && (
        <details className="hm-addresses">
          <summary>
            {state.addresses.length === 1 ? 'Its address' : `Its ${state.addresses.length} addresses`}, to add this node
            elsewhere
          </summary>
          <ul>
            {state.addresses.map((address) => {
              const whole = `${address}/p2p/${state.peerId ?? ''}`;
              return (
                <li key={address}>
                  <code>{whole}</code>
                  <CopyButton text={whole} what="the address" />
                </li>
              );
            })}
          </ul>
        </details>
      )}
    </section>
  );
};

/** A peer id by its end, since all begin alike. */
export const ShortPeer = ({ id }: { id: string }) => (
  <span className="hm-hash">
    <code title={id}>{shortPeer(id)}</code>
    <CopyButton text={id} what="the peer id" />
  </span>
);
