import { Button } from '@mantine/core';
import { IconArrowDownLeft, IconArrowUpRight } from '@tabler/icons-react';
import type { WalletView } from '../../../preload/contract/index.ts';
import { Caes, LargeCaes } from '../../components/caes.tsx';
import { Figure, Panel } from '../../components/layout.tsx';
import { hrefOf } from '../../state/route.ts';
import { ownAccounts, sumsOf } from './wallet-text.ts';

/** What own accounts have together, and on which network. */
export const BalancePanel = ({ view, ledger }: { view: WalletView; ledger: WalletView['ledger'] }) => {
  const sums = sumsOf(ownAccounts(view));
  const ways = [
    { micro: sums.incoming, hint: 'coming in, not final' },
    { micro: -sums.outgoing, hint: 'going out, not final' },
    { micro: sums.unbonding, hint: 'leaving the stake' },
  ].filter(({ micro }) => micro !== 0n);
  return (
    <Panel>
      <div className="hm-balance-head">
        <div className="hm-grow">
          <h2 className="hm-small hm-dim">All own accounts together</h2>
          <p>
            <LargeCaes micro={view.totalMicro} />
          </p>
          {ledger !== null && (
            <p className="hm-small hm-dim">
              On the network <a href={hrefOf('ledger', ledger.id)}>{ledger.name}</a>, at block{' '}
              <span className="hm-number">{ledger.height.toLocaleString('en')}</span>
            </p>
          )}
        </div>
        <div className="hm-row">
          <Button
            component="a"
            href={hrefOf('wallet', 'send')}
            leftSection={<IconArrowUpRight size={16} aria-hidden />}
          >
            Send
          </Button>
          <Button
            component="a"
            href={hrefOf('wallet', 'receive')}
            variant="default"
            leftSection={<IconArrowDownLeft size={16} aria-hidden />}
          >
            Receive
          </Button>
        </div>
      </div>
      <dl className="hm-balance-parts">
        <Figure name="Available" hint="can be sent now">
          <Caes micro={sums.available} />
        </Figure>
        <Figure name="Escrowed" hint="set aside for leases that run">
          <Caes micro={sums.escrowed} />
        </Figure>
        <Figure name="Staked" hint="earns the stake’s yield">
          <Caes micro={sums.staked} />
        </Figure>
        <div>
          <dt>On its way</dt>
          <dd>
            {ways.length === 0 ? (
              <>
                <Caes micro="0" />
                <span className="hm-small hm-dim">nothing waits</span>
              </>
            ) : (
              ways.map(({ micro, hint }) => (
                <span key={hint} className="hm-balance-way">
                  <Caes micro={micro} signed={hint !== 'leaving the stake'} />
                  <span className="hm-small hm-dim">{hint}</span>
                </span>
              ))
            )}
          </dd>
        </div>
      </dl>
    </Panel>
  );
};
