import { Button, NumberInput, Select, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { CallError } from '../../../preload/contract/index.ts';
import { ErrorNote, Note } from '../../components/error-note.tsx';
import { FileDrop } from '../../components/file-drop.tsx';
import { LevelSlider } from '../../components/level-slider.tsx';
import { PageHeader, Panel } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { withJob } from '../../state/node-store.ts';
import { goTo, hrefOf } from '../../state/route.ts';
import { splitArgs } from './job-text.ts';
import { type ModuleFile, readModuleFile } from './module-file.ts';

const MIB = 1024 * 1024;
const MEMORY_MIB_MAX = 4095;
const ARGS_MAX = 256;
const NAME_LENGTH_MAX = 128;
const TIMES = [
  { value: '60000', label: '1 minute' },
  { value: '600000', label: '10 minutes' },
  { value: '3600000', label: '1 hour' },
  { value: '21600000', label: '6 hours' },
  { value: '86400000', label: '1 day' },
  { value: '604800000', label: '7 days' },
];

/** Form for a new job: file, arguments, and what it is promised. */
export const StartJob = () => {
  const node = useNodeAccess();
  const cpuLevel = useNode((state) => state.levels?.find((level) => level.resource === 'cpu'));
  const [file, setFile] = useState<ModuleFile | null>(null);
  const [name, setName] = useState('');
  const [argsText, setArgsText] = useState('');
  const [cpuPercent, setCpuPercent] = useState(50);
  const [memoryMib, setMemoryMib] = useState<number | string>(128);
  const [timeMsMax, setTimeMsMax] = useState('3600000');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  const args = splitArgs(argsText);

  const take = async (chosen: File): Promise<void> => {
    const read = await readModuleFile(chosen);
    setError(read.ok ? null : read.error);
    setFile(read.ok ? read.value : null);
    if (read.ok) setName(read.value.name.replace(/\.(wasm|m?js|cjs)$/i, '').slice(0, NAME_LENGTH_MAX));
  };
  const start = async (): Promise<void> => {
    if (file === null) {
      setError({
        name: 'Form',
        code: 'FILE_MISSING',
        message: 'No program is chosen; pick a .wasm or .js file first.',
      });
      return;
    }
    if (args.length > ARGS_MAX) {
      setError({
        name: 'Form',
        code: 'TOO_MANY_ARGUMENTS',
        message: `There are ${args.length} arguments; give at most ${ARGS_MAX}.`,
      });
      return;
    }
    setBusy(true);
    const reply = await node.ask('job:start', {
      name: name.trim() || file.name,
      kind: file.kind,
      module: file.base64,
      args,
      cpuPercent,
      memoryBytes: Number(memoryMib) * MIB,
      timeMsMax: Number(timeMsMax),
    });
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (!reply.ok) return;
    node.store.setState({ jobs: withJob(node.store.getState().jobs, reply.value) });
    goTo('jobs', reply.value.id);
  };

  return (
    <>
      <PageHeader
        title="Start a job"
        actions={
          <Button component="a" href={hrefOf('jobs')} variant="default">
            Back to jobs
          </Button>
        }
      >
        It gets no file system but a scratch folder in memory, no network, and nothing of your environment.
      </PageHeader>
      <Panel>
        <form
          className="hm-stack"
          onSubmit={(event) => {
            event.preventDefault();
            void start();
          }}
        >
          <FileDrop
            accept=".wasm,.js,.mjs,.cjs,application/wasm,text/javascript"
            title={file === null ? 'Choose a program, or drop it here' : file.name}
            onFile={(chosen) => void take(chosen)}
          >
            {file === null
              ? '.wasm (WASI) or .js, at most 32 MiB'
              : `${file.kind === 'wasm' ? 'WebAssembly' : 'JavaScript'}, ${bytesText(file.sizeBytes)}. Choose another to replace it.`}
          </FileDrop>
          <div className="hm-form-row">
            <TextInput
              label="Name"
              value={name}
              maxLength={NAME_LENGTH_MAX}
              placeholder="As the file"
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <div>
              <TextInput
                label="Arguments"
                placeholder="such as --size 100 “two words”"
                value={argsText}
                onChange={(event) => setArgsText(event.currentTarget.value)}
              />
              {args.length > 0 && (
                <p className="hm-args" aria-label={`${args.length} ${args.length === 1 ? 'argument' : 'arguments'}`}>
                  {args.map((arg, index) => (
                    // Arguments have no identity but their place.
                    <code key={index}>{arg === '' ? '""' : arg}</code>
                  ))}
                </p>
              )}
            </div>
          </div>
          <LevelSlider
            label="Processor"
            value={cpuPercent}
            min={1}
            onCommit={(percent) => setCpuPercent(Math.max(1, percent))}
            meaning={() => 'of one core'}
          />
          <div className="hm-form-row">
            <NumberInput
              label="Memory"
              suffix=" MiB"
              value={memoryMib}
              min={1}
              max={MEMORY_MIB_MAX}
              allowDecimal={false}
              clampBehavior="blur"
              onChange={setMemoryMib}
            />
            <Select
              label="Longest run"
              description="Without time in which your limits hold it still"
              data={TIMES}
              value={timeMsMax}
              onChange={(value) => value !== null && setTimeMsMax(value)}
            />
          </div>
          {cpuLevel?.percent === 0 && (
            <Note tone="warning">
              <p>Nothing of the CPU is lent at the moment: {cpuLevel.reason}</p>
            </Note>
          )}
          {error !== null && <ErrorNote error={error} />}
          <div className="hm-row">
            <Button type="submit" loading={busy}>
              Start
            </Button>
          </div>
        </form>
      </Panel>
    </>
  );
};
