import { Button, NumberInput, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { RequestInputOf, WalletView } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { showDone, showError } from '../../components/error-note.tsx';
import { Panel } from '../../components/layout.tsx';
import { NumberSetting } from '../../components/number-setting.tsx';
import { Setting } from '../../components/setting.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';

const LOCK_MINUTES_MAX = 10_080;
const VALUE_MAX = 1e9;
const CURRENCY_LENGTH_MAX = 8;
/** The newest days of the list that are shown; the node keeps all. */
const DAYS_SHOWN = 30;

const today = (): string => {
  const at = new Date();
  return `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, '0')}-${String(at.getDate()).padStart(2, '0')}`;
};

/** One line for each day; the newest word on a day replaces the one before. */
const withDay = (list: WalletView['priceList'], entry: WalletView['priceList'][number]): WalletView['priceList'] =>
  [entry, ...list.filter(({ day }) => day !== entry.day)].toSorted((a, b) => (a.day < b.day ? 1 : -1));

const PriceList = ({
  view,
  onSet,
}: {
  view: WalletView;
  onSet(change: RequestInputOf<'wallet:set'>): Promise<boolean>;
}) => {
  const [day, setDay] = useState(today);
  const [value, setValue] = useState<number | string>('');
  const [currency, setCurrency] = useState(view.priceList[0]?.currency ?? '');
  const [busy, setBusy] = useState(false);
  const ready = day !== '' && typeof value === 'number' && currency.trim() !== '';
  const add = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (!ready || busy) return;
    setBusy(true);
    const kept = await onSet({ priceList: withDay(view.priceList, { day, value, currency: currency.trim() }) });
    setBusy(false);
    if (kept) setValue('');
  };
  return (
    <Panel
      title="Your own price list"
      hint="What one CAES is worth to you, by day. The saved table then has that value beside each entry. Nobody else sees it, and nothing here comes from a market."
    >
      <form className="hm-price-form" onSubmit={(event) => void add(event)}>
        <TextInput type="date" label="Day" value={day} onChange={(event) => setDay(event.currentTarget.value)} />
        <NumberInput
          label="One CAES is worth"
          value={value}
          min={0}
          max={VALUE_MAX}
          decimalScale={6}
          hideControls
          onChange={setValue}
        />
        <TextInput
          label="In"
          placeholder="EUR"
          value={currency}
          maxLength={CURRENCY_LENGTH_MAX}
          onChange={(event) => setCurrency(event.currentTarget.value)}
        />
        <Button type="submit" variant="default" loading={busy} disabled={!ready}>
          Keep
        </Button>
      </form>
      {view.priceList.length > 0 && (
        <div className="hm-scroll-x">
          <table className="hm-table">
            <thead>
              <tr>
                <th scope="col">Day</th>
                <th scope="col" className="hm-right">
                  One CAES
                </th>
                <th scope="col" className="hm-right">
                  <span className="hm-sr">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {view.priceList.slice(0, DAYS_SHOWN).map((entry) => (
                <tr key={entry.day}>
                  <td>{entry.day}</td>
                  <td className="hm-right">
                    {entry.value} {entry.currency}
                  </td>
                  <td className="hm-right">
                    <Button
                      size="compact-sm"
                      variant="subtle"
                      color="gray"
                      onClick={() =>
                        void onSet({ priceList: view.priceList.filter((other) => other.day !== entry.day) })
                      }
                    >
                      Remove<span className="hm-sr"> {entry.day}</span>
                    </Button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {view.priceList.length > DAYS_SHOWN && (
            <p className="hm-small hm-dim">
              The newest {DAYS_SHOWN} days of {view.priceList.length}.
            </p>
          )}
        </div>
      )}
    </Panel>
  );
};

/** When the wallet locks, where its words and backups are, and the owner's own price list. */
export const KeepingPanel = ({ view, onChanged }: { view: WalletView; onChanged(view: WalletView): void }) => {
  const node = useNodeAccess();
  const identity = useNode((state) => state.identity);
  const set = async (change: RequestInputOf<'wallet:set'>): Promise<boolean> => {
    const reply = await node.ask('wallet:set', change);
    if (reply.ok) onChanged(reply.value);
    else showError('It was not kept', reply.error);
    return reply.ok;
  };
  return (
    <>
      <Panel title="Lock and backup">
        <Setting
          title="Lock by itself"
          hint="After so many minutes in which nothing was signed. 0: never. Proofs and blocks go on only while it is unlocked."
        >
          <NumberSetting
            label="Minutes until the wallet locks by itself"
            value={view.lockAfterMinutes}
            min={0}
            max={LOCK_MINUTES_MAX}
            suffix=" min"
            onSave={async (lockAfterMinutes) => {
              const kept = await set({ lockAfterMinutes });
              if (kept) showDone(lockAfterMinutes === 0 ? 'It does not lock by itself.' : 'The time is kept.');
              return kept;
            }}
          />
        </Setting>
        <Setting
          title="24 words, backup and passphrase"
          hint={
            identity?.lastBackupAtMs == null ? (
              'The words bring all own accounts back on any machine. There is no backup file of this identity yet.'
            ) : (
              <>
                The words bring all own accounts back on any machine. Last backup <Age atMs={identity.lastBackupAtMs} />
                .
              </>
            )
          }
        >
          <Button component="a" href={hrefOf('settings', 'identity')} variant="default">
            Open the identity
          </Button>
        </Setting>
        <Setting
          title="The drill"
          hint={
            identity?.lastDrill == null ? (
              'Try your words or your backup once, before you need them. It was never done.'
            ) : (
              <>
                Try your words or your backup once, before you need them. Last done{' '}
                <Age atMs={identity.lastDrill.atMs} />
                {identity.lastDrill.passed ? ', and it went well.' : ', and it went wrong.'}
              </>
            )
          }
        >
          <Button component="a" href={hrefOf('settings', 'identity')} variant="default">
            {identity?.drillDue === true ? 'Do the drill: it is due' : 'Do the drill'}
          </Button>
        </Setting>
      </Panel>
      <PriceList view={view} onSet={set} />
    </>
  );
};
