import { Button } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { CallError, IdentityView } from '../../../preload/contract/index.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { ErrorNote } from '../error-note.tsx';
import { newSealingDraft, SealingChoice, sealingOf } from './sealing-choice.tsx';
import { newSourceDraft, SourceFields, sourceOf } from './source-fields.tsx';
import './identity.css';

/** Brings an identity back from its phrase or a backup file, or gives a locked one a new passphrase. */
export const RestoreIdentity = ({
  keyStore,
  replaceSealing,
  onDone,
  onCancel,
}: {
  keyStore: IdentityView['keyStore'];
  /** The identity is here but locked, and its passphrase forgotten. */
  replaceSealing: boolean;
  onDone(): void;
  onCancel(): void;
}) => {
  const node = useNodeAccess();
  const [source, setSource] = useState(newSourceDraft);
  const [sealing, setSealing] = useState(() => newSealingDraft(keyStore));
  const [error, setError] = useState<CallError | null>(null);
  const [hint, setHint] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const from = sourceOf(source);
    const under = sealingOf(sealing);
    setError(null);
    if ('problem' in from) return setHint(from.problem);
    if ('problem' in under) return setHint(under.problem);
    setHint(null);
    setBusy(true);
    const reply = await node.ask('identity:restore', { ...from, ...under, replaceSealing });
    setBusy(false);
    if (reply.ok) onDone();
    else setError(reply.error);
  };
  return (
    <form className="hm-identity-flow" onSubmit={(event) => void submit(event)} autoComplete="off">
      <p>
        {replaceSealing
          ? 'With the phrase or a backup file of this identity you can set how its keys are protected anew. Nothing else changes.'
          : 'All keys are derived again, so node and wallet are the ones they were.'}
      </p>
      <SourceFields value={source} onChange={setSource} />
      <SealingChoice keyStore={keyStore} value={sealing} onChange={setSealing} />
      {error !== null && <ErrorNote error={error} />}
      {hint !== null && (
        <p className="hm-identity-hint" role="alert">
          {hint}
        </p>
      )}
      <div className="hm-identity-foot">
        <Button variant="subtle" color="gray" ml={-16} onClick={onCancel} disabled={busy}>
          Cancel
        </Button>
        <span className="hm-grow" />
        <Button type="submit" loading={busy}>
          {replaceSealing ? 'Set the new protection' : 'Restore the identity'}
        </Button>
      </div>
    </form>
  );
};
