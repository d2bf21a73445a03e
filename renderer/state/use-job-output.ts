import { useEffect, useState } from 'react';
import { createOutputBuffer, type OutputLine } from './job-output.ts';
import { useNodeAccess } from './node-context.tsx';

export interface JobOutputView {
  lines: readonly OutputLine[];
  dropped: number;
  /** False until what was written so far has been read. */
  loaded: boolean;
}

/** How often the page draws new output; a program may write thousands of times a second. */
const DRAW_MS = 200;
/** Reads of output per look: 16 MiB, the most a job may write, come in far fewer. */
const READS_MAX = 256;

/** A job's output, followed live. */
export const useJobOutput = (id: string): JobOutputView => {
  const node = useNodeAccess();
  const [view, setView] = useState<JobOutputView>({ lines: [], dropped: 0, loaded: false });
  useEffect(() => {
    const buffer = createOutputBuffer();
    let ended = false;
    let loaded = false;
    let reading: Promise<void> | null = null;
    let drawTimer: ReturnType<typeof setTimeout> | undefined;
    const draw = (): void => {
      drawTimer ??= setTimeout(() => {
        drawTimer = undefined;
        if (!ended) setView({ lines: buffer.lines(), dropped: buffer.dropped, loaded });
      }, DRAW_MS);
    };
    const read = async (): Promise<void> => {
      for (let reads = 0; reads < READS_MAX && !ended; reads += 1) {
        const reply = await node.ask('job:output', { id, offset: buffer.nextOffset });
        if (!reply.ok || reply.value.chunks.length === 0) break;
        for (const chunk of reply.value.chunks) buffer.add(chunk);
        draw();
      }
      loaded = true;
      draw();
    };
    /** Reads what is missing; one read at a time. */
    const catchUp = (): void => {
      reading ??= read().finally(() => {
        reading = null;
      });
    };
    const unwatch = node.watch('jobOutput', (chunk) => {
      if (chunk.id !== id) return;
      if (reading !== null || !buffer.add(chunk)) catchUp();
      else draw();
    });
    catchUp();
    // Chunks that came while the first reading was under way are read by this second look.
    const again = node.store.subscribe((state, before) => {
      const job = state.jobs?.find((entry) => entry.id === id);
      const old = before.jobs?.find((entry) => entry.id === id);
      if (job !== undefined && job.measured.outputBytes > buffer.nextOffset && job !== old) catchUp();
    });
    return () => {
      ended = true;
      clearTimeout(drawTimer);
      unwatch();
      again();
    };
  }, [node, id]);
  return view;
};
