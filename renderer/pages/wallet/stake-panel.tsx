import { Button, SegmentedControl } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { WalletView } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { Caes, CaesInput, microOfText } from '../../components/caes.tsx';
import { Note } from '../../components/error-note.tsx';
import { Fact, Facts, Panel } from '../../components/layout.tsx';
import { SigningFlow } from '../../components/signing/signing-flow.tsx';
import { type DraftAsked, useSigning } from '../../components/signing/use-signing.ts';
import { durationText } from '../../components/time-text.ts';
import { Unknown } from '../../components/unknown.tsx';
import { AccountSelect } from './account-select.tsx';
import { ownAccounts, yieldText } from './wallet-text.ts';

const StakeForm = ({
  view,
  busy,
  onPrepare,
}: {
  view: WalletView;
  busy: boolean;
  onPrepare(request: DraftAsked): void;
}) => {
  const accounts = ownAccounts(view);
  const [account, setAccount] = useState(accounts[0]?.address ?? '');
  const [kind, setKind] = useState<'stake' | 'unstake'>('stake');
  const [amount, setAmount] = useState('');
  const chosen = accounts.find(({ address }) => address === account);
  const ready = chosen !== undefined && microOfText(amount) !== null;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (ready && !busy) onPrepare({ kind, account, amount: amount.trim().replace(',', '.') });
  };
  return (
    <form className="hm-stack" onSubmit={submit}>
      <SegmentedControl
        aria-label="What to do with the stake"
        className="hm-segmented"
        value={kind}
        onChange={(value) => setKind(value)}
        data={[
          { value: 'stake', label: 'Put in' },
          { value: 'unstake', label: 'Take out' },
        ]}
      />
      <div className="hm-form-row">
        <AccountSelect label="Account" accounts={accounts} value={account} onChange={setAccount} />
        <CaesInput
          label="Amount"
          value={amount}
          onChange={setAmount}
          description={
            chosen === undefined ? undefined : (
              <>
                <Caes micro={kind === 'stake' ? chosen.availableMicro : chosen.stakedMicro} />{' '}
                {kind === 'stake' ? 'available' : 'in the stake'}
              </>
            )
          }
        />
      </div>
      {kind === 'unstake' && view.rewards !== null && (
        <p className="hm-small hm-dim">
          It is free {durationText(view.rewards.unbondMs)} later. Until then it earns nothing, and evidence of lying
          still costs part of it.
        </p>
      )}
      <div className="hm-row">
        <Button type="submit" loading={busy} disabled={!ready || view.status !== 'unlocked'}>
          Review
        </Button>
        {view.status !== 'unlocked' && <p className="hm-small hm-dim">The wallet is locked; unlock it first.</p>}
      </div>
    </form>
  );
};

/** What is staked, what it earns, how long taking it out waits, and both. */
export const StakePanel = ({ view }: { view: WalletView }) => {
  const signing = useSigning();
  const accounts = ownAccounts(view);
  const leaving = accounts.filter(({ unbondingMicro }) => unbondingMicro !== '0');
  return (
    <>
      <Panel
        title="Stake"
        hint="What an owner sets aside to vouch for a validator, and to be rewarded for what is lent."
      >
        <Facts>
          <Fact name="Yield now">
            {view.rewards === null ? (
              <Unknown reason="The ledger of this network has not told its parameters yet" />
            ) : (
              yieldText(view.rewards.yieldPermilleYear)
            )}
          </Fact>
          <Fact name="Taking it out waits">
            {view.rewards === null ? (
              <Unknown reason="The ledger of this network has not told its parameters yet" />
            ) : (
              durationText(view.rewards.unbondMs)
            )}
          </Fact>
          {accounts.map((account) => (
            <Fact key={account.address} name={`Staked by ${account.name}`}>
              <Caes micro={account.stakedMicro} />
            </Fact>
          ))}
          {leaving.map((account) => (
            <Fact key={account.address} name={`Leaving, ${account.name}`}>
              <Caes micro={account.unbondingMicro} />
              {account.unbondedAtMs !== null && (
                <>
                  , the first free <Age atMs={account.unbondedAtMs} />
                </>
              )}
            </Fact>
          ))}
        </Facts>
      </Panel>
      <Panel title="Change the stake">
        <SigningFlow signing={signing} approval={view.approval} again="Change it again">
          <StakeForm view={view} busy={signing.busy} onPrepare={(request) => void signing.prepare(request)} />
        </SigningFlow>
      </Panel>
      <Note>
        <p>
          The yield follows from what the network mints and how much is staked altogether, so it changes. A validator
          that signs two blocks of one height loses part of its stake, and the rest stays locked for the waiting time.
        </p>
      </Note>
    </>
  );
};
