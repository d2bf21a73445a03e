import { describe, expect, it } from 'vitest';
import { createStyle } from '../../../../main/api/cli/table.ts';
import { views } from '../../../../main/api/cli/views.ts';
import { defaultShare } from '../../../../main/kernel/assets/limits/index.ts';
import type { JobView } from '../../../../preload/contract/index.ts';
import { sampleJob } from '../../../support/fake-jobs.ts';

const style = createStyle({ colour: false, columns: 200, nowMs: 5000 });

/** A job whose node went down while it ran: nothing was measured. */
const lost: JobView = sampleJob({
  state: 'ended',
  createdAtMs: 1000,
  startedAtMs: 2000,
  endedAtMs: 3000,
  end: { why: 'lost', message: 'The node went down while the job ran; start it again.' },
  promised: {
    cpuPercent: 10,
    memoryBytes: 1024 ** 2,
    outputBytesMax: 1024,
    scratchBytesMax: 1024,
    timeMsMax: 1000,
    pidsMax: null,
  },
  effectiveCpuPercent: 0,
  measured: {
    cpuMs: null,
    cpuPercentMean: null,
    cpuPercentNow: null,
    throttledPercentNow: null,
    memoryBytesNow: null,
    memoryBytesPeak: null,
    pids: null,
    readBytes: null,
    writtenBytes: null,
    sentBytes: 0,
    receivedBytes: 0,
    outputBytes: 0,
    startMs: null,
  },
  governor: 'none',
});

describe('a job', () => {
  it('that is over has no present share, and what was not measured is said once', () => {
    const shown = views['job:get'](lost, style);
    expect(shown).toMatch(/^Processor +promised 10 % of a core, not measured$/m);
    expect(shown).toMatch(/^Started +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/m);
  });

  it('that runs shows what it may take and who holds it there', () => {
    const running = {
      ...lost,
      state: 'running',
      endedAtMs: null,
      end: null,
      effectiveCpuPercent: 5,
      governor: 'cgroup',
    };
    expect(
      views['job:get']({ ...running, measured: { ...lost.measured, cpuPercentMean: 4 } } as JobView, style),
    ).toMatch(/^Processor +promised 10 % of a core, may take 5.*, measured 4 % \(now not measured\), held by cgroup$/m);
  });
});

describe('a share', () => {
  it('says which of its limits nothing enforces yet', () => {
    expect(views['share:set'](defaultShare('storage'), style)).toMatch(/in force only once this program can lend it/);
    expect(views['share:set'](defaultShare('memory'), style)).not.toContain('in force');
  });
});
