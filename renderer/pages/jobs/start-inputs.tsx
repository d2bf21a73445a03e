import { ActionIcon, Button, Checkbox, Textarea, TextInput } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useRef } from 'react';
import { FileDrop } from '../../components/file-drop.tsx';
import { Progress } from '../../components/progress.tsx';
import { bytesText } from '../../components/quantity.ts';
import { type DraftProblems, isContainer, type JobDraft } from './job-draft.ts';
import { splitArgs } from './job-text.ts';
import type { Upload, Uploads } from './use-uploads.ts';

const NAME_LENGTH_MAX = 128;

const Arguments = ({ draft, problems, onDraft }: Part) => {
  const args = splitArgs(draft.argsText);
  return (
    <div>
      <TextInput
        label="Arguments"
        placeholder="such as --size 100 “two words”"
        value={draft.argsText}
        error={problems.argsText}
        onChange={(event) => onDraft({ argsText: event.currentTarget.value })}
      />
      {args.length > 0 && (
        <p className="hm-args" aria-label={`${args.length} ${args.length === 1 ? 'argument' : 'arguments'}`}>
          {args.map((arg, index) => (
            // Arguments have no identity but their place.
            // oxlint-disable-next-line react/no-array-index-key
            <code key={index}>{arg === '' ? '""' : arg}</code>
          ))}
        </p>
      )}
    </div>
  );
};

const Variables = ({ draft, problems, onDraft }: Part) => {
  const nextKey = useRef(1);
  const change = (key: number, next: Partial<JobDraft['env'][number]>): void =>
    onDraft({ env: draft.env.map((row) => (row.key === key ? { ...row, ...next } : row)) });
  return (
    <fieldset className="hm-job-fields">
      <legend>Environment</legend>
      <p className="hm-small hm-dim">Variables that the program finds. It gets nothing of this machine’s.</p>
      {draft.env.map((row, index) => (
        <div key={row.key} className="hm-job-variable">
          <TextInput
            aria-label={`Name of variable ${index + 1}`}
            placeholder="NAME"
            value={row.name}
            maxLength={NAME_LENGTH_MAX}
            spellCheck={false}
            onChange={(event) => change(row.key, { name: event.currentTarget.value })}
          />
          <TextInput
            aria-label={`Value of variable ${index + 1}`}
            placeholder="value"
            value={row.value}
            spellCheck={false}
            onChange={(event) => change(row.key, { value: event.currentTarget.value })}
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={`Take out variable ${index + 1}`}
            onClick={() => onDraft({ env: draft.env.filter(({ key }) => key !== row.key) })}
          >
            <IconX size={16} aria-hidden />
          </ActionIcon>
        </div>
      ))}
      {problems.env !== undefined && (
        <p className="hm-job-problem" role="alert">
          {problems.env}
        </p>
      )}
      <div>
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconPlus size={14} aria-hidden />}
          onClick={() => {
            onDraft({ env: [...draft.env, { key: nextKey.current, name: '', value: '' }] });
            nextKey.current += 1;
          }}
        >
          Add a variable
        </Button>
      </div>
    </fieldset>
  );
};

const FileRow = ({ row, uploads, executable }: { row: Upload; uploads: Uploads; executable: boolean }) => {
  const under = row.sha256 === null && row.problem === '';
  const done = row.progress?.doneBytes ?? 0;
  return (
    <li className="hm-job-upload">
      <TextInput
        aria-label={`Path of ${row.path} in the work folder`}
        value={row.path}
        maxLength={256}
        spellCheck={false}
        onChange={(event) => uploads.change(row.key, { path: event.currentTarget.value })}
      />
      <span className="hm-small hm-number">
        {under ? `${bytesText(done)} of ${bytesText(row.bytes)}` : row.problem === '' ? bytesText(row.bytes) : ''}
      </span>
      {executable && (
        <Checkbox
          label="executable"
          checked={row.executable}
          onChange={(event) => uploads.change(row.key, { executable: event.currentTarget.checked })}
        />
      )}
      <Button size="compact-sm" variant="subtle" color="gray" onClick={() => uploads.remove(row.key)}>
        {under ? 'Stop' : 'Take out'}
        <span className="hm-sr"> {row.path}</span>
      </Button>
      {under && (
        <div className="hm-job-upload-bar">
          <Progress
            label={`Uploading ${row.path}`}
            percent={row.bytes === 0 ? 100 : (done / row.bytes) * 100}
            text={`${bytesText(done)} of ${bytesText(row.bytes)}`}
          />
        </div>
      )}
      {row.problem !== '' && <p className="hm-job-problem hm-job-upload-bar">{row.problem}</p>}
    </li>
  );
};

interface Part {
  draft: JobDraft;
  problems: DraftProblems;
  onDraft(change: Partial<JobDraft>): void;
}

/** What goes in and what is kept: name, arguments, environment, files. */
export const StartInputs = ({ uploads, ...part }: Part & { uploads: Uploads }) => {
  const { draft, problems, onDraft } = part;
  return (
    <div className="hm-stack">
      <div className="hm-form-row">
        <TextInput
          label="Name"
          value={draft.name}
          maxLength={NAME_LENGTH_MAX}
          placeholder={draft.program === 'image' ? 'As the image' : 'As the file'}
          onChange={(event) => onDraft({ name: event.currentTarget.value })}
        />
        <Arguments {...part} />
      </div>
      <Variables {...part} />
      <fieldset className="hm-job-fields">
        <legend>Files put into its work folder</legend>
        <FileDrop multiple title="Choose files, or drop them here" onFile={(file) => void uploads.add(file)}>
          Each may be given another path, such as data/input.csv
        </FileDrop>
        {uploads.rows.length > 0 && (
          <ul className="hm-job-uploads">
            {uploads.rows.map((row) => (
              <FileRow key={row.key} row={row} uploads={uploads} executable={isContainer(draft)} />
            ))}
          </ul>
        )}
        {problems.files !== undefined && (
          <p className="hm-job-problem" role="alert">
            {problems.files}
          </p>
        )}
      </fieldset>
      <Textarea
        label="Files and folders kept when it ends"
        description="Paths in the work folder, one per line. What is not there then is left out."
        placeholder={'results\nout/summary.csv'}
        autosize
        minRows={2}
        maxRows={8}
        spellCheck={false}
        value={draft.outputsText}
        error={problems.outputsText}
        onChange={(event) => onDraft({ outputsText: event.currentTarget.value })}
      />
    </div>
  );
};
