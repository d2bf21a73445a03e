import { NumberInput, Radio, SegmentedControl, Select, Switch, TextInput } from '@mantine/core';
import { LevelSlider } from '../../components/level-slider.tsx';
import {
  CONTAINER_MEMORY_MIB_MAX,
  CONTAINER_SCRATCH_MIB_MAX,
  cpuPercentOf,
  type DraftProblems,
  isContainer,
  type JobDraft,
  OUTPUT_MIB_MAX,
  PIDS_MAX,
  RESTARTS_MAX,
  SANDBOX_MEMORY_MIB_MAX,
  SANDBOX_SCRATCH_MIB_MAX,
} from './job-draft.ts';

const TIMES = [
  { value: '60000', label: '1 minute' },
  { value: '600000', label: '10 minutes' },
  { value: '3600000', label: '1 hour' },
  { value: '21600000', label: '6 hours' },
  { value: '86400000', label: '1 day' },
  { value: '604800000', label: '7 days' },
];

interface Part {
  draft: JobDraft;
  problems: DraftProblems;
  onDraft(change: Partial<JobDraft>): void;
}

/** What only a container can have: network, ports, a graphics card, a health check. */
const ContainerLimits = ({ draft, problems, onDraft }: Part) => (
  <>
    <Radio.Group label="Network" value={draft.network} onChange={(network) => onDraft({ network })}>
      <div className="hm-stack-tight hm-job-choice">
        <Radio value="none" label="None" description="It reaches nothing but itself." />
        <Radio
          value="exit"
          label="Out through the exit"
          description="A proxy inside leads out through the exit of the node that it runs on, with that node’s rules: never into a home network."
        />
      </div>
    </Radio.Group>
    <div className="hm-form-row">
      <TextInput
        label="Ports"
        placeholder="such as 8080, 9000"
        description="On which it listens; reached through this node alone."
        value={draft.portsText}
        error={problems.portsText}
        onChange={(event) => onDraft({ portsText: event.currentTarget.value })}
      />
      <NumberInput
        label="Processes"
        description="At most so many at once, threads counted."
        value={draft.pidsMax}
        min={1}
        max={PIDS_MAX}
        allowDecimal={false}
        error={problems.pidsMax}
        onChange={(pidsMax) => onDraft({ pidsMax })}
      />
    </div>
    <Switch
      label="With a graphics card"
      description="Only where one is lent or yours; otherwise it is refused."
      checked={draft.gpu}
      onChange={(event) => onDraft({ gpu: event.currentTarget.checked })}
    />
    <Switch
      label="Health check"
      description="A command inside that ends with 0 while all is well. Three failures in a row count as a failure of the job."
      checked={draft.health}
      onChange={(event) => onDraft({ health: event.currentTarget.checked })}
    />
    {draft.health && (
      <div className="hm-form-row">
        <TextInput
          label="Command of the check"
          placeholder="such as /work/check.sh"
          value={draft.healthCommand}
          error={problems.healthCommand}
          onChange={(event) => onDraft({ healthCommand: event.currentTarget.value })}
        />
        <NumberInput
          label="Asked every"
          suffix=" s"
          min={1}
          max={3600}
          allowDecimal={false}
          value={draft.healthIntervalS}
          error={problems.healthIntervalS}
          onChange={(healthIntervalS) => onDraft({ healthIntervalS })}
        />
        <NumberInput
          label="Has to answer within"
          suffix=" s"
          min={1}
          max={60}
          allowDecimal={false}
          value={draft.healthTimeoutS}
          error={problems.healthTimeoutS}
          onChange={(healthTimeoutS) => onDraft({ healthTimeoutS })}
        />
      </div>
    )}
  </>
);

/** What it is given at most, and what becomes of it when it fails. */
export const StartLimits = ({ threads, ...part }: Part & { threads: number }) => {
  const { draft, problems, onDraft } = part;
  const container = isContainer(draft);
  return (
    <div className="hm-stack">
      <LevelSlider
        label="Processor"
        value={draft.cpuLevel}
        min={1}
        onCommit={(percent) => onDraft({ cpuLevel: Math.max(1, percent) })}
        meaning={(percent) =>
          container
            ? `${Number((cpuPercentOf({ ...draft, cpuLevel: percent }, threads) / 100).toFixed(2))} of ${threads} cores`
            : 'of one core'
        }
      />
      <div className="hm-form-row">
        <NumberInput
          label="Memory"
          description={container ? 'Of the container, all its processes together.' : 'Of the program; more ends it.'}
          suffix=" MiB"
          value={draft.memoryMib}
          min={container ? 8 : 1}
          max={container ? CONTAINER_MEMORY_MIB_MAX : SANDBOX_MEMORY_MIB_MAX}
          allowDecimal={false}
          error={problems.memoryMib}
          onChange={(memoryMib) => onDraft({ memoryMib })}
        />
        <Select
          label="Longest run"
          description="Without the time in which it waits or stands still."
          data={TIMES}
          value={draft.timeMsMax}
          onChange={(value) => value !== null && onDraft({ timeMsMax: value })}
        />
        <NumberInput
          label="Work folder"
          description="Room for its files, in memory."
          suffix=" MiB"
          value={draft.scratchMib}
          min={0}
          max={container ? CONTAINER_SCRATCH_MIB_MAX : SANDBOX_SCRATCH_MIB_MAX}
          allowDecimal={false}
          error={problems.scratchMib}
          onChange={(scratchMib) => onDraft({ scratchMib })}
        />
      </div>
      {container && <ContainerLimits {...part} />}
      <div className="hm-form-row">
        <NumberInput
          label="Output"
          description="What it may write to its two outputs."
          suffix=" MiB"
          value={draft.outputMib}
          min={1}
          max={OUTPUT_MIB_MAX}
          allowDecimal={false}
          error={problems.outputMib}
          onChange={(outputMib) => onDraft({ outputMib })}
        />
        <NumberInput
          label="Restarts"
          description="So often it starts again by itself when it fails."
          value={draft.restarts}
          min={0}
          max={RESTARTS_MAX}
          allowDecimal={false}
          error={problems.restarts}
          onChange={(restarts) => onDraft({ restarts })}
        />
        <div className="hm-job-priority">
          <span className="hm-level-label" id="hm-job-priority">
            Priority
          </span>
          <SegmentedControl
            aria-labelledby="hm-job-priority"
            value={draft.priority}
            onChange={(priority) => onDraft({ priority })}
            data={[
              { value: 'low', label: 'Low' },
              { value: 'normal', label: 'Normal' },
              { value: 'high', label: 'High' },
            ]}
          />
        </div>
      </div>
    </div>
  );
};
