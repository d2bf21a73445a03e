import { Button } from '@mantine/core';
import { useState } from 'react';
import type { JobEnd, JobView } from '../../../preload/contract/index.ts';
import { confirm } from '../../components/confirm.tsx';
import { showError } from '../../components/error-note.tsx';
import { saveFile } from '../../components/files.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { withJob } from '../../state/node-store.ts';
import { goTo } from '../../state/route.ts';
import { MoveDialog } from './move-dialog.tsx';

/** Whether a job can go elsewhere: only one that runs, is the owner's, and has files to go with. */
const isMovable = ({ kind, side, state }: JobView): boolean =>
  kind === 'container' && side !== 'lent' && (state === 'running' || state === 'frozen');

/** Ends that say something about the program, and so have a signed result. */
const SIGNED: readonly JobEnd['why'][] = ['exited', 'crashed', 'limit'];

/** What can be done with a job: end it, move it, forget it, keep its signed result. */
export const JobActions = ({ job }: { job: JobView }) => {
  const node = useNodeAccess();
  const [busy, setBusy] = useState<'cancel' | 'remove' | 'result' | null>(null);
  const [moving, setMoving] = useState(false);
  const { id } = job;
  const cancel = async (): Promise<void> => {
    setBusy('cancel');
    const reply = await node.ask('job:cancel', { id });
    setBusy(null);
    if (reply.ok) node.store.setState({ jobs: withJob(node.store.getState().jobs, reply.value) });
    else showError('The job was not cancelled', reply.error);
  };
  const remove = async (): Promise<void> => {
    setBusy('remove');
    const reply = await node.ask('job:remove', { id });
    setBusy(null);
    if (!reply.ok) {
      showError('The job was not removed', reply.error);
      return;
    }
    goTo('jobs');
    node.store.setState({ jobs: (node.store.getState().jobs ?? []).filter((entry) => entry.id !== id) });
  };
  const result = async (): Promise<void> => {
    setBusy('result');
    const reply = await node.ask('job:result', { id });
    setBusy(null);
    if (reply.ok) saveFile(reply.value.fileName, reply.value.bytes);
    else showError('There is no signed result', reply.error);
  };
  if (job.state === 'ended')
    return (
      <>
        {job.end !== null && SIGNED.includes(job.end.why) && (
          <Button variant="default" loading={busy === 'result'} onClick={() => void result()}>
            Save result
          </Button>
        )}
        <Button
          variant="default"
          loading={busy === 'remove'}
          onClick={() =>
            confirm({
              title: 'Remove this job?',
              children: 'The job, its output and the files that it left are forgotten for good.',
              confirmLabel: 'Remove',
              onConfirm: () => void remove(),
            })
          }
        >
          Remove
        </Button>
      </>
    );
  return (
    <>
      {isMovable(job) && (
        <Button variant="default" onClick={() => setMoving(true)}>
          Move …
        </Button>
      )}
      <Button variant="default" className="hm-stop" loading={busy === 'cancel'} onClick={() => void cancel()}>
        Cancel job
      </Button>
      {moving && <MoveDialog job={job} onClose={() => setMoving(false)} />}
    </>
  );
};
