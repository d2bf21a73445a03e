import { IconCircleCheck, IconCircleX } from '@tabler/icons-react';
import type { RewardEntry, RewardExplanation } from '../../../preload/contract/index.ts';
import { Caes, LargeCaes } from '../../components/caes.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { Fact, Facts, Loading, Tag } from '../../components/layout.tsx';
import { resourceName } from '../../components/quantity.ts';
import { ReceiptButton } from '../../components/receipt-button.tsx';
import { Sheet } from '../../components/sheet.tsx';
import { ShortHash } from '../../components/short-hash.tsx';
import { dateTimeText } from '../../components/time-text.ts';
import { sentence } from '../../components/unknown.tsx';
import { hrefOf } from '../../state/route.ts';
import { unitSecondsText } from './receipt-text.ts';
import { PROOF_NAMES, REWARD_KINDS } from './rewards-text.ts';
import { useAsked } from './use-rewards.ts';

type Receipt = RewardExplanation['receipts'][number];

/** The four proofs with their outcome, as a list of words and signs. */
export const ProofMarks = ({ proofs }: { proofs: Receipt['proofs'] }) => (
  <ul className="hm-proof-marks">
    {proofs.map(({ kind, passed }) => (
      <li key={kind} data-passed={passed}>
        {passed ? <IconCircleCheck size={16} aria-hidden /> : <IconCircleX size={16} aria-hidden />}
        {PROOF_NAMES[kind]}
        <span className="hm-sr">{passed ? ' holds' : ' does not hold'}</span>
      </li>
    ))}
  </ul>
);

const ReceiptPart = ({ receipt, ledger }: { receipt: Receipt; ledger: string }) => (
  <li className="hm-receipt">
    <div className="hm-receipt-head">
      <div className="hm-grow">
        <h4>{resourceName(receipt.kind)}</h4>
        <ShortHash value={receipt.lease} what="the id of the lease" />
      </div>
      <strong>
        <Caes micro={receipt.paidMicro} />
      </strong>
    </div>
    <Facts>
      <Fact name="Used">{unitSecondsText(receipt.unitSeconds, receipt.unit)}</Fact>
      <Fact name="Owed by the borrower">
        <Caes micro={receipt.owedMicro} />
      </Fact>
      <Fact name="Privacy level">{receipt.privacyLevel ?? 'not listed, so counted as Private'}</Fact>
      <Fact name="Proof">
        {receipt.proofId === null ? (
          'none came with it'
        ) : (
          <ShortHash value={receipt.proofId} what="the id of the proof" href={hrefOf('proofs')} />
        )}
      </Fact>
      {receipt.transaction !== null && (
        <Fact name="Transaction">
          <ShortHash value={receipt.transaction} what="the hash of the transaction" />
        </Fact>
      )}
      <Fact name="Block">
        {receipt.height === null ? (
          'not settled yet'
        ) : (
          <a href={hrefOf('ledger', `${ledger}:${receipt.height}`)}>Block {receipt.height}</a>
        )}
      </Fact>
    </Facts>
    {receipt.proofs.length > 0 && <ProofMarks proofs={receipt.proofs} />}
    {receipt.height !== null && (
      <div className="hm-row">
        <ReceiptButton lease={receipt.lease} />
      </div>
    )}
  </li>
);

const Parts = ({ told }: { told: RewardExplanation }) => (
  <>
    <section className="hm-stack-tight" aria-labelledby="reward-formula">
      <h3 id="reward-formula">How it was reckoned</h3>
      <pre className="hm-code-block">{told.formula.join('\n')}</pre>
    </section>
    {told.inputs.length > 0 && (
      <section className="hm-stack-tight" aria-labelledby="reward-inputs">
        <h3 id="reward-inputs">What went in</h3>
        <p className="hm-small hm-dim">
          Amounts are whole micro-CAES here, as the ledger counts: 1,000,000 are one CAES.
        </p>
        <dl className="hm-inputs">
          {told.inputs.map((input) => (
            <div key={input.name}>
              <dt>{input.name}</dt>
              <dd>
                <strong>{/^\d{5,}$/.test(input.value) ? BigInt(input.value).toLocaleString('en') : input.value}</strong>
                <span className="hm-small hm-dim">{sentence(input.sentence)}</span>
              </dd>
            </div>
          ))}
        </dl>
      </section>
    )}
    <section className="hm-stack-tight" aria-labelledby="reward-receipts">
      <h3 id="reward-receipts">Receipts that it rests on</h3>
      {told.receipts.length === 0 ? (
        <p className="hm-dim">None: it does not come from a lease.</p>
      ) : (
        <ul className="hm-receipts">
          {told.receipts.map((receipt) => (
            <ReceiptPart
              key={`${receipt.lease}:${receipt.transaction ?? ''}`}
              receipt={receipt}
              ledger={told.entry.ledger}
            />
          ))}
        </ul>
      )}
    </section>
  </>
);

/** A reward taken apart: formula, inputs, receipts and proofs. */
export const ExplainSheet = ({ entry, onClose }: { entry: RewardEntry; onClose(): void }) => {
  const told = useAsked('rewards:explain', { id: entry.id });
  return (
    <Sheet title={REWARD_KINDS[entry.kind]} onClose={onClose}>
      <div>
        <p>
          <LargeCaes micro={entry.amountMicro} />
        </p>
        <p>{sentence(entry.sentence)}</p>
        <p className="hm-small hm-dim">
          {dateTimeText(entry.atMs)}, {entry.network}
          {entry.height !== null && (
            <>
              , <a href={hrefOf('ledger', `${entry.ledger}:${entry.height}`)}>block {entry.height}</a>
            </>
          )}{' '}
          {entry.state === 'coming' && <Tag tone="warning">coming</Tag>}
        </p>
      </div>
      {told.error !== null && <ErrorNote title="It could not be taken apart" error={told.error} />}
      {told.value === null && told.error === null && <Loading what="its parts" />}
      {told.value !== null && <Parts told={told.value} />}
    </Sheet>
  );
};
