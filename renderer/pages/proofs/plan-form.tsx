import { NumberInput, Select, Switch } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { ProofPlan } from '../../../preload/contract/index.ts';
import { showDone, showError } from '../../components/error-note.tsx';
import { Panel } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const UNITS = [
  { value: String(MIB), label: 'MiB' },
  { value: String(GIB), label: 'GiB' },
];
/** Limits of the contract, which a test compares. */
export const EVERY_HOURS_MAX = 720;
export const SPACE_BYTES_MIN = MIB;
export const SPACE_BYTES_MAX = 1024 * GIB;

/** Bytes as an amount of the unit that writes them shortest: whole GiB as GiB, all else as MiB. */
export const inUnit = (bytes: number): { amount: number; unit: number } =>
  bytes >= GIB && bytes % (GIB / 4) === 0
    ? { amount: bytes / GIB, unit: GIB }
    : { amount: Number((bytes / MIB).toFixed(2)), unit: MIB };

/** How often proofs are made, and how much space they use. Kept as soon as it is changed. */
export const PlanForm = () => {
  const node = useNodeAccess();
  const plan = useNode((state) => state.proofPlan);
  const [hours, setHours] = useState<number | string>('');
  const [space, setSpace] = useState<{ amount: number | string; unit: number }>({ amount: '', unit: MIB });
  // Nothing tells of a change that was made elsewhere, such as on the command line.
  useEffect(() => {
    void node.ask('proof:getPlan', {}).then((reply) => reply.ok && node.store.setState({ proofPlan: reply.value }));
  }, [node]);
  const everyHours = plan?.everyHours;
  const spaceBytes = plan?.spaceBytes;
  useEffect(() => {
    if (everyHours !== undefined) setHours(everyHours);
  }, [everyHours]);
  useEffect(() => {
    if (spaceBytes !== undefined) setSpace(inUnit(spaceBytes));
  }, [spaceBytes]);
  if (plan === null) return null;

  const set = async (change: Partial<ProofPlan>, done: string): Promise<void> => {
    const reply = await node.ask('proof:setPlan', change);
    if (!reply.ok) {
      setHours(plan.everyHours);
      setSpace(inUnit(plan.spaceBytes));
      showError('The plan was not changed', reply.error);
      return;
    }
    node.store.setState({ proofPlan: reply.value });
    showDone(done);
  };
  const saveHours = (): void => {
    const next = Number(hours);
    if (hours === '' || !Number.isInteger(next) || next < 1 || next > EVERY_HOURS_MAX) setHours(plan.everyHours);
    else if (next !== plan.everyHours)
      void set({ everyHours: next }, `Proofs are made every ${next === 1 ? 'hour' : `${next} hours`}.`);
  };
  const saveSpace = (amount: number | string, unit: number): void => {
    const next = Math.round(Number(amount) * unit);
    if (amount === '' || !Number.isFinite(next) || next < SPACE_BYTES_MIN || next > SPACE_BYTES_MAX)
      setSpace(inUnit(plan.spaceBytes));
    else if (next !== plan.spaceBytes)
      void set({ spaceBytes: next }, `${bytesText(next)} of this disk are set aside for proofs.`);
  };
  return (
    <Panel title="Plan" hint="Proofs are work like any other: they never take more than your limits on Share allow.">
      <div className="hm-plan">
        <Switch
          label="Make proofs by themselves"
          description={
            plan.automatic
              ? 'On a schedule, and when the hardware or a level has changed.'
              : 'Only when you choose “Prove now”.'
          }
          checked={plan.automatic}
          onChange={(event) =>
            void set(
              { automatic: event.currentTarget.checked },
              event.currentTarget.checked ? 'Proofs are made by themselves.' : 'Proofs are made only when you ask.',
            )
          }
        />
        <NumberInput
          label="How often"
          description={`From 1 to ${EVERY_HOURS_MAX} hours, which is 30 days`}
          prefix="every "
          suffix={hours === 1 ? ' hour' : ' hours'}
          value={hours}
          min={1}
          max={EVERY_HOURS_MAX}
          allowDecimal={false}
          clampBehavior="blur"
          disabled={!plan.automatic}
          onChange={setHours}
          onBlur={saveHours}
          onKeyDown={(event) => event.key === 'Enter' && saveHours()}
        />
        <div className="hm-plan-space">
          <NumberInput
            label="Space for proofs"
            description="Part of what you lend of the storage. It is filled once and then read."
            value={space.amount}
            min={0}
            decimalScale={2}
            onChange={(amount) => setSpace({ ...space, amount })}
            onBlur={() => saveSpace(space.amount, space.unit)}
            onKeyDown={(event) => event.key === 'Enter' && saveSpace(space.amount, space.unit)}
          />
          <Select
            aria-label="Unit of the space for proofs"
            className="hm-plan-unit"
            data={UNITS}
            value={String(space.unit)}
            onChange={(unit) => {
              if (unit === null) return;
              const next = Number(unit);
              // The space stays as it is; only how it is written changes.
              setSpace({ amount: Number((plan.spaceBytes / next).toFixed(2)), unit: next });
            }}
          />
        </div>
      </div>
    </Panel>
  );
};
