import { Button } from '@mantine/core';
import { IconArrowDownLeft, IconArrowUpRight } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import type { WalletView } from '../../../preload/contract/index.ts';
import { Caes, LargeCaes } from '../../components/caes.tsx';
import { Panel } from '../../components/layout.tsx';
import { hrefOf } from '../../state/route.ts';
import { ownAccounts, sumsOf } from './wallet-text.ts';

const Part = ({ name, hint, children }: { name: string; hint: string; children: ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>
      {children}
      <span className="hm-small hm-dim">{hint}</span>
    </dd>
  </div>
);

/** What own accounts have together, and on which network. */
export const BalancePanel = ({ view, ledger }: { view: WalletView; ledger: WalletView['ledger'] }) => {
  const sums = sumsOf(ownAccounts(view));
  const wayText = (): string => {
    if (sums.incoming === 0n && sums.outgoing === 0n && sums.unbonding === 0n) return 'nothing waits for a block';
    return [
      ...(sums.incoming > 0n || sums.outgoing > 0n ? ['in transactions that are not final'] : []),
      ...(sums.unbonding > 0n ? ['leaving the stake'] : []),
    ].join(', and ');
  };
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
        <Part name="Available" hint="can be sent now">
          <Caes micro={sums.available} />
        </Part>
        <Part name="Escrowed" hint="set aside for leases that run">
          <Caes micro={sums.escrowed} />
        </Part>
        <Part name="Staked" hint="earns the stake’s yield">
          <Caes micro={sums.staked} />
        </Part>
        <Part name="On its way" hint={wayText()}>
          {sums.incoming > 0n && <Caes micro={sums.incoming} signed />}
          {sums.outgoing > 0n && <Caes micro={-sums.outgoing} signed />}
          {(sums.unbonding > 0n || (sums.incoming === 0n && sums.outgoing === 0n)) && <Caes micro={sums.unbonding} />}
        </Part>
      </dl>
    </Panel>
  );
};
