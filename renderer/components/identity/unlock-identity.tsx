import { Button, PasswordInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { CallError, IdentityView } from '../../../preload/contract/index.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { ErrorNote, Note } from '../error-note.tsx';
import './identity.css';

/** Unlocks the keys that are there, and shows the way out when that cannot be done. */
export const UnlockIdentity = ({ identity, onForgotten }: { identity: IdentityView; onForgotten(): void }) => {
  const node = useNodeAccess();
  const [passphrase, setPassphrase] = useState('');
  const [error, setError] = useState<CallError | null>(null);
  const [busy, setBusy] = useState(false);
  const byStore = identity.sealedBy === 'keyStore';
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const reply = await node.ask('identity:unlock', byStore ? {} : { passphrase });
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (reply.ok) setPassphrase('');
  };
  return (
    <form className="hm-identity-flow" onSubmit={(event) => void submit(event)}>
      <Note tone="warning" title="The keys are locked">
        <p>{identity.lockedReason ?? 'Unlock them, so that this node can prove, sign and open its blocks.'}</p>
      </Note>
      {!byStore && (
        <PasswordInput
          label="Passphrase"
          value={passphrase}
          autoComplete="current-password"
          maw={360}
          onChange={(event) => setPassphrase(event.currentTarget.value)}
        />
      )}
      {error !== null && <ErrorNote error={error} />}
      <div className="hm-row">
        <Button type="submit" loading={busy} disabled={!byStore && passphrase === ''}>
          {byStore ? 'Unlock with the system’s key store' : 'Unlock'}
        </Button>
        <Button variant="subtle" color="gray" onClick={onForgotten} disabled={busy}>
          {byStore ? 'Use the recovery phrase instead' : 'Passphrase forgotten'}
        </Button>
      </div>
    </form>
  );
};
