import { Button } from '@mantine/core';
import type { LedgerView } from '../../../preload/contract/index.ts';
import { Panel } from '../../components/layout.tsx';
import { SigningFlow } from '../../components/signing/signing-flow.tsx';
import { useSigning } from '../../components/signing/use-signing.ts';
import { useWalletFor } from './use-wallet-for.ts';

/**
 * Lets this node begin or stop to sign blocks. The first account of the phrase signs for it: the node's certificate names that one.
 */
export const ValidatePanel = ({ view }: { view: LedgerView }) => {
  const signing = useSigning();
  const { wallet, refused } = useWalletFor(view.id);
  const account = wallet?.accounts.find(({ kind, index }) => kind === 'own' && index === 0)?.address;
  const member = view.members.find((one) => one.account === account);
  const joins = !view.isValidator;
  const barred = joins && account !== undefined && member?.mayValidate !== true;
  // While something is reviewed or was just signed it stays, though the ledger may have gone on meanwhile.
  const open = signing.draft !== null || signing.signed !== null;
  return (
    <Panel
      title="This node as a validator"
      hint="A validator signs blocks, gets part of their fees, and has to stay reachable. One that contradicts itself loses part of its stake."
    >
      {wallet === null || account === undefined || (refused !== null && !open) ? (
        <p className="hm-small hm-dim">{refused ?? 'The wallet has no account of its own that could sign for it.'}</p>
      ) : barred && !open ? (
        <p className="hm-small hm-dim">
          Your account is not let in as a validator here. Ask a keeper of the network to let it in, with “May become a
          validator”.
        </p>
      ) : (
        <SigningFlow signing={signing} approval={wallet.approval} again="Back">
          <div className="hm-row">
            <Button
              variant="default"
              className={joins ? undefined : 'hm-stop'}
              loading={signing.busy}
              onClick={() => void signing.prepare({ kind: 'validate', account, join: joins })}
            >
              {joins ? 'Become a validator …' : 'Stop validating …'}
            </Button>
            <p className="hm-small hm-dim">
              {joins
                ? 'It begins with a block after the one that takes it up.'
                : view.validators === 1
                  ? 'It is the only validator: without it the network makes no more blocks.'
                  : 'Its stake stays where it is.'}
            </p>
          </div>
        </SigningFlow>
      )}
    </Panel>
  );
};
