import { IconCircleCheck, IconCircleX, IconShieldCheck, IconShieldX } from '@tabler/icons-react';
import { useState } from 'react';
import type { CallError, ReceiptVerdict } from '../../../preload/contract/index.ts';
import { Address } from '../../components/address.tsx';
import { Caes } from '../../components/caes.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { FileDrop } from '../../components/file-drop.tsx';
import { readFile } from '../../components/files.ts';
import { Fact, Facts, Panel } from '../../components/layout.tsx';
import { amountText, resourceName } from '../../components/quantity.ts';
import { ShortHash } from '../../components/short-hash.tsx';
import { dateTimeText, durationText } from '../../components/time-text.ts';
import { sentence } from '../../components/unknown.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { ProofMarks } from './explain-sheet.tsx';
import { unitSecondsText } from './receipt-text.ts';

/** Three quarters of what the contract takes in base64. */
const FILE_BYTES_MAX = 6_000_000;

const CHECKS: Record<ReceiptVerdict['findings'][number]['check'], string> = {
  genesis: 'The network',
  offer: 'The offer',
  request: 'The request',
  grant: 'The grant',
  receipt: 'The receipt',
  proof: 'The proofs',
  payment: 'The payment',
  block: 'The block',
  signatures: 'The signatures under the block',
};

const ReceiptFacts = ({ receipt }: { receipt: NonNullable<ReceiptVerdict['receipt']> }) => (
  <>
    <Facts>
      <Fact name="Lent">
        {amountText(receipt.amount, receipt.unit)}, {resourceName(receipt.kind)}
      </Fact>
      <Fact name="For">{durationText(receipt.endsAtMs - receipt.startsAtMs)}</Fact>
      <Fact name="Used">{unitSecondsText(receipt.unitSeconds, receipt.unit)}</Fact>
      <Fact name="Paid">
        <strong>
          <Caes micro={receipt.paidMicro} />
        </strong>
      </Fact>
      <Fact name="Burnt besides">
        <Caes micro={receipt.burntMicro} />
      </Fact>
      <Fact name="Lender">
        <Address address={receipt.lenderAccount} name="the lender" />
      </Fact>
      <Fact name="Borrower">
        <Address address={receipt.borrowerAccount} name="the borrower" />
      </Fact>
      <Fact name="Network">
        {receipt.network} <ShortHash value={receipt.networkId} what="the id of the network" />
      </Fact>
      <Fact name="Paid in block">{receipt.height.toLocaleString('en')}</Fact>
      <Fact name="Vouched for by block">
        {receipt.vouchedHeight.toLocaleString('en')} <ShortHash value={receipt.block} what="the hash of the block" />
      </Fact>
      <Fact name="Settled">{dateTimeText(receipt.settledAtMs)}</Fact>
      <Fact name="Signed by">
        {receipt.signers.length} {receipt.signers.length === 1 ? 'validator' : 'validators'}
      </Fact>
      <Fact name="Lease">
        <ShortHash value={receipt.lease} what="the id of the lease" />
      </Fact>
    </Facts>
    <ProofMarks proofs={receipt.proofs} />
  </>
);

const VerdictView = ({ verdict, name }: { verdict: ReceiptVerdict; name: string }) => (
  <div className="hm-stack" role="status">
    <div className="hm-outcome" data-state={verdict.passed ? 'final' : 'dropped'}>
      {verdict.passed ? <IconShieldCheck size={24} aria-hidden /> : <IconShieldX size={24} aria-hidden />}
      <div className="hm-grow">
        <p className="hm-outcome-title">{verdict.passed ? 'The receipt holds' : 'The receipt does not hold'}</p>
        <p className="hm-small hm-break">{name}</p>
      </div>
    </div>
    <ul className="hm-findings" aria-label="What was checked">
      {verdict.findings.map((finding) => (
        <li key={finding.check} data-passed={finding.passed}>
          {finding.passed ? <IconCircleCheck size={18} aria-hidden /> : <IconCircleX size={18} aria-hidden />}
          <div className="hm-grow">
            <p>
              <strong>{CHECKS[finding.check]}</strong>
              <span className="hm-sr">{finding.passed ? ' holds' : ' does not hold'}</span>
            </p>
            <p className="hm-small hm-dim hm-break">
              {sentence(finding.sentence)} {finding.code !== null && <code>{finding.code}</code>}
            </p>
          </div>
        </li>
      ))}
    </ul>
    {verdict.receipt !== null && <ReceiptFacts receipt={verdict.receipt} />}
  </div>
);

/** Checks a receipt file of anybody, with what it holds and nothing else. */
export const CheckReceipt = () => {
  const node = useNodeAccess();
  const [name, setName] = useState<string | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const [verdict, setVerdict] = useState<ReceiptVerdict | null>(null);
  const [busy, setBusy] = useState(false);
  const take = async (file: File): Promise<void> => {
    setVerdict(null);
    setName(file.name);
    const read = await readFile(file, FILE_BYTES_MAX, 'a receipt file');
    if (!read.ok) {
      setError(read.error);
      return;
    }
    setError(null);
    setBusy(true);
    const reply = await node.ask('receipts:verify', { file: read.value });
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (reply.ok) setVerdict(reply.value);
  };
  return (
    <Panel
      title="Check a receipt file"
      hint="Of anybody: what was lent, how it was proved, what was paid, in which block, and who signed. Checked here; nothing is sent."
    >
      <div className="hm-stack">
        <FileDrop title={name ?? 'Choose a receipt file, or drop it here'} onFile={(file) => void take(file)}>
          {busy ? 'Checking …' : 'A .hmreceipt file that this or another node has saved'}
        </FileDrop>
        {error !== null && <ErrorNote error={error} />}
        {verdict !== null && <VerdictView verdict={verdict} name={name ?? ''} />}
      </div>
    </Panel>
  );
};
