import { IconCircleCheck, IconCircleDashed } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import type { CallError, LedgerBlockView, LedgerTransaction } from '../../../preload/contract/index.ts';
import { nameOrAddress } from '../../components/address.tsx';
import { Caes } from '../../components/caes.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { Fact, Facts, Loading } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { Sheet } from '../../components/sheet.tsx';
import { ShortHash, shortId } from '../../components/short-hash.tsx';
import { dateTimeText } from '../../components/time-text.ts';
import { sentence } from '../../components/unknown.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';
import { countText } from './ledger-text.ts';

/** Transactions of one block that are drawn at once; a block may hold thousands. */
const TRANSACTIONS_SHOWN = 100;

const TransactionLine = ({ transaction }: { transaction: LedgerTransaction }) => (
  <li>
    <div className="hm-row hm-transaction-head">
      <code>{transaction.kind}</code>
      {transaction.amountMicro !== null && (
        <strong>
          <Caes micro={transaction.amountMicro} />
        </strong>
      )}
    </div>
    <p className="hm-small">{sentence(transaction.sentence)}</p>
    <p className="hm-small hm-dim">
      By {nameOrAddress(transaction.fromName, transaction.from)}, fee <Caes micro={transaction.feeMicro} />,{' '}
      {bytesText(transaction.sizeBytes)}
    </p>
    <ShortHash value={transaction.hash} what="the hash of the transaction" />
  </li>
);

const Parts = ({ ledger, block }: { ledger: string; block: LedgerBlockView }) => {
  const left = block.transactionsList.length - TRANSACTIONS_SHOWN;
  return (
    <>
      <Facts>
        <Fact name="When">{dateTimeText(block.timeMs)}</Fact>
        <Fact name="Proposed by">
          {block.proposerName === '' ? shortId(block.proposer) : block.proposerName}
          {block.round > 0 && `, in round ${block.round}`}
        </Fact>
        <Fact name="Size">{bytesText(block.sizeBytes)}</Fact>
        <Fact name="Hash">
          <ShortHash value={block.hash} what="the hash of the block" />
        </Fact>
        <Fact name="Before it">
          {block.height > 1 ? (
            <ShortHash
              value={block.previous}
              what="the hash of the block before"
              href={hrefOf('ledger', `${ledger}:${block.height - 1}`)}
            />
          ) : (
            'the genesis'
          )}
        </Fact>
        <Fact name="State after it">
          <ShortHash value={block.stateRoot} what="the root of the state" />
        </Fact>
      </Facts>
      <section className="hm-stack-tight" aria-labelledby="block-signers">
        <h3 id="block-signers">
          Signed by {block.signatures} of {countText(block.validators, 'validator')}
        </h3>
        <ul className="hm-signers">
          {block.signers.map((signer) => (
            <li key={signer.id} data-signed={signer.signed}>
              {signer.signed ? <IconCircleCheck size={16} aria-hidden /> : <IconCircleDashed size={16} aria-hidden />}
              {signer.name === '' ? shortId(signer.id) : signer.name}
              <span className="hm-small hm-dim">
                {signer.signed ? 'signed' : 'did not sign'}, power {signer.power.toLocaleString('en')}
              </span>
            </li>
          ))}
        </ul>
      </section>
      <section className="hm-stack-tight" aria-labelledby="block-transactions">
        <h3 id="block-transactions">{countText(block.transactionsList.length, 'transaction')}</h3>
        {block.transactionsList.length === 0 ? (
          <p className="hm-dim">None: the block shows that the network is there.</p>
        ) : (
          <ul className="hm-transactions">
            {block.transactionsList.slice(0, TRANSACTIONS_SHOWN).map((transaction) => (
              <TransactionLine key={transaction.hash} transaction={transaction} />
            ))}
          </ul>
        )}
        {left > 0 && (
          <p className="hm-small hm-dim">
            And {countText(left, 'more', 'more')}; <code>hypermesh network block {block.height} --json</code> lists all
            of them.
          </p>
        )}
      </section>
    </>
  );
};

/** One block of a ledger: who signed it and what stands in it. */
export const BlockSheet = ({ ledger, height, onClose }: { ledger: string; height: number; onClose(): void }) => {
  const node = useNodeAccess();
  const [block, setBlock] = useState<LedgerBlockView | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  useEffect(() => {
    let ended = false;
    void node.ask('ledgers:block', { ledger, height }).then((reply) => {
      if (ended) return;
      if (reply.ok) setBlock(reply.value);
      setError(reply.ok ? null : reply.error);
    });
    return () => {
      ended = true;
    };
  }, [node, ledger, height]);
  return (
    <Sheet title={`Block ${height}`} onClose={onClose}>
      {error !== null && <ErrorNote title="The block could not be read" error={error} />}
      {block === null && error === null && <Loading what="the block" />}
      {block !== null && <Parts ledger={ledger} block={block} />}
    </Sheet>
  );
};
