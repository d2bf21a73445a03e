import { Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import { Note } from '../../components/error-note.tsx';
import { CreateIdentity } from '../../components/identity/create-identity.tsx';
import { RestoreIdentity } from '../../components/identity/restore-identity.tsx';
import { UnlockIdentity } from '../../components/identity/unlock-identity.tsx';
import { Loading } from '../../components/layout.tsx';
import { useNode } from '../../state/node-context.tsx';

/**
 * Offers an identity; makes none unless asked.
 * @param props.onFlow - told whether words are on the page, so that nothing around them leads away by mistake
 */
export const IdentityStep = ({ onFlow }: { onFlow(active: boolean): void }) => {
  const identity = useNode((state) => state.identity);
  const [flow, setFlow] = useState<'create' | 'restore' | 'replace' | null>(null);
  const close = (): void => setFlow(null);
  useEffect(() => {
    onFlow(flow !== null);
    return () => onFlow(false);
  }, [flow, onFlow]);
  if (identity === null) return <Loading what="the identity" />;
  if (flow === 'create' && identity.status === 'none')
    return <CreateIdentity keyStore={identity.keyStore} onDone={close} onCancel={close} />;
  if (flow === 'restore' || flow === 'replace')
    return (
      <RestoreIdentity
        keyStore={identity.keyStore}
        replaceSealing={flow === 'replace'}
        onDone={close}
        onCancel={close}
      />
    );
  if (identity.status === 'locked')
    return <UnlockIdentity identity={identity} onForgotten={() => setFlow('replace')} />;
  if (identity.status === 'unlocked' && identity.identity !== null)
    return (
      <Note title="This node has its identity">
        <p>
          It proves what this machine can do and signs for your wallet. Backup and restore drill are in Settings, under
          Identity.
        </p>
        <p className="hm-small hm-break">
          Peer id <code>{identity.identity.peerId}</code>
        </p>
      </Note>
    );
  return (
    <>
      <p>
        Proofs, blocks and payments are signed with keys that only you have. All of them come from 24 words that you
        write on paper: they bring node and wallet back on any machine.
      </p>
      <p className="hm-dim">
        You can do this now, or later in Settings. Limits, jobs and measurements work without it. It takes about five
        minutes, paper and a pen.
      </p>
      <div className="hm-row">
        <Button onClick={() => setFlow('create')}>Create an identity</Button>
        <Button variant="default" onClick={() => setFlow('restore')}>
          Restore one that I have
        </Button>
      </div>
    </>
  );
};
