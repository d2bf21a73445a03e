import { Button, PasswordInput } from '@mantine/core';
import { IconCircleCheck, IconClockHour4, IconFileCheck, IconPencilCheck } from '@tabler/icons-react';
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react';
import type { WalletDraft, WalletView } from '../../../preload/contract/index.ts';
import { Caes } from '../caes.tsx';
import { ErrorNote, Note } from '../error-note.tsx';
import { saveFile } from '../files.ts';
import { Fact, Facts } from '../layout.tsx';
import { ShortHash } from '../short-hash.tsx';
import { type Signed, type Signing, useSettled } from './use-signing.ts';
import './signing.css';

type Approval = WalletView['approval'];

/** Whether the draft's time is over; drawn anew at that moment. */
const useExpired = (expiresAtMs: number): boolean => {
  const [expired, setExpired] = useState(() => Date.now() >= expiresAtMs);
  useEffect(() => {
    const leftMs = expiresAtMs - Date.now();
    setExpired(leftMs <= 0);
    if (leftMs <= 0) return;
    const timer = setTimeout(() => setExpired(true), leftMs);
    return () => clearTimeout(timer);
  }, [expiresAtMs]);
  return expired;
};

const DraftFacts = ({ draft }: { draft: WalletDraft }) => (
  <dl className="hm-draft-lines">
    {draft.lines.map(({ label, value }) => (
      <div key={label}>
        <dt>{label}</dt>
        <dd className="hm-break">{value}</dd>
      </div>
    ))}
  </dl>
);

const Review = ({ draft, signing, approval }: { draft: WalletDraft; signing: Signing; approval: Approval }) => {
  const [passphrase, setPassphrase] = useState('');
  const expired = useExpired(draft.expiresAtMs);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  // A node that has no dialog at hand says so; then the passphrase does.
  const byPassphrase = approval === 'passphrase' || signing.error?.code === 'PASSPHRASE_NEEDED';
  const declined = signing.error?.code === 'DECLINED';
  const isMessage = draft.kind === 'message';
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (expired || (byPassphrase && passphrase === '')) return;
    const given = byPassphrase ? passphrase : undefined;
    setPassphrase('');
    await signing.approve(given);
  };
  return (
    <form className="hm-stack" onSubmit={(event) => void submit(event)}>
      <div>
        <h3 tabIndex={-1} ref={heading} className="hm-draft-title">
          {draft.title}
        </h3>
        <p className="hm-small hm-dim">This is what is signed, and nothing else. Nothing is signed yet.</p>
      </div>
      <DraftFacts draft={draft} />
      {!isMessage && (
        <Facts>
          {/* Said once: mostly it stands among what is signed. */}
          {!draft.lines.some(({ label }) => label === 'Fee') && (
            <Fact name="Fee">
              <Caes micro={draft.feeMicro} />
            </Fact>
          )}
          <Fact name="Available before">
            <Caes micro={draft.availableBeforeMicro} />
          </Fact>
          <Fact name="Available after">
            <strong>
              <Caes micro={draft.availableAfterMicro} />
            </strong>
          </Fact>
        </Facts>
      )}
      {draft.warnings.length > 0 && (
        <Note tone="warning" title="Look twice">
          <ul className="hm-draft-warnings">
            {draft.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </Note>
      )}
      {byPassphrase && !expired && (
        <PasswordInput
          label="Passphrase of the keys"
          description="It goes to the node alone, and this page keeps it no longer than until you sign."
          value={passphrase}
          autoComplete="off"
          maw={420}
          onChange={(event) => setPassphrase(event.currentTarget.value)}
        />
      )}
      {declined ? (
        <Note title="You declined">
          <p>Nothing was signed. To sign it after all, go back and review it once more.</p>
        </Note>
      ) : (
        signing.error !== null && <ErrorNote title="It was not signed" error={signing.error} />
      )}
      {expired && (
        <Note tone="warning" title="This took too long">
          <p>Balances and fees may have changed meanwhile. Go back and look at it once more.</p>
        </Note>
      )}
      <div className="hm-row">
        {/* The node forgets what was declined, so a second press could not sign it. */}
        {!declined && (
          <Button
            type="submit"
            loading={signing.busy}
            disabled={expired || (byPassphrase && passphrase === '')}
            leftSection={<IconPencilCheck size={16} aria-hidden />}
          >
            {byPassphrase ? 'Sign' : 'Sign …'}
          </Button>
        )}
        <Button variant="default" onClick={() => signing.back()} disabled={signing.busy}>
          Back
        </Button>
        {!byPassphrase && !declined && (
          <p className="hm-small hm-dim">A dialog of the program shows this once more and asks you.</p>
        )}
      </div>
    </form>
  );
};

const TransactionOutcome = ({ signed }: { signed: Extract<Signed, { signed: 'transaction' }> }) => {
  const { settled, error } = useSettled(signed.transaction);
  const state = settled?.state ?? 'waiting';
  return (
    <div className="hm-stack">
      <div className="hm-outcome" data-state={state} role="status">
        {state === 'final' ? <IconCircleCheck size={24} aria-hidden /> : <IconClockHour4 size={24} aria-hidden />}
        <div className="hm-grow">
          <p className="hm-outcome-title">
            {state === 'final'
              ? `Final${settled?.height == null ? '' : ` in block ${settled.height}`}`
              : state === 'dropped'
                ? 'It was not taken'
                : 'Signed; waiting for the block'}
          </p>
          <p className="hm-small">
            {state === 'dropped'
              ? (settled?.reason ?? '')
              : state === 'final'
                ? 'The validators of the network have agreed; it cannot be taken back.'
                : 'You can leave this page; it goes on by itself and stands in the history.'}
          </p>
        </div>
      </div>
      {error !== null && <ErrorNote title="It cannot be followed now" error={error} />}
      <Facts>
        <Fact name="Change of the account">
          <Caes micro={signed.entry.deltaMicro} signed />
        </Fact>
        <Fact name="Transaction">
          <ShortHash value={signed.transaction} what="the hash of the transaction" />
        </Fact>
      </Facts>
    </div>
  );
};

const MessageOutcome = ({ signed }: { signed: Extract<Signed, { signed: 'message' }> }) => (
  <div className="hm-outcome" data-state="final" role="status">
    <IconFileCheck size={24} aria-hidden />
    <div className="hm-grow">
      <p className="hm-outcome-title">Signed</p>
      <p className="hm-small hm-break">{signed.fileName} holds the message, the address and both signatures.</p>
    </div>
    <Button variant="default" size="compact-md" onClick={() => saveFile(signed.fileName, signed.file)}>
      Save the file
    </Button>
  </div>
);

/**
 * A form, then what would be signed, then what became of it; all in the same place of the page.
 *
 * @param props.again - words of the button that leads back to the form afterwards
 */
export const SigningFlow = ({
  signing,
  approval,
  again,
  children,
}: {
  signing: Signing;
  approval: Approval;
  again: string;
  /** The form, which calls `prepare`. */
  children: ReactNode;
}) => {
  const { draft, signed } = signing;
  if (signed !== null) {
    return (
      <div className="hm-stack">
        {signed.signed === 'message' ? <MessageOutcome signed={signed} /> : <TransactionOutcome signed={signed} />}
        <div className="hm-row">
          <Button variant="default" onClick={() => signing.back()}>
            {again}
          </Button>
        </div>
      </div>
    );
  }
  // The form stays, hidden, so that what was typed is there on the way back.
  return (
    <>
      <div className="hm-stack" hidden={draft !== null}>
        {children}
        {draft === null && signing.error !== null && <ErrorNote error={signing.error} />}
      </div>
      {draft !== null && <Review draft={draft} signing={signing} approval={approval} />}
    </>
  );
};
