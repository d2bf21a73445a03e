import { Button, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { LedgerView } from '../../../preload/contract/index.ts';
import { Panel } from '../../components/layout.tsx';
import { SigningFlow } from '../../components/signing/signing-flow.tsx';
import { useSigning } from '../../components/signing/use-signing.ts';
import { sentence } from '../../components/unknown.tsx';
import { parameterText } from './ledger-text.ts';
import { useWalletFor } from './use-wallet-for.ts';

type Parameter = LedgerView['parameters'][number];

const VALUE_LENGTH_MAX = 64;

/** Whether a value is outside of the bounds; what is no number is for the node to judge. */
const isOutside = (value: string, { min, max }: Parameter): boolean => {
  const whole = /^-?\d{1,30}$/;
  if (!whole.test(value) || !whole.test(min) || !whole.test(max)) return false;
  return BigInt(value) < BigInt(min) || BigInt(value) > BigInt(max);
};

/** Beside a field, a bound is in the field's own unit. */
const boundText = (value: string, unit: string, plain: boolean): string =>
  plain && /^\d{1,30}$/.test(value)
    ? `${BigInt(value).toLocaleString('en')} ${unit}`.trimEnd()
    : parameterText(value, unit);

const Row = ({
  parameter,
  next,
  onNext,
}: {
  parameter: Parameter;
  /** What it is to become; null: not changed here. */
  next: string | null;
  /** Null where nothing can be changed. */
  onNext: ((next: string) => void) | null;
}) => (
  <tr>
    <th scope="row">
      <code>{parameter.name}</code>
      <span className="hm-small hm-dim hm-ledger-sub hm-parameter-what">{sentence(parameter.sentence)}</span>
    </th>
    <td>
      {onNext === null ? (
        parameterText(parameter.value, parameter.unit)
      ) : (
        <TextInput
          aria-label={`${parameter.name}, ${parameter.unit}`}
          value={next ?? parameter.value}
          maxLength={VALUE_LENGTH_MAX}
          autoComplete="off"
          rightSection={<span className="hm-small hm-dim">{parameter.unit}</span>}
          rightSectionWidth={Math.max(24, parameter.unit.length * 8 + 16)}
          error={isOutside(next ?? parameter.value, parameter) ? 'Outside of the bounds.' : undefined}
          onChange={(event) => onNext(event.currentTarget.value)}
        />
      )}
    </td>
    <td className="hm-parameter-bounds">
      {boundText(parameter.min, parameter.unit, onNext !== null)}
      <span className="hm-small hm-dim"> to </span>
      {boundText(parameter.max, parameter.unit, onNext !== null)}
    </td>
  </tr>
);

/** The rules of a network, each with its bounds; a keeper changes them by a transaction. */
export const ParametersPanel = ({ view }: { view: LedgerView }) => {
  const signing = useSigning();
  const { wallet, refused } = useWalletFor(view.id);
  const [editing, setEditing] = useState(false);
  const [drafts, setDrafts] = useState<Readonly<Record<string, string>>>({});
  const changes = Object.fromEntries(
    view.parameters.flatMap(({ name, value }) => {
      const next = drafts[name]?.trim();
      return next === undefined || next === '' || next === value ? [] : [[name, next] as const];
    }),
  );
  const count = Object.keys(changes).length;
  const outside = view.parameters.some((parameter) => isOutside(changes[parameter.name] ?? parameter.value, parameter));
  const end = (): void => {
    setEditing(false);
    setDrafts({});
    signing.back();
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (count > 0 && !outside && !signing.busy) void signing.prepare({ kind: 'parameters', changes });
  };
  const table = (
    <div className="hm-scroll-x">
      <table className="hm-table hm-parameters">
        <thead>
          <tr>
            <th scope="col">Rule</th>
            <th scope="col">Value</th>
            <th scope="col">Bounds</th>
          </tr>
        </thead>
        <tbody>
          {view.parameters.map((parameter) => (
            <Row
              key={parameter.name}
              parameter={parameter}
              next={drafts[parameter.name] ?? null}
              onNext={editing && !parameter.fixed ? (next) => setDrafts({ ...drafts, [parameter.name]: next }) : null}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
  return (
    <Panel
      title="Rules"
      hint="Every member follows the same ones. They change with a block, for everybody at once."
      actions={
        view.isAdmin && refused === null && !editing ? (
          <Button variant="default" onClick={() => setEditing(true)}>
            Change …
          </Button>
        ) : undefined
      }
    >
      {editing && wallet !== null ? (
        <SigningFlow signing={signing} approval={wallet.approval} again="Back to the rules">
          <form className="hm-stack" onSubmit={submit}>
            {table}
            <div className="hm-row">
              <Button type="submit" loading={signing.busy} disabled={count === 0 || outside}>
                {count === 0 ? 'Review' : `Review ${count} ${count === 1 ? 'change' : 'changes'}`}
              </Button>
              <Button variant="default" onClick={end}>
                Cancel
              </Button>
            </div>
          </form>
        </SigningFlow>
      ) : (
        <>
          {table}
          {view.isAdmin && refused !== null && <p className="hm-small hm-dim">You keep this network. {refused}</p>}
        </>
      )}
    </Panel>
  );
};
