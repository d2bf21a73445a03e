import { ActionIcon, Button, NumberInput, Switch, TextInput } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import type { MachineRules } from '../../../preload/contract/index.ts';
import { showError } from '../../components/error-note.tsx';
import { Bar, Panel } from '../../components/layout.tsx';
import { LevelSlider } from '../../components/level-slider.tsx';
import { bytesText, percentText } from '../../components/quantity.ts';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { CommitNumber } from './terms-form.tsx';

const PROGRAMS_MAX = 64;
/** Where the ceiling starts when it is switched on: warm for a desktop, safe for every processor sold. */
const TEMPERATURE_START = { ceilingCelsius: 80, hysteresisCelsius: 5, stepPercent: 10 };
const MEGABYTE = 1_000_000;
const GIGABYTE = 1_000_000_000;
const MEGABYTES_MAX = 1_000_000;

/** A limit that may be absent: a switch, and a number in a human unit while it is on. */
const OptionalLimit = ({
  label,
  value,
  unitBytes,
  suffix,
  startWith,
  onCommit,
}: {
  label: string;
  value: number | null;
  unitBytes: number;
  suffix: string;
  startWith: number;
  onCommit(value: number | null): void;
}) => {
  const [draft, setDraft] = useState<number | string>(value === null ? '' : value / unitBytes);
  useEffect(() => setDraft(value === null ? '' : value / unitBytes), [value, unitBytes]);
  return (
    <div className="hm-optional">
      <Switch
        label={label}
        checked={value !== null}
        onChange={(event) => onCommit(event.currentTarget.checked ? startWith * unitBytes : null)}
      />
      {value === null ? (
        <span className="hm-small hm-dim">No limit but the level</span>
      ) : (
        <NumberInput
          aria-label={`${label}, in ${suffix}`}
          value={draft}
          min={0}
          max={MEGABYTES_MAX}
          clampBehavior="blur"
          decimalScale={3}
          suffix={` ${suffix}`}
          onChange={setDraft}
          onBlur={() => {
            const next = Math.round(Number(draft) * unitBytes);
            if (draft === '' || !Number.isFinite(next)) setDraft(value / unitBytes);
            else if (next !== value) onCommit(next);
          }}
        />
      )}
    </div>
  );
};

const Programs = ({
  programs,
  onChange,
}: {
  programs: MachineRules['programs'];
  onChange(programs: MachineRules['programs']): void;
}) => {
  const [name, setName] = useState('');
  const [error, setError] = useState<string | null>(null);
  const add = (): void => {
    const trimmed = name.trim();
    if (trimmed === '') setError('Write the program’s name as the process list shows it, such as blender.');
    else if (programs.some((program) => program.name === trimmed)) setError(`${trimmed} is in the list already.`);
    else if (programs.length >= PROGRAMS_MAX) setError(`At most ${PROGRAMS_MAX} programs; remove one first.`);
    else {
      setError(null);
      setName('');
      onChange([...programs, { name: trimmed, percent: 0 }]);
    }
  };
  return (
    <div className="hm-stack-tight">
      {programs.length > 0 && (
        <ul className="hm-programs">
          {programs.map((program, index) => (
            <li key={program.name}>
              <LevelSlider
                size="small"
                label={`While ${program.name} runs`}
                value={program.percent}
                onCommit={(percent) =>
                  onChange(programs.map((entry, at) => (at === index ? { ...entry, percent } : entry)))
                }
              />
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={`Remove ${program.name}`}
                onClick={() => onChange(programs.filter((_, at) => at !== index))}
              >
                <IconTrash size={16} />
              </ActionIcon>
            </li>
          ))}
        </ul>
      )}
      <form
        className="hm-row"
        style={{ alignItems: 'flex-start' }}
        onSubmit={(event) => {
          event.preventDefault();
          add();
        }}
      >
        <TextInput
          aria-label="Name of a program"
          placeholder="Name of a program, such as blender"
          maxLength={128}
          value={name}
          error={error}
          onChange={(event) => setName(event.currentTarget.value)}
          style={{ flex: '1 1 220px', maxWidth: 360 }}
        />
        <Button type="submit" variant="default" leftSection={<IconPlus size={16} aria-hidden />}>
          Add
        </Button>
      </form>
    </div>
  );
};

/** Rules for the whole machine: presence, heat, programs, network. */
export const MachineRulesPanel = () => {
  const node = useNodeAccess();
  const rules = useNode((state) => state.share?.rules);
  const used = useNode((state) => state.share?.monthlyBytesUsed);
  const temperature = useNode((state) => state.inventory?.cpu.temperatureCelsius);
  if (rules === undefined || used === undefined) return null;
  const set = (change: Partial<MachineRules>): void => {
    void node.setRules(change).then((reply) => !reply.ok && showError('The rule was not changed', reply.error));
  };
  const { network } = rules;
  const cap = network.monthlyBytesMax;
  const usedPercent = cap === null || cap === 0 ? 0 : (used / cap) * 100;
  return (
    <Panel title="Rules for the whole machine" hint="They hold for every resource above.">
      <div className="hm-rules-sections">
        <section>
          <h3>Presence</h3>
          <CommitNumber
            label="Away after"
            description="Minutes without keyboard or mouse"
            value={rules.awayAfterMinutes}
            min={1}
            max={1440}
            suffix="min"
            onCommit={(awayAfterMinutes) => set({ awayAfterMinutes })}
          />
        </section>
        <section>
          <h3>Temperature</h3>
          <Switch
            label="Lower the level when it gets hot"
            description={
              temperature?.known === false
                ? `Cannot act on this machine: ${temperature.reason}`
                : 'Step by step, instead of stopping the work'
            }
            checked={rules.temperature !== null}
            onChange={(event) => set({ temperature: event.currentTarget.checked ? TEMPERATURE_START : null })}
          />
          {rules.temperature !== null && (
            <div className="hm-form-row">
              <CommitNumber
                label="Ceiling"
                value={rules.temperature.ceilingCelsius}
                min={30}
                max={110}
                suffix="°C"
                onCommit={(ceilingCelsius) =>
                  rules.temperature !== null && set({ temperature: { ...rules.temperature, ceilingCelsius } })
                }
              />
              <CommitNumber
                label="Rise again below by"
                value={rules.temperature.hysteresisCelsius}
                min={1}
                max={30}
                suffix="°C"
                onCommit={(hysteresisCelsius) =>
                  rules.temperature !== null && set({ temperature: { ...rules.temperature, hysteresisCelsius } })
                }
              />
              <CommitNumber
                label="Step"
                value={rules.temperature.stepPercent}
                min={1}
                max={100}
                suffix="%"
                onCommit={(stepPercent) =>
                  rules.temperature !== null && set({ temperature: { ...rules.temperature, stepPercent } })
                }
              />
            </div>
          )}
        </section>
        <section>
          <h3>Programs</h3>
          <p className="hm-small hm-dim">While one of these runs, nothing is lent above its level.</p>
          <Programs programs={rules.programs} onChange={(programs) => set({ programs })} />
        </section>
        <section>
          <h3>Network</h3>
          <OptionalLimit
            label="Limit sending"
            value={network.sendBytesPerSecondMax}
            unitBytes={MEGABYTE}
            suffix="MB/s"
            startWith={1}
            onCommit={(sendBytesPerSecondMax) => set({ network: { ...network, sendBytesPerSecondMax } })}
          />
          <OptionalLimit
            label="Limit receiving"
            value={network.receiveBytesPerSecondMax}
            unitBytes={MEGABYTE}
            suffix="MB/s"
            startWith={5}
            onCommit={(receiveBytesPerSecondMax) => set({ network: { ...network, receiveBytesPerSecondMax } })}
          />
          <OptionalLimit
            label="Limit per month"
            value={cap}
            unitBytes={GIGABYTE}
            suffix="GB"
            startWith={100}
            onCommit={(monthlyBytesMax) => set({ network: { ...network, monthlyBytesMax } })}
          />
          <p className="hm-small hm-dim">
            This month {bytesText(used)} sent and received for others
            {cap === null ? '.' : `, ${percentText(usedPercent)} of ${bytesText(cap)}.`}
          </p>
          {cap !== null && <Bar percent={usedPercent} tone={usedPercent >= 90 ? 'warning' : 'accent'} />}
        </section>
      </div>
    </Panel>
  );
};
