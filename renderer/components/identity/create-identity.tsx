import { Button, Checkbox, TextInput } from '@mantine/core';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import type { CallError, IdentityView, ResponseOf } from '../../../preload/contract/index.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { ErrorNote, Note } from '../error-note.tsx';
import { Loading } from '../layout.tsx';
import { clockText } from '../time-text.ts';
import { newSealingDraft, SealingChoice, sealingOf } from './sealing-choice.tsx';
import './identity.css';

type Draft = ResponseOf<'identity:begin'>;
const STEPS = ['Write the words down', 'Show that you have them', 'Protect the keys'] as const;

/**
 * Makes a recovery phrase: shows it once, asks for some of its words, and only then has the node keep anything. Leaving
 * at any point before leaves nothing behind.
 */
export const CreateIdentity = ({
  keyStore,
  onDone,
  onCancel,
}: {
  keyStore: IdentityView['keyStore'];
  onDone(): void;
  onCancel(): void;
}) => {
  const node = useNodeAccess();
  const [draft, setDraft] = useState<Draft | null>(null);
  const [step, setStep] = useState(0);
  const [written, setWritten] = useState(false);
  const [words, setWords] = useState<readonly string[]>(['', '', '', '']);
  const [sealing, setSealing] = useState(() => newSealingDraft(keyStore));
  const [error, setError] = useState<CallError | null>(null);
  const [hint, setHint] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);
  const begun = useRef(false);

  const begin = async (): Promise<void> => {
    setError(null);
    const reply = await node.ask('identity:begin', {});
    if (reply.ok) {
      setDraft(reply.value);
      setStep(0);
      setWritten(false);
      setWords(['', '', '', '']);
    } else setError(reply.error);
  };
  useEffect(() => {
    // A second draft would end the first, and React may run an effect twice.
    if (begun.current) return;
    begun.current = true;
    void begin();
  });
  useEffect(() => heading.current?.focus(), [step]);

  const confirm = async (): Promise<void> => {
    if (draft === null) return;
    const found = sealingOf(sealing);
    if ('problem' in found) {
      setHint(found.problem);
      return;
    }
    setHint(null);
    setBusy(true);
    const reply = await node.ask('identity:confirm', {
      draftId: draft.draftId,
      words: words.map((word) => word.trim().toLowerCase()),
      sealing: found.sealing,
    });
    setBusy(false);
    if (reply.ok) {
      onDone();
      return;
    }
    setError(reply.error);
    if (reply.error.code === 'WORDS_WRONG') setStep(1);
    // The phrase is gone: only a new one can be begun.
    if (reply.error.code === 'DRAFT_UNKNOWN') setDraft(null);
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (step === 0) {
      if (!written) setHint('Write all 24 words down first, then tick the box.');
      else {
        setHint(null);
        setStep(1);
      }
    } else if (step === 1) {
      if (words.some((word) => word.trim() === '')) setHint('Type all four words.');
      else {
        setHint(null);
        setError(null);
        setStep(2);
      }
    } else void confirm();
  };

  if (draft === null)
    return (
      <div className="hm-identity-flow">
        {error === null ? (
          <Loading what="the words" />
        ) : (
          <ErrorNote error={error}>
            <Button mt={8} size="compact-sm" variant="default" onClick={() => void begin()}>
              Begin again with a new phrase
            </Button>
          </ErrorNote>
        )}
        <div className="hm-identity-foot">
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
        </div>
      </div>
    );
  return (
    <form className="hm-identity-flow" onSubmit={submit} autoComplete="off">
      <div>
        <p className="hm-small hm-dim">
          Part {step + 1} of {STEPS.length}
        </p>
        <h3 ref={heading} tabIndex={-1} className="hm-identity-title">
          {STEPS[step]}
        </h3>
      </div>
      {step === 0 && (
        <>
          <p>
            These 24 words are your identity and your wallet. Whoever has them has both; without them nobody can bring
            either back, not even us. They are shown this one time.
          </p>
          <ol className="hm-identity-words" aria-label="Recovery phrase">
            {draft.words.map((word, index) => (
              <li key={`${index}-${word}`}>
                <span className="hm-identity-number" aria-hidden="true">
                  {index + 1}
                </span>
                <span>{word}</span>
              </li>
            ))}
          </ol>
          <Note tone="warning" title="On paper">
            <p>
              Not as a photo, not in a file, not in a message. Put the paper where fire and visitors do not come. This
              page forgets the words at {clockText(draft.expiresAtMs)}.
            </p>
          </Note>
          <Checkbox
            label="I have written down all 24 words in their order"
            checked={written}
            onChange={(event) => setWritten(event.currentTarget.checked)}
          />
        </>
      )}
      {step === 1 && (
        <>
          <p>Type these four from your paper. “Back” shows the words again if one is missing there.</p>
          <div className="hm-identity-ask">
            {draft.ask.map((place, index) => (
              <TextInput
                key={place}
                label={`Word ${place}`}
                value={words[index] ?? ''}
                maxLength={64}
                spellCheck={false}
                autoComplete="off"
                autoCapitalize="none"
                data-autofocus={index === 0 || undefined}
                onChange={(event) => {
                  const { value } = event.currentTarget;
                  setWords((before) => before.map((word, at) => (at === index ? value : word)));
                }}
              />
            ))}
          </div>
        </>
      )}
      {step === 2 && <SealingChoice keyStore={keyStore} value={sealing} onChange={setSealing} />}
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
        {step > 0 && (
          <Button
            variant="default"
            disabled={busy}
            onClick={() => {
              setHint(null);
              setStep(step - 1);
            }}
          >
            Back
          </Button>
        )}
        <Button type="submit" loading={busy}>
          {step === 2 ? 'Create the identity' : 'Continue'}
        </Button>
      </div>
    </form>
  );
};
