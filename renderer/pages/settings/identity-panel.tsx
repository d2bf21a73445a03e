import { Button, Modal, PasswordInput } from '@mantine/core';
import { IconKey } from '@tabler/icons-react';
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react';
import type { CallError, DrillResult, IdentityView } from '../../../preload/contract/index.ts';
import { ErrorNote, Note, showDone, showError } from '../../components/error-note.tsx';
import { saveFile } from '../../components/files.ts';
import { CreateIdentity } from '../../components/identity/create-identity.tsx';
import { RestoreIdentity } from '../../components/identity/restore-identity.tsx';
import {
  newSealingDraft,
  NewPassphrase,
  PASSPHRASE_LENGTH_MIN,
  SealingChoice,
  sealingOf,
} from '../../components/identity/sealing-choice.tsx';
import { newSourceDraft, SourceFields, sourceOf } from '../../components/identity/source-fields.tsx';
import { UnlockIdentity } from '../../components/identity/unlock-identity.tsx';
import { Empty, Fact, Facts, Loading, Panel, Tag } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { ShortHash } from '../../components/short-hash.tsx';
import { dateTimeText } from '../../components/time-text.ts';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';

type Dialog = 'create' | 'restore' | 'replace' | 'drill' | 'backup' | 'seal';
const TITLES: Record<Dialog, string> = {
  create: 'Create an identity',
  restore: 'Restore an identity',
  replace: 'Set the protection anew',
  drill: 'Restore drill',
  backup: 'Make a backup file',
  seal: 'Change how the keys are protected',
};

const DrillOutcome = ({ result }: { result: DrillResult }) => (
  <Note
    tone={result.passed ? 'info' : 'warning'}
    title={result.passed ? 'All keys came back' : 'These are not the words, or not the backup, of this identity'}
  >
    <p>
      {result.passed
        ? `Each key was derived again from the ${result.from === 'phrase' ? 'phrase' : 'backup file'} and is the one in use. The next drill is due in three months.`
        : 'The keys that came back are others. Look for the right paper or file now, while the keys are still here; if it cannot be found, move what you own to a new identity.'}
    </p>
    <ul className="hm-identity-drill">
      {result.keys.map((key) => (
        <li key={key.name}>
          <Tag tone={key.same ? 'accent' : 'problem'}>{key.same ? 'same' : 'another'}</Tag> {key.name}
        </li>
      ))}
    </ul>
  </Note>
);

const Drill = ({ onClose }: { onClose(): void }) => {
  const node = useNodeAccess();
  const [source, setSource] = useState(newSourceDraft);
  const [result, setResult] = useState<DrillResult | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const [hint, setHint] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const from = sourceOf(source);
    setError(null);
    setResult(null);
    if ('problem' in from) return setHint(from.problem);
    setHint(null);
    setBusy(true);
    const reply = await node.ask('identity:drill', from);
    setBusy(false);
    if (reply.ok) {
      setResult(reply.value);
      if (reply.value.passed) setSource(newSourceDraft());
    } else setError(reply.error);
  };
  return (
    <form className="hm-identity-flow" onSubmit={(event) => void submit(event)} autoComplete="off">
      <p>
        Shows that your paper or your backup file really brings everything back. The keys are derived in memory and
        compared with those in use; nothing is changed, and nothing is kept but the result.
      </p>
      {result?.passed !== true && <SourceFields value={source} onChange={setSource} />}
      {error !== null && <ErrorNote error={error} />}
      {hint !== null && (
        <p className="hm-identity-hint" role="alert">
          {hint}
        </p>
      )}
      <div role="status">{result !== null && <DrillOutcome result={result} />}</div>
      <div className="hm-identity-foot">
        <span className="hm-grow" />
        <Button variant={result?.passed === true ? 'filled' : 'default'} onClick={onClose} disabled={busy}>
          Close
        </Button>
        {result?.passed !== true && (
          <Button type="submit" loading={busy}>
            Compare
          </Button>
        )}
      </div>
    </form>
  );
};

const Backup = ({ identity, onClose }: { identity: IdentityView; onClose(): void }) => {
  const node = useNodeAccess();
  const [passphrase, setPassphrase] = useState('');
  const [again, setAgain] = useState('');
  const [present, setPresent] = useState('');
  const asks = identity.sealedBy === 'passphrase';
  const [error, setError] = useState<CallError | null>(null);
  const [busy, setBusy] = useState(false);
  const ready = passphrase.length >= PASSPHRASE_LENGTH_MIN && passphrase === again && (!asks || present !== '');
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const reply = await node.ask('identity:backup', { passphrase, ...(asks && { present }) });
    setBusy(false);
    if (!reply.ok) return setError(reply.error);
    saveFile(reply.value.fileName, reply.value.backup);
    showDone(`The backup ${reply.value.fileName} was saved.`);
    onClose();
  };
  return (
    <form className="hm-identity-flow" onSubmit={(event) => void submit(event)} autoComplete="off">
      <p>
        The file brings back node and wallet, like the phrase. It opens only with its own passphrase, which you choose
        here; keep the two in different places.
      </p>
      <NewPassphrase
        label="Passphrase of the file"
        hint="Another than the one that unlocks this node, so that neither is lost with the other."
        value={passphrase}
        again={again}
        onChange={(change) => {
          if (change.passphrase !== undefined) setPassphrase(change.passphrase);
          if (change.again !== undefined) setAgain(change.again);
        }}
      />
      {asks && (
        <PasswordInput
          label="Passphrase that unlocks this node"
          description="Asked for again, as the file holds everything."
          value={present}
          autoComplete="current-password"
          onChange={(event) => setPresent(event.currentTarget.value)}
        />
      )}
      {error !== null && <ErrorNote error={error} />}
      <div className="hm-identity-foot">
        <span className="hm-grow" />
        <Button variant="default" onClick={onClose} disabled={busy}>
          Cancel
        </Button>
        <Button type="submit" loading={busy} disabled={!ready}>
          Save the backup file
        </Button>
      </div>
    </form>
  );
};

const Reseal = ({ identity, onClose }: { identity: IdentityView; onClose(): void }) => {
  const node = useNodeAccess();
  const [present, setPresent] = useState('');
  const [sealing, setSealing] = useState(() => newSealingDraft(identity.keyStore));
  const [error, setError] = useState<CallError | null>(null);
  const [hint, setHint] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const under = sealingOf(sealing);
    setError(null);
    if ('problem' in under) return setHint(under.problem);
    setHint(null);
    setBusy(true);
    const reply = await node.ask('identity:seal', {
      ...(identity.sealedBy === 'passphrase' && { passphrase: present }),
      ...under,
    });
    setBusy(false);
    if (!reply.ok) return setError(reply.error);
    showDone('The keys are protected in the new way.');
    onClose();
  };
  return (
    <form className="hm-identity-flow" onSubmit={(event) => void submit(event)} autoComplete="off">
      {identity.sealedBy === 'passphrase' && (
        <PasswordInput
          label="Present passphrase"
          value={present}
          autoComplete="current-password"
          onChange={(event) => setPresent(event.currentTarget.value)}
        />
      )}
      <SealingChoice keyStore={identity.keyStore} value={sealing} onChange={setSealing} />
      {error !== null && <ErrorNote error={error} />}
      {hint !== null && (
        <p className="hm-identity-hint" role="alert">
          {hint}
        </p>
      )}
      <div className="hm-identity-foot">
        <span className="hm-grow" />
        <Button variant="default" onClick={onClose} disabled={busy}>
          Cancel
        </Button>
        <Button type="submit" loading={busy} disabled={identity.sealedBy === 'passphrase' && present === ''}>
          Change
        </Button>
      </div>
    </form>
  );
};

const Action = ({ title, hint, children }: { title: string; hint: ReactNode; children: ReactNode }) => (
  <div className="hm-setting">
    <div className="hm-grow">
      <h3>{title}</h3>
      <p className="hm-small hm-dim">{hint}</p>
    </div>
    <div className="hm-setting-control">{children}</div>
  </div>
);

const protectedBy = (identity: IdentityView): string =>
  identity.sealedBy === 'keyStore'
    ? `the system’s key store${identity.keyStore.available ? ` (${identity.keyStore.name})` : ''}`
    : 'a passphrase';

const drillText = (identity: IdentityView): string => {
  const { lastDrill, drillDueAtMs } = identity;
  const next =
    drillDueAtMs === null
      ? ''
      : ` The next one is due on ${new Date(drillDueAtMs).toLocaleDateString([], { dateStyle: 'medium' })}.`;
  if (lastDrill === null)
    return `Shows that your words or your backup file bring everything back. Not done yet.${next}`;
  return `${lastDrill.passed ? 'Passed' : 'Failed'} on ${dateTimeText(lastDrill.atMs)}, with the ${lastDrill.from === 'phrase' ? 'phrase' : 'backup file'}.${next}`;
};

/** What an unlocked or locked identity shows of itself. */
const Existing = ({ identity, open }: { identity: IdentityView; open(dialog: Dialog): void }) => {
  const node = useNodeAccess();
  const known = identity.identity;
  const locked = identity.status === 'locked';
  const lock = async (): Promise<void> => {
    const reply = await node.ask('identity:lock', {});
    if (!reply.ok) showError('The keys were not locked', reply.error);
  };
  return (
    <>
      {locked && <UnlockIdentity identity={identity} onForgotten={() => open('replace')} />}
      {identity.drillDue && !locked && (
        <Note
          tone="warning"
          title={identity.lastDrill?.passed === false ? 'The last restore drill failed' : 'A restore drill is due'}
          action={
            <Button size="compact-sm" variant="default" onClick={() => open('drill')}>
              Do it now
            </Button>
          }
        >
          <p>
            {identity.lastDrill?.passed === false
              ? 'The words or the file were not those of this identity.'
              : 'Every three months: show that your paper or your backup file is still there and right.'}
          </p>
        </Note>
      )}
      {known !== null && (
        <>
          <Facts>
            <Fact name="Peer id">
              <ShortHash value={known.peerId} what="the peer id" />
            </Fact>
            <Fact name="Node key">
              <ShortHash value={known.keyId} what="the name of the node’s key" />
            </Fact>
            <Fact name="Account key">
              <ShortHash value={known.accountKeyId} what="the name of the account’s key" />
            </Fact>
            <Fact name="Created">{dateTimeText(known.createdAtMs)}</Fact>
            <Fact name="Protected by">{protectedBy(identity)}</Fact>
          </Facts>
          <details className="hm-identity-keys">
            <summary>Public keys</summary>
            <table className="hm-table">
              <thead>
                <tr>
                  <th scope="col">Key</th>
                  <th scope="col">Algorithm</th>
                  <th scope="col">Fingerprint (SHA-256)</th>
                  <th scope="col" className="hm-right">
                    Size
                  </th>
                </tr>
              </thead>
              <tbody>
                {known.keys.map((key) => (
                  <tr key={key.name}>
                    <td>{key.name}</td>
                    <td>{key.algorithm}</td>
                    <td className="hm-break">
                      <code>{key.fingerprint}</code>
                    </td>
                    <td className="hm-right">{bytesText(key.publicBytes)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </details>
        </>
      )}
      <div className="hm-identity-actions">
        <Action title="Restore drill" hint={drillText(identity)}>
          <Button variant="default" onClick={() => open('drill')}>
            Do the drill …
          </Button>
        </Action>
        {!locked && (
          <>
            <Action
              title="Backup file"
              hint={
                identity.lastBackupAtMs === null
                  ? 'A second way back beside the phrase. None was made from here.'
                  : `Last made on ${dateTimeText(identity.lastBackupAtMs)}.`
              }
            >
              <Button variant="default" onClick={() => open('backup')}>
                Make a backup …
              </Button>
            </Action>
            <Action title="Protection" hint={`The keys lie on this disk under ${protectedBy(identity)}.`}>
              <Button variant="default" onClick={() => open('seal')}>
                Change …
              </Button>
            </Action>
            <Action title="Lock" hint="Forgets the keys until they are unlocked again. Proofs stop; jobs go on.">
              <Button variant="default" onClick={() => void lock()}>
                Lock now
              </Button>
            </Action>
          </>
        )}
      </div>
    </>
  );
};

/** Who this node is: create, restore, unlock, back up, drill. */
export const IdentityPanel = ({ inView }: { inView: boolean }) => {
  const identity = useNode((state) => state.identity);
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const place = useRef<HTMLDivElement>(null);
  const known = identity !== null;
  useEffect(() => {
    if (inView && known) place.current?.scrollIntoView({ block: 'start' });
  }, [inView, known]);
  const close = (): void => setDialog(null);
  const done = (message: string) => (): void => {
    close();
    showDone(message);
  };
  return (
    <div ref={place}>
      <Panel title="Identity" hint="The keys that sign for this node and its wallet. They never leave this machine.">
        {identity === null && <Loading what="the identity" />}
        {identity?.status === 'none' && (
          <Empty
            icon={<IconKey size={22} />}
            title="No identity yet"
            action={
              <div className="hm-identity-choice">
                <Button onClick={() => setDialog('create')}>Create …</Button>
                <Button variant="default" onClick={() => setDialog('restore')}>
                  Restore …
                </Button>
              </div>
            }
          >
            Jobs and limits work without one. Proofs, blocks and the wallet need keys, and all of them come from one
            recovery phrase that you write down.
          </Empty>
        )}
        {identity !== null && identity.status !== 'none' && <Existing identity={identity} open={setDialog} />}
      </Panel>
      {identity !== null && (
        <Modal
          opened={dialog !== null}
          onClose={close}
          title={dialog === null ? '' : TITLES[dialog]}
          size="lg"
          closeOnClickOutside={false}
          closeButtonProps={{ 'aria-label': 'Close' }}
        >
          {dialog === 'create' && (
            <CreateIdentity keyStore={identity.keyStore} onDone={done('The identity was created.')} onCancel={close} />
          )}
          {(dialog === 'restore' || dialog === 'replace') && (
            <RestoreIdentity
              keyStore={identity.keyStore}
              replaceSealing={dialog === 'replace'}
              onDone={done(dialog === 'replace' ? 'The keys are unlocked.' : 'The identity is back.')}
              onCancel={close}
            />
          )}
          {dialog === 'drill' && <Drill onClose={close} />}
          {dialog === 'backup' && <Backup identity={identity} onClose={close} />}
          {dialog === 'seal' && <Reseal identity={identity} onClose={close} />}
        </Modal>
      )}
    </div>
  );
};
