import type { WalletEntry, WalletView } from '../../../preload/contract/index.ts';
import { Address } from '../../components/address.tsx';
import { Caes } from '../../components/caes.tsx';
import { Fact, Facts, Tag } from '../../components/layout.tsx';
import { ReceiptButton } from '../../components/receipt-button.tsx';
import { Sheet } from '../../components/sheet.tsx';
import { ShortHash } from '../../components/short-hash.tsx';
import { dateTimeText } from '../../components/time-text.ts';
import { sentence } from '../../components/unknown.tsx';
import { hrefOf } from '../../state/route.ts';
import { entryTitle } from './wallet-text.ts';

const STATES: Record<WalletEntry['state'], { word: string; tone: 'accent' | 'warning' | 'problem' }> = {
  waiting: { word: 'not final', tone: 'warning' },
  final: { word: 'final', tone: 'accent' },
  dropped: { word: 'not taken', tone: 'problem' },
};

/** One entry taken apart: amount, fee, other side, transaction, block and lease. */
export const EntrySheet = ({ entry, view, onClose }: { entry: WalletEntry; view: WalletView; onClose(): void }) => {
  const account = view.accounts.find(({ address }) => address === entry.account);
  const state = STATES[entry.state];
  return (
    <Sheet title={entryTitle(entry)} onClose={onClose}>
      <p className="hm-break">{sentence(entry.sentence)}</p>
      <Facts>
        <Fact name="Change">
          <strong>
            <Caes micro={entry.deltaMicro} signed />
          </strong>
        </Fact>
        <Fact name="Fee in it">
          <Caes micro={entry.feeMicro} />
        </Fact>
        <Fact name="State">
          <Tag tone={state.tone}>{state.word}</Tag>
        </Fact>
        <Fact name="When">{dateTimeText(entry.atMs)}</Fact>
        <Fact name="Account">
          {account?.name ?? ''} <Address address={entry.account} {...(account && { name: account.name })} />
        </Fact>
        {entry.other !== null && (
          <Fact name="Other side">
            {entry.otherName} <Address address={entry.other} name={entry.otherName} />
          </Fact>
        )}
        {entry.memo !== '' && <Fact name="Note">{entry.memo}</Fact>}
        {entry.transaction !== null && (
          <Fact name="Transaction">
            <ShortHash value={entry.transaction} what="the hash of the transaction" />
          </Fact>
        )}
        <Fact name="Block">
          {entry.height === null || view.ledger === null ? (
            'none yet'
          ) : (
            <a href={hrefOf('ledger', `${view.ledger.id}:${entry.height}`)}>Block {entry.height}</a>
          )}
        </Fact>
        {entry.lease !== null && (
          <Fact name="Lease">
            <ShortHash value={entry.lease} what="the id of the lease" />
          </Fact>
        )}
      </Facts>
      {entry.lease !== null && entry.state === 'final' && (
        <div className="hm-row">
          <ReceiptButton lease={entry.lease} />
        </div>
      )}
    </Sheet>
  );
};
