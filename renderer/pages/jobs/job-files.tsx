import { Button } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import type { JobFile, JobView } from '../../../preload/contract/index.ts';
import { showError } from '../../components/error-note.tsx';
import { saveBlob } from '../../components/files.ts';
import { Panel } from '../../components/layout.tsx';
import { Progress } from '../../components/progress.tsx';
import { bytesText } from '../../components/quantity.ts';
import { ShortHash } from '../../components/short-hash.tsx';
import { type ContentProgress, readContent } from '../../state/content.ts';
import { useNodeAccess } from '../../state/node-context.tsx';

/** Rows at first; a job may leave many thousand files. */
const ROWS_SHOWN = 20;

const FileRow = ({ file }: { file: JobFile }) => {
  const node = useNodeAccess();
  const [state, setState] = useState<ContentProgress | null>(null);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const save = async (): Promise<void> => {
    const controller = new AbortController();
    abort.current = controller;
    setState({ doneBytes: 0, totalBytes: file.bytes });
    const reply = await readContent(node, file.sha256, { signal: controller.signal, progress: setState });
    setState(null);
    if (reply.ok) saveBlob(file.path.split('/').at(-1) ?? file.path, reply.value);
    else if (!controller.signal.aborted) showError(`${file.path} was not saved`, reply.error);
  };
  return (
    <tr>
      <th scope="row" className="hm-job-file-path">
        {file.path}
        {state !== null && (
          <Progress
            label={`Reading ${file.path}`}
            percent={state.totalBytes === 0 ? 100 : (state.doneBytes / state.totalBytes) * 100}
            text={`${bytesText(state.doneBytes)} of ${bytesText(state.totalBytes)}`}
          />
        )}
      </th>
      <td className="hm-right hm-number">{bytesText(file.bytes)}</td>
      <td>
        <ShortHash value={file.sha256} what={`the SHA-256 of ${file.path}`} />
      </td>
      <td className="hm-right">
        {state === null ? (
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconDownload size={14} aria-hidden />}
            onClick={() => void save()}
          >
            Save<span className="hm-sr"> {file.path}</span>
          </Button>
        ) : (
          <Button size="compact-sm" variant="subtle" color="gray" onClick={() => abort.current?.abort()}>
            Stop<span className="hm-sr"> reading {file.path}</span>
          </Button>
        )}
      </td>
    </tr>
  );
};

/** Files that a job left, each to be saved. */
export const JobFiles = ({ job }: { job: JobView }) => {
  const [all, setAll] = useState(false);
  if (job.outputs.length === 0) return null;
  const shown = all ? job.outputs : job.outputs.slice(0, ROWS_SHOWN);
  const bytes = job.outputs.reduce((sum, file) => sum + file.bytes, 0);
  return (
    <Panel
      title="Files it left"
      hint={`${job.outputs.length} ${job.outputs.length === 1 ? 'file' : 'files'}, ${bytesText(bytes)}. Kept until the job is removed or the room is needed.`}
    >
      <div className="hm-scroll-x">
        <table className="hm-table hm-job-files">
          <thead>
            <tr>
              <th scope="col">File</th>
              <th scope="col" className="hm-right">
                Size
              </th>
              <th scope="col">SHA-256</th>
              <th scope="col">
                <span className="hm-sr">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((file) => (
              <FileRow key={file.path} file={file} />
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < job.outputs.length && (
        <Button variant="subtle" size="compact-sm" onClick={() => setAll(true)}>
          Show all {job.outputs.length}
        </Button>
      )}
    </Panel>
  );
};
