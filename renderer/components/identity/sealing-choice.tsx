import { PasswordInput, Radio } from '@mantine/core';
import { useState } from 'react';
import type { IdentityView, Sealing } from '../../../preload/contract/index.ts';

/** As the contract demands of a new passphrase. */
export const PASSPHRASE_LENGTH_MIN = 8;

export interface SealingDraft {
  kind: Sealing['kind'];
  passphrase: string;
  again: string;
}

/** The key store where the system has one: nothing to remember. */
export const newSealingDraft = (keyStore: IdentityView['keyStore']): SealingDraft => ({
  kind: keyStore.available ? 'keyStore' : 'passphrase',
  passphrase: '',
  again: '',
});

/** What is to be sent, or the sentence that says why it cannot be yet. */
export const sealingOf = (draft: SealingDraft): { sealing: Sealing } | { problem: string } => {
  if (draft.kind === 'keyStore') return { sealing: { kind: 'keyStore' } };
  if (draft.passphrase.length < PASSPHRASE_LENGTH_MIN)
    return { problem: `The passphrase needs ${PASSPHRASE_LENGTH_MIN} characters at least.` };
  if (draft.passphrase !== draft.again) return { problem: 'The two passphrases differ.' };
  return { sealing: { kind: 'passphrase', passphrase: draft.passphrase } };
};

/** A passphrase that is new, typed twice. */
export const NewPassphrase = ({
  label,
  hint,
  value,
  again,
  onChange,
}: {
  label: string;
  hint: string;
  value: string;
  again: string;
  onChange(change: { passphrase?: string; again?: string }): void;
}) => {
  const [left, setLeft] = useState(false);
  return (
    <div className="hm-identity-passphrase">
      <PasswordInput
        label={label}
        description={hint}
        value={value}
        autoComplete="new-password"
        spellCheck={false}
        error={
          left && value !== '' && value.length < PASSPHRASE_LENGTH_MIN
            ? `${PASSPHRASE_LENGTH_MIN} characters at least`
            : undefined
        }
        onBlur={() => setLeft(true)}
        onChange={(event) => onChange({ passphrase: event.currentTarget.value })}
      />
      <PasswordInput
        label="Once more"
        value={again}
        autoComplete="new-password"
        spellCheck={false}
        error={again !== '' && again.length >= value.length && again !== value ? 'differs from the first' : undefined}
        onChange={(event) => onChange({ again: event.currentTarget.value })}
      />
    </div>
  );
};

/** How the keys are to lie on disk. */
export const SealingChoice = ({
  keyStore,
  value,
  onChange,
}: {
  keyStore: IdentityView['keyStore'];
  value: SealingDraft;
  onChange(value: SealingDraft): void;
}) => (
  <div className="hm-identity-sealing">
    <Radio.Group
      label="How the keys are protected on this disk"
      value={value.kind}
      onChange={(kind) => onChange({ ...value, kind: kind })}
    >
      <div className="hm-identity-options">
        <Radio
          value="keyStore"
          disabled={!keyStore.available}
          label={keyStore.available ? `The system’s key store (${keyStore.name})` : 'The system’s key store'}
          description={
            keyStore.available ? 'Unlocks by itself when you are logged in.' : `Not to be had here: ${keyStore.reason}`
          }
        />
        <Radio
          value="passphrase"
          label="A passphrase"
          description="Asked for whenever the node starts. Until then it makes no proofs and signs nothing."
        />
      </div>
    </Radio.Group>
    {value.kind === 'passphrase' && (
      <NewPassphrase
        label="Passphrase"
        hint="Several words that belong only to you. It cannot be reset; with the recovery phrase a new one can be set."
        value={value.passphrase}
        again={value.again}
        onChange={(change) => onChange({ ...value, ...change })}
      />
    )}
  </div>
);
