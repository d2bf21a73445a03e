import { Checkbox, NumberInput, SegmentedControl, Select, Switch, TextInput } from '@mantine/core';
import { useEffect, useId, useState } from 'react';
import type { LendingTerms, ResourceKey } from '../../../preload/contract/index.ts';
import { perText } from '../../components/leases/lease-text.ts';
import { durationText } from '../../components/time-text.ts';
import { ALLOCATION, microFromText, PRIVACY, PRIVACY_LEVELS, PROOFS, textFromMicro } from './share-text.ts';

const NAMES_MAX = 64;
const NAME_LENGTH_MAX = 128;
const LEASES_MAX = 10_000;
const LEASE_MINUTES_MAX = 525_600;
/** Stands there until the owner writes another: what a core begins with on a ledger's market. */
const FIRST_PRICE = '10000';

interface TermsFormProps {
  part: 'who' | 'leases';
  resource: ResourceKey;
  terms: LendingTerms;
  onChange(change: Partial<LendingTerms>): void;
}

/** A text field that tells its value when the reader leaves it or presses Enter, and says what is wrong with it. */
const CommitText = ({
  label,
  description,
  value,
  check,
  onCommit,
  suffix,
}: {
  label: string;
  description?: string;
  value: string;
  check(text: string): string | null;
  onCommit(text: string): void;
  suffix?: string;
}) => {
  const [draft, setDraft] = useState(value);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => setDraft(value), [value]);
  const commit = (): void => {
    const wrong = check(draft);
    setError(wrong);
    if (wrong === null && draft !== value) onCommit(draft);
  };
  return (
    <TextInput
      label={label}
      description={description}
      value={draft}
      error={error}
      onChange={(event) => setDraft(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => event.key === 'Enter' && commit()}
      {...(suffix === undefined
        ? {}
        : { rightSection: <span className="hm-small hm-dim">{suffix}</span>, rightSectionWidth: 120 })}
    />
  );
};

/** A whole number that is told when the reader leaves the field. */
export const CommitNumber = ({
  label,
  description,
  value,
  min,
  max,
  suffix,
  onCommit,
  disabled = false,
}: {
  label: string;
  description?: string;
  value: number;
  min: number;
  max: number;
  suffix: string;
  onCommit(value: number): void;
  disabled?: boolean;
}) => {
  const [draft, setDraft] = useState<number | string>(value);
  useEffect(() => setDraft(value), [value]);
  return (
    <NumberInput
      label={label}
      description={description}
      value={draft}
      min={min}
      max={max}
      clampBehavior="blur"
      allowDecimal={false}
      allowNegative={min < 0}
      thousandSeparator=" "
      suffix={` ${suffix}`}
      disabled={disabled}
      onChange={setDraft}
      onBlur={() => {
        const next = Math.round(Math.min(max, Math.max(min, Number(draft))));
        if (draft === '' || !Number.isFinite(next)) setDraft(value);
        else if (next !== value) onCommit(next);
      }}
    />
  );
};

const Privacy = ({ terms, onChange }: Omit<TermsFormProps, 'part' | 'resource'>) => {
  const group = useId();
  const chosen = PRIVACY[terms.privacyLevel];
  return (
    <>
      <fieldset className="hm-choices">
        <legend>Privacy level: who may use it, and what they see</legend>
        {PRIVACY_LEVELS.map((id) => {
          const { label, who, seen } = PRIVACY[id];
          return (
            // oxlint-disable-next-line jsx-a11y/label-has-associated-control -- its text is two levels down
            <label key={id} className="hm-choice" data-chosen={terms.privacyLevel === id || undefined}>
              <input
                type="radio"
                name={group}
                checked={terms.privacyLevel === id}
                onChange={() => onChange({ privacyLevel: id })}
              />
              <span>
                <span className="hm-choice-label">{label}</span> <span>{who}</span>
                <span className="hm-small hm-dim hm-choice-seen">What others see: {seen}</span>
              </span>
            </label>
          );
        })}
      </fieldset>
      {chosen.needsNames !== null && (
        <CommitText
          label={chosen.needsNames}
          description={`Separated by commas; ${NAMES_MAX} at most. Empty: ${chosen.noNames}`}
          value={terms.privacyNames.join(', ')}
          check={(text) => {
            const names = text
              .split(',')
              .map((name) => name.trim())
              .filter(Boolean);
            if (names.length > NAMES_MAX) return `At most ${NAMES_MAX} names; there are ${names.length}.`;
            const long = names.find((name) => name.length > NAME_LENGTH_MAX);
            return long === undefined
              ? null
              : `A name has at most ${NAME_LENGTH_MAX} characters; shorten “${long.slice(0, 24)}…”.`;
          }}
          onCommit={(text) =>
            onChange({
              privacyNames: text
                .split(',')
                .map((name) => name.trim())
                .filter(Boolean),
            })
          }
        />
      )}
    </>
  );
};

/** Preferences that hold for those who borrow. */
export const TermsForm = ({ part, resource, terms, onChange }: TermsFormProps) => {
  if (part === 'who') {
    return (
      <>
        <Privacy terms={terms} onChange={onChange} />
        <Select
          label="Allocation type"
          description={ALLOCATION[terms.allocationType].text}
          data={Object.entries(ALLOCATION).map(([value, { label }]) => ({ value, label }))}
          value={terms.allocationType}
          onChange={(value) => value !== null && onChange({ allocationType: value as LendingTerms['allocationType'] })}
          maw={320}
        />
        <Checkbox.Group
          label="Proofs that a borrower must bring"
          value={[...terms.requiredProofs]}
          onChange={(value) => onChange({ requiredProofs: value })}
        >
          <div className="hm-checks">
            {PROOFS.map((proof) => (
              <Checkbox key={proof.id} value={proof.id} label={proof.label} description={proof.text} />
            ))}
          </div>
        </Checkbox.Group>
        <div className="hm-stack-tight">
          <h3>Ways to reach it</h3>
          <Switch
            label="Relays may carry the traffic"
            description="When no direct way can be found"
            checked={terms.proxy.relaysAllowed}
            onChange={(event) => onChange({ proxy: { ...terms.proxy, relaysAllowed: event.currentTarget.checked } })}
          />
          <Switch
            label="May serve as an exit"
            description="Traffic of others leaves under your address"
            checked={terms.proxy.exitAllowed}
            onChange={(event) => onChange({ proxy: { ...terms.proxy, exitAllowed: event.currentTarget.checked } })}
          />
        </div>
      </>
    );
  }
  return (
    <>
      <div className="hm-form-row">
        <CommitNumber
          label="Leases at once"
          description="0: none"
          value={terms.leasesMax}
          min={0}
          max={LEASES_MAX}
          suffix={terms.leasesMax === 1 ? 'lease' : 'leases'}
          onCommit={(leasesMax) => onChange({ leasesMax })}
        />
        <CommitNumber
          label="Longest lease"
          description={durationText(terms.leaseMinutesMax * 60_000)}
          value={terms.leaseMinutesMax}
          min={1}
          max={LEASE_MINUTES_MAX}
          suffix="min"
          onCommit={(leaseMinutesMax) => onChange({ leaseMinutesMax })}
        />
      </div>
      <div className="hm-stack-tight">
        <h3>Price</h3>
        <SegmentedControl
          aria-label="Price"
          style={{ alignSelf: 'flex-start' }}
          data={[
            { value: 'market', label: 'Follow the market' },
            { value: 'fixed', label: 'Fixed price' },
          ]}
          value={terms.price.mode}
          onChange={(mode) =>
            onChange({ price: mode === 'market' ? { mode } : { mode: 'fixed', microPerHour: FIRST_PRICE } })
          }
        />
        {terms.price.mode === 'fixed' && (
          <div style={{ maxWidth: 320 }}>
            <CommitText
              label={`CAES ${perText(resource)}`}
              description="Six decimals at most. CAES is a unit of account inside a network, not money."
              suffix="CAES"
              value={textFromMicro(terms.price.microPerHour)}
              check={(text) =>
                microFromText(text) === null ? 'Write an amount such as 1.25, with at most six decimals.' : null
              }
              onCommit={(text) => {
                const microPerHour = microFromText(text);
                if (microPerHour !== null) onChange({ price: { mode: 'fixed', microPerHour } });
              }}
            />
          </div>
        )}
      </div>
    </>
  );
};
