import { Button, NumberInput, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { CallError, Electricity, ForecastView } from '../../../preload/contract/index.ts';
import { Caes } from '../../components/caes.tsx';
import { ErrorNote, showDone } from '../../components/error-note.tsx';
import { Loading, Panel } from '../../components/layout.tsx';
import { amountText, percentText, resourceName } from '../../components/quantity.ts';
import { sentence, Unknown } from '../../components/unknown.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { currencyText } from './rewards-text.ts';
import { useAsked } from './use-rewards.ts';

type WattKind = keyof Electricity['watts'];
const WATT_KINDS: readonly WattKind[] = ['cpu', 'gpu', 'memory', 'storage', 'network', 'container'];
const WATTS_MAX = 10_000;
const PRICE_MAX = 1000;
const VALUE_MAX = 1e9;
const CURRENCY_LENGTH_MAX = 8;

const ElectricityForm = ({ view, onSaved }: { view: ForecastView; onSaved(view: ForecastView): void }) => {
  const node = useNodeAccess();
  const { electricity } = view;
  const [price, setPrice] = useState<number | string>(electricity.pricePerKwh);
  const [currency, setCurrency] = useState(electricity.currency);
  const [worth, setWorth] = useState<number | string>(electricity.caesValue ?? '');
  const [watts, setWatts] = useState<Partial<Record<WattKind, number | string>>>(electricity.watts);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  // Watts are asked for what this machine has, and for what was said before.
  const kinds = WATT_KINDS.filter(
    (kind) =>
      electricity.watts[kind] !== undefined || view.rows.some(({ resource }) => resource.split(':')[0] === kind),
  );
  const ready = typeof price === 'number' && currency.trim() !== '';
  const save = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (!ready || busy) return;
    setBusy(true);
    const reply = await node.ask('rewards:setElectricity', {
      pricePerKwh: price,
      currency: currency.trim(),
      caesValue: typeof worth === 'number' ? worth : null,
      watts: Object.fromEntries(Object.entries(watts).filter(([, value]) => typeof value === 'number')) as Record<
        WattKind,
        number
      >,
    });
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (!reply.ok) return;
    onSaved(reply.value);
    showDone('Reckoned anew with what you said.');
  };
  return (
    <form className="hm-stack hm-electricity" onSubmit={(event) => void save(event)}>
      <div className="hm-form-row">
        <NumberInput
          label="Electricity"
          description="per kWh"
          value={price}
          min={0}
          max={PRICE_MAX}
          decimalScale={4}
          hideControls
          onChange={setPrice}
        />
        <TextInput
          label="Currency"
          description="as you write it, such as EUR"
          value={currency}
          maxLength={CURRENCY_LENGTH_MAX}
          onChange={(event) => setCurrency(event.currentTarget.value)}
        />
        <NumberInput
          label="What one CAES is worth to you"
          description="in that currency; empty: not said, and then nothing is netted"
          value={worth}
          min={0}
          max={VALUE_MAX}
          decimalScale={6}
          hideControls
          onChange={setWorth}
        />
      </div>
      {kinds.length > 0 && (
        <fieldset className="hm-watts">
          <legend>More watts at full use</legend>
          <div className="hm-watts-fields">
            {kinds.map((kind) => (
              <NumberInput
                key={kind}
                label={resourceName(kind === 'gpu' ? 'gpu:' : kind).trim()}
                value={watts[kind] ?? ''}
                min={0}
                max={WATTS_MAX}
                hideControls
                rightSection={<span className="hm-small hm-dim">W</span>}
                onChange={(value) => setWatts({ ...watts, [kind]: value })}
              />
            ))}
          </div>
        </fieldset>
      )}
      {error !== null && <ErrorNote error={error} />}
      <div className="hm-row">
        <Button type="submit" variant="default" loading={busy} disabled={!ready}>
          Reckon
        </Button>
        <p className="hm-small hm-dim">It stays on this machine.</p>
      </div>
    </form>
  );
};

/** Rows of a resource one after another: how much of it is used is said once for all its levels. */
const groupsOf = (rows: ForecastView['rows']): [string, ForecastView['rows']][] => {
  const groups = new Map<string, ForecastView['rows']>();
  for (const row of rows) groups.set(row.resource, [...(groups.get(row.resource) ?? []), row]);
  return [...groups];
};

const Rows = ({ view }: { view: ForecastView }) => {
  const { currency, caesValue } = view.electricity;
  const noWatts = 'Say below how many watts more this resource takes at full use';
  return (
    <div className="hm-scroll-x">
      <table className="hm-table hm-forecast">
        <thead>
          <tr>
            <th scope="col">Level</th>
            <th scope="col" className="hm-right">
              In 30 days
            </th>
            <th scope="col" className="hm-right">
              Used
            </th>
            <th scope="col" className="hm-right">
              Electricity
            </th>
            <th scope="col" className="hm-right">
              Net, by your value
            </th>
          </tr>
        </thead>
        {groupsOf(view.rows).map(([resource, rows]) => (
          <tbody key={resource}>
            <tr className="hm-forecast-basis">
              <th scope="rowgroup" colSpan={5}>
                {rows[0]?.label} <span className="hm-small hm-dim">{sentence(rows[0]?.basis ?? '')}</span>
              </th>
            </tr>
            {rows.map((row) => (
              <tr key={row.percent}>
                <td>
                  {row.label} at {percentText(row.percent)}
                  <span className="hm-small hm-dim hm-reward-sub">{amountText(row.amount, row.unit)}</span>
                </td>
                <td className="hm-right">
                  <Caes micro={row.microPerMonth} />
                </td>
                <td className="hm-right">{percentText(row.utilisationPermille / 10)}</td>
                <td className="hm-right">
                  {row.kwhPerMonth === null ? (
                    <Unknown reason={noWatts} />
                  ) : (
                    <>
                      {row.kwhPerMonth.toFixed(1)} kWh
                      {row.costPerMonth !== null && (
                        <span className="hm-small hm-dim hm-reward-sub">
                          {currencyText(row.costPerMonth, currency)}
                        </span>
                      )}
                    </>
                  )}
                </td>
                <td className="hm-right">
                  {row.netPerMonth === null ? (
                    <Unknown
                      reason={caesValue === null ? 'You have not said what a CAES is worth to you' : noWatts}
                      word="not netted"
                    />
                  ) : (
                    currencyText(row.netPerMonth, currency)
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        ))}
      </table>
    </div>
  );
};

/** What another level of each resource would bring on this machine, net of electricity where the owner said its price. */
export const ForecastPanel = () => {
  const forecast = useAsked('rewards:forecast', {});
  return (
    <Panel
      title="What the next level would bring"
      hint="On this machine, if as much of it is used as was in the last 30 days. A forecast, not a promise: it follows from prices and use that change."
    >
      {forecast.error !== null && <ErrorNote title="There is no forecast" error={forecast.error} />}
      {forecast.value === null && forecast.error === null && <Loading what="the forecast" />}
      {forecast.value !== null && (
        <>
          {forecast.value.rows.length === 0 ? (
            <p className="hm-dim">
              Nothing of this machine can be lent yet, so there is no level to compare. Set limits on Share first.
            </p>
          ) : (
            <Rows view={forecast.value} />
          )}
          <ElectricityForm
            key={JSON.stringify(forecast.value.electricity)}
            view={forecast.value}
            onSaved={forecast.set}
          />
          <p className="hm-small hm-dim">
            CAES are a count between the members of a network. Nobody sells or redeems them here, and what one is worth
            is for you alone to say.
          </p>
        </>
      )}
    </Panel>
  );
};
