import { Button } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import type { CallError, JobView, LanguageView, Reply } from '../../../preload/contract/index.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { PageHeader, Panel } from '../../components/layout.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { withJob } from '../../state/node-store.ts';
import { goTo, hrefOf } from '../../state/route.ts';
import { emptyDraft, isContainer, type JobDraft, problemsOf, sendOf, specOf } from './job-draft.ts';
import { readModuleFile } from './module-file.ts';
import { StartInputs } from './start-inputs.tsx';
import { StartLimits } from './start-limits.tsx';
import { StartPreview } from './start-preview.tsx';
import { StartProgram } from './start-program.tsx';
import { StartWhere } from './start-where.tsx';
import { useUploads } from './use-uploads.ts';

const NAME_LENGTH_MAX = 128;
/** A container takes more to start than a sandbox; as the contract has it. */
const CONTAINER_MEMORY_MIB = 256;
const CONTAINER_SCRATCH_MIB = 64;

const useLanguages = (): readonly LanguageView[] => {
  const node = useNodeAccess();
  const [languages, setLanguages] = useState<readonly LanguageView[]>([]);
  useEffect(() => {
    let stale = false;
    void node.ask('languages:list', {}).then((reply) => {
      if (!stale && reply.ok) setLanguages(reply.value.languages);
    });
    return () => {
      stale = true;
    };
  }, [node]);
  return languages;
};

const endsWithAny = (name: string, extensions: readonly string[]): boolean =>
  extensions.some((extension) => name.toLowerCase().endsWith(extension.toLowerCase()));

/** Form for a new job: what runs, what goes in, what it is promised, where. */
export const StartJob = () => {
  const node = useNodeAccess();
  const threads = useNode((state) => state.inventory?.cpu.threads ?? 1);
  const languages = useLanguages();
  const uploads = useUploads();
  const [draft, setDraft] = useState<JobDraft>(emptyDraft);
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  const form = useRef<HTMLFormElement>(null);
  const all = problemsOf(draft, uploads.rows);
  // Nobody wants to be told of ten mistakes in a form that was just opened.
  const problems = tried ? all : {};
  const change = (next: Partial<JobDraft>): void =>
    setDraft((before) => {
      const after = { ...before, ...next };
      if (isContainer(after) === isContainer(before)) return after;
      // What was not touched follows.
      const container = isContainer(after);
      const memory = [emptyDraft.memoryMib, CONTAINER_MEMORY_MIB] as const;
      // A whole core, in percent of all that this machine has.
      const cpu = [emptyDraft.cpuLevel, Math.max(1, Math.round(100 / threads))] as const;
      const scratch = [emptyDraft.scratchMib, CONTAINER_SCRATCH_MIB] as const;
      if (before.memoryMib === memory[container ? 0 : 1]) after.memoryMib = memory[container ? 1 : 0];
      if (before.cpuLevel === cpu[container ? 0 : 1]) after.cpuLevel = cpu[container ? 1 : 0];
      if (before.scratchMib === scratch[container ? 0 : 1]) after.scratchMib = scratch[container ? 1 : 0];
      return after;
    });

  const takeProgram = async (chosen: File): Promise<void> => {
    if (draft.script !== null) uploads.remove(draft.script.key);
    setError(null);
    const name = chosen.name.replace(/\.[a-z0-9]{1,5}$/i, '').slice(0, NAME_LENGTH_MAX);
    const known = languages.filter((entry) => endsWithAny(chosen.name, entry.extensions));
    // A sandbox starts at once and needs no engine: an image is for what no sandbox runs.
    const language = known.some(({ image }) => image === '') ? undefined : known[0];
    if (language !== undefined) {
      const key = uploads.add(chosen);
      change({ file: null, script: { key, language }, name });
      return;
    }
    const read = await readModuleFile(chosen);
    setError(read.ok ? null : read.error);
    change({ file: read.ok ? read.value : null, script: null, ...(read.ok && { name }) });
  };
  const send = async (): Promise<Reply<readonly JobView[]>> => {
    const spec = specOf(draft, uploads.rows, threads);
    if (draft.where === 'here') {
      const reply = await node.ask('job:start', spec);
      return reply.ok ? { ok: true, value: [reply.value] } : reply;
    }
    const reply = await node.ask('job:send', { spec, ...sendOf(draft) });
    return reply.ok ? { ok: true, value: reply.value.jobs } : reply;
  };
  const start = async (): Promise<void> => {
    setTried(true);
    if (Object.keys(all).length > 0) {
      setError(null);
      // After the problems are drawn: to the first field that has one.
      setTimeout(() => {
        const field = form.current?.querySelector<HTMLElement>('[aria-invalid="true"], [role="alert"]');
        field?.scrollIntoView({ block: 'center' });
        if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) field.focus();
      });
      return;
    }
    setBusy(true);
    const reply = await send();
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (!reply.ok) return;
    let { jobs } = node.store.getState();
    for (const job of reply.value) jobs = withJob(jobs, job);
    node.store.setState({ jobs });
    const [first] = reply.value;
    if (first === undefined || reply.value.length > 1) goTo('jobs', 'elsewhere');
    else goTo('jobs', first.id);
  };
  const part = { draft, problems, onDraft: change };
  const count = Object.keys(problems).length;
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
        It gets the files that you give it, a work folder in memory, and nothing else of this machine.
      </PageHeader>
      <form
        ref={form}
        className="hm-stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void start();
        }}
      >
        <Panel title="Program">
          <StartProgram
            {...part}
            script={uploads.rows.find(({ key }) => key === draft.script?.key)}
            languages={languages}
            onFile={(file) => void takeProgram(file)}
          />
        </Panel>
        <Panel title="Where">
          <StartWhere {...part} />
        </Panel>
        <Panel title="What goes in, what is kept">
          <StartInputs {...part} uploads={uploads} />
        </Panel>
        <Panel title="What it may take">
          <StartLimits {...part} threads={threads} />
        </Panel>
        <Panel title="What it will be given">
          <div className="hm-stack">
            <StartPreview draft={draft} threads={threads} />
            {count > 0 && (
              <p className="hm-job-problem" role="alert">
                {count === 1 ? 'One thing has' : `${count} things have`} to be put right above.
              </p>
            )}
            {error !== null && <ErrorNote error={error} />}
            <div className="hm-row">
              <Button type="submit" loading={busy}>
                {draft.where === 'here' ? 'Start' : 'Send'}
              </Button>
            </div>
          </div>
        </Panel>
      </form>
    </>
  );
};
