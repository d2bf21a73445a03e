import { Button } from '@mantine/core';
import type { LeaseView } from '../../../preload/contract/index.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { Age } from '../age.tsx';
import { confirm } from '../confirm.tsx';
import { showDone, showError } from '../error-note.tsx';
import { saveFile } from '../files.ts';
import { Bar, Tag } from '../layout.tsx';
import { bytesText, caesText, resourceName } from '../quantity.ts';
import { isLive, leaseStateOf, otherSideOf, routeText, shortLease, useText } from './lease-text.ts';
import './leases.css';

const Row = ({
  lease,
  otherLabel,
  onOpen,
}: {
  lease: LeaseView;
  otherLabel: string;
  onOpen: ((lease: LeaseView) => void) | undefined;
}) => {
  const node = useNodeAccess();
  const state = leaseStateOf(lease);
  const other = otherSideOf(lease);
  const end = async (): Promise<void> => {
    const reply = await node.ask('leases:end', { lease: lease.id });
    if (reply.ok) showDone('The lease has ended. What was used is in its last receipt.');
    else showError('The lease was not ended', reply.error);
  };
  const file = async (): Promise<void> => {
    const reply = await node.ask('leases:file', { lease: lease.id });
    if (reply.ok) saveFile(reply.value.fileName, reply.value.bytes);
    else showError('There is no file of this lease', reply.error);
  };
  return (
    <tr>
      <th scope="row">
        {resourceName(lease.resource)}
        <span className="hm-small hm-dim hm-lease-sub">
          <code>{shortLease(lease.id)}</code>
          {lease.purpose !== '' && ` ${lease.purpose}`}
        </span>
      </th>
      <td data-label={otherLabel}>
        {other}
        <span className="hm-small hm-dim hm-lease-sub">
          {lease.allocationType.toLowerCase()}, {routeText(lease.route)}
        </span>
      </td>
      <td data-label="Amount">
        <span className="hm-number">{useText(lease)}</span>
        {lease.measured !== null && <Bar percent={(lease.measured / Math.max(1, lease.amount)) * 100} />}
      </td>
      <td data-label="State">
        <Tag tone={state.tone}>{state.word}</Tag>
        {lease.reason !== '' && <span className="hm-small hm-dim hm-lease-sub hm-lease-reason">{lease.reason}</span>}
      </td>
      <td data-label="Time">
        {lease.endedAtMs === null ? (
          <>
            ends <Age atMs={lease.endsAtMs} />
          </>
        ) : (
          <Age atMs={lease.endedAtMs} />
        )}
      </td>
      <td className="hm-right" data-label="Traffic and cost">
        <span title={`${bytesText(lease.sentBytes)} sent, ${bytesText(lease.receivedBytes)} received`}>
          {bytesText(lease.sentBytes + lease.receivedBytes)}
        </span>
        <span className="hm-small hm-dim hm-lease-sub">
          {lease.owedMicro === '0' ? 'for nothing' : caesText(BigInt(lease.owedMicro))}
        </span>
      </td>
      <td className="hm-right hm-lease-actions">
        {onOpen !== undefined && lease.state === 'running' && (
          <Button size="compact-sm" variant="default" onClick={() => onOpen(lease)}>
            Use …<span className="hm-sr"> lease {shortLease(lease.id)}</span>
          </Button>
        )}
        {lease.startedAtMs !== null && (
          <Button size="compact-sm" variant="subtle" color="gray" onClick={() => void file()}>
            File<span className="hm-sr"> of lease {shortLease(lease.id)}, signed by both</span>
          </Button>
        )}
        {isLive(lease) && (
          <Button
            size="compact-sm"
            variant="subtle"
            color="red"
            className="hm-lease-end"
            onClick={() =>
              confirm({
                title: 'End this lease?',
                children:
                  lease.side === 'lent'
                    ? `${other} loses ${resourceName(lease.resource).toLowerCase()} at once. What was used so far is settled.`
                    : 'What is kept there is gone for good. What was used so far is settled.',
                confirmLabel: 'End it',
                onConfirm: () => void end(),
              })
            }
          >
            End …<span className="hm-sr"> lease {shortLease(lease.id)}</span>
          </Button>
        )}
      </td>
    </tr>
  );
};

/** Leases in rows: what, with whom, promised beside measured, how it stands, how long, how much. */
export const LeaseTable = ({
  leases,
  other,
  onOpen,
}: {
  leases: readonly LeaseView[];
  /** Heading of the other side's column. */
  other: string;
  onOpen?: (lease: LeaseView) => void;
}) => (
  <div className="hm-scroll-x">
    <table className="hm-table hm-leases">
      <thead>
        <tr>
          <th scope="col">What</th>
          <th scope="col">{other}</th>
          <th scope="col">Amount</th>
          <th scope="col">State</th>
          <th scope="col">Time</th>
          <th scope="col" className="hm-right">
            Traffic and cost
          </th>
          <th scope="col">
            <span className="hm-sr">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {leases.map((lease) => (
          <Row key={lease.id} lease={lease} otherLabel={other} onOpen={onOpen} />
        ))}
      </tbody>
    </table>
  </div>
);
