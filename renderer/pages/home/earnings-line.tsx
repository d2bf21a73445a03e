import { Caes } from '../../components/caes.tsx';
import { Panel } from '../../components/layout.tsx';
import { useTold } from '../../components/use-told.ts';
import { hrefOf } from '../../state/route.ts';
import { useAsked } from '../rewards/use-rewards.ts';

/** What the wallet has and what came of lending today, in one line. Not there before there is a wallet. */
export const EarningsLine = () => {
  const { value: wallet } = useTold('wallet:get', {}, 'wallet', (_, news) => news);
  const { value: rewards } = useAsked('rewards:get', { period: 'today' });
  if (wallet === null || wallet.ledger === null || wallet.accounts.length === 0) return null;
  return (
    <Panel title="Wallet">
      <p>
        <a href={hrefOf('wallet')}>
          <Caes micro={wallet.totalMicro} />
        </a>{' '}
        in the wallet, on the network {wallet.ledger.name}.
        {rewards !== null && (
          <>
            {' '}
            <a href={hrefOf('rewards')}>
              <Caes micro={rewards.earnedMicro} />
            </a>{' '}
            earned today.
          </>
        )}
      </p>
    </Panel>
  );
};
