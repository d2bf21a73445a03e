import { SegmentedControl, TextInput } from '@mantine/core';
import type { LanguageView } from '../../../preload/contract/index.ts';
import { FileDrop } from '../../components/file-drop.tsx';
import { Tag } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { sentence } from '../../components/unknown.tsx';
import type { DraftProblems, JobDraft } from './job-draft.ts';
import { kindName } from './job-text.ts';
import type { Upload } from './use-uploads.ts';

const IMAGE_LENGTH_MAX = 512;

/** Which languages run here, in what, and why one does not. */
const Languages = ({ languages }: { languages: readonly LanguageView[] }) => (
  <details className="hm-job-languages">
    <summary>What runs here</summary>
    <ul>
      {languages.map((entry) => (
        <li key={entry.language}>
          <Tag tone={entry.ready ? 'accent' : 'neutral'}>{entry.ready ? 'ready' : 'not ready'}</Tag>{' '}
          <strong>{entry.language}</strong>{' '}
          <span className="hm-dim">
            {entry.extensions.join(', ')}
            {entry.image === '' ? ', without a container' : `, in ${entry.image}`}
            {entry.sentence !== '' && `. ${sentence(entry.sentence)}`}
          </span>
        </li>
      ))}
    </ul>
  </details>
);

/** What runs: a file in a sandbox or in the image of its language, or an image. */
export const StartProgram = ({
  draft,
  script,
  problems,
  languages,
  onDraft,
  onFile,
}: {
  draft: JobDraft;
  /** The uploaded file, where the program is a script that runs in an image. */
  script: Upload | undefined;
  problems: DraftProblems;
  languages: readonly LanguageView[];
  onDraft(change: Partial<JobDraft>): void;
  onFile(file: File): void;
}) => {
  const extensions = languages.flatMap((entry) => entry.extensions);
  const { file } = draft;
  const title = file?.name ?? script?.path ?? 'Choose a program, or drop it here';
  const about =
    file !== null
      ? `${kindName(file.kind)}, ${bytesText(file.sizeBytes)}. Choose another to replace it.`
      : draft.script !== null
        ? `${draft.script.language.language}, in ${draft.script.language.image}. Choose another to replace it.`
        : '.wasm (WASI), .js or .py, at most 32 MiB; or a script of a language below';
  const language = draft.script?.language;
  return (
    <div className="hm-stack">
      <SegmentedControl
        aria-label="What runs"
        value={draft.program}
        onChange={(program) => onDraft({ program })}
        data={[
          { value: 'file', label: 'A program or script' },
          { value: 'image', label: 'A container image' },
        ]}
        className="hm-job-program"
      />
      {draft.program === 'file' ? (
        <>
          <FileDrop
            accept={['.wasm', '.js', '.mjs', '.cjs', '.py', ...extensions].join(',')}
            title={title}
            onFile={onFile}
          >
            {about}
          </FileDrop>
          {problems.program !== undefined && (
            <p className="hm-job-problem" role="alert">
              {problems.program}
            </p>
          )}
          {language?.ready === false && (
            <p className="hm-job-problem">
              {sentence(language.sentence === '' ? 'It is not ready' : language.sentence)}
            </p>
          )}
        </>
      ) : (
        <div className="hm-form-row">
          <TextInput
            label="Image"
            placeholder="such as python:3.13-slim"
            description="One that the engine has, or that its registry gives. Containers, Images lists them."
            value={draft.image}
            maxLength={IMAGE_LENGTH_MAX}
            error={problems.image}
            onChange={(event) => onDraft({ image: event.currentTarget.value })}
          />
          <TextInput
            label="Command"
            placeholder="the image’s own"
            description="In place of what the image starts by itself; arguments follow it."
            value={draft.entrypoint}
            onChange={(event) => onDraft({ entrypoint: event.currentTarget.value })}
          />
        </div>
      )}
      {languages.length > 0 && draft.program === 'file' && <Languages languages={languages} />}
    </div>
  );
};
