import { useState } from 'react';
import type { CallError, LeaseVerdict } from '../../../preload/contract/index.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { FileDrop } from '../../components/file-drop.tsx';
import { readFile } from '../../components/files.ts';
import { Panel, Tag } from '../../components/layout.tsx';
import { amountText, bytesText, caesText, resourceName } from '../../components/quantity.ts';
import { dateTimeText } from '../../components/time-text.ts';
import { useNodeAccess } from '../../state/node-context.tsx';

/** Four or five records. */
const FILE_BYTES_MAX = 128 * 1024;
const CHECKS: Record<LeaseVerdict['findings'][number]['check'], string> = {
  offer: 'What was offered',
  request: 'What was asked for',
  grant: 'What was promised',
  countersigned: 'What both signed for',
  latest: 'What only the lender says',
};

const Verdict = ({ verdict: { passed, findings, lease } }: { verdict: LeaseVerdict }) => (
  <div role="status" className="hm-stack">
    <p>
      <Tag tone={passed ? 'accent' : 'problem'}>{passed ? 'holds' : 'does not hold'}</Tag>{' '}
      {lease !== null &&
        `${amountText(lease.amount, lease.unit)} of ${resourceName(lease.kind).toLowerCase()}, ${dateTimeText(lease.startsAtMs)} to ${dateTimeText(lease.endsAtMs)}. ${
          lease.used === null
            ? 'Nothing was signed by both.'
            : `${bytesText(lease.used.sentBytes + lease.used.receivedBytes)} carried, ${caesText(BigInt(lease.used.owedMicro))} owed${lease.used.final ? ' in all' : ' so far'}.`
        }`}
    </p>
    <ul className="hm-lease-findings">
      {findings.map((finding) => (
        <li key={finding.check}>
          <strong>{CHECKS[finding.check]}</strong> <span className="hm-dim">{finding.sentence}</span>
        </li>
      ))}
    </ul>
  </div>
);

/** The file of a lease of anybody: what holds of it, with what it holds and nothing else. */
export const CheckLease = () => {
  const node = useNodeAccess();
  const [name, setName] = useState<string | null>(null);
  const [verdict, setVerdict] = useState<LeaseVerdict | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const take = async (file: File): Promise<void> => {
    setName(file.name);
    setVerdict(null);
    const read = await readFile(file, FILE_BYTES_MAX, 'the file of a lease');
    if (!read.ok) return setError(read.error);
    const reply = await node.ask('leases:verify', { file: read.value });
    setError(reply.ok ? null : reply.error);
    if (reply.ok) setVerdict(reply.value);
  };
  return (
    <Panel
      title="Check the file of a lease"
      hint="Yours or anybody’s: signatures, amounts and receipts, with no network."
    >
      <FileDrop title={name ?? 'Choose a lease file, or drop it here'} onFile={(file) => void take(file)}>
        .hmlease
      </FileDrop>
      {error !== null && <ErrorNote error={error} />}
      {verdict !== null && <Verdict verdict={verdict} />}
    </Panel>
  );
};
