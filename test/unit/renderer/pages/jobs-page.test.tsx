import { act, fireEvent, screen, within } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { jobCalls } from '../../../../preload/contract/index.ts';
import * as files from '../../../../renderer/components/files.ts';
import { JobsPage } from '../../../../renderer/pages/jobs/jobs-page.tsx';
import { sampleContainerJob, sampleJob, sampleQueue } from '../../../support/fake-jobs.ts';
import { sampleLease } from '../../../support/fake-lending.ts';
import { show } from '../show.tsx';
import { violations } from '../violations.ts';

const press = (element: HTMLElement) => act(async () => fireEvent.click(element));
const type = (label: string | RegExp, value: string) =>
  act(async () => fireEvent.change(screen.getByLabelText(label), { target: { value } }));
const region = (name: string) => within(screen.getByRole('region', { name }));
const dialog = async () => within(await screen.findByRole('dialog'));
const page = (part: string | null) => (
  <main>
    <JobsPage part={part} />
  </main>
);
const MIB = 1024 ** 2;

afterEach(() => vi.restoreAllMocks());

describe('the list of jobs', () => {
  const waiting = sampleJob({
    id: 'job-000000000000000c',
    name: 'Patient',
    state: 'queued',
    queuePosition: 2,
    stateReason: 'It waits for a core.',
    estimate: { ms: 183_000, highMs: 200_000, memoryBytes: MIB, samples: 12 },
    startedAtMs: null,
  });
  const lent = sampleJob({ id: 'job-000000000000000d', name: 'Guest', side: 'lent', peerName: 'attic' });
  const sent = sampleContainerJob({
    id: 'job-000000000000000e',
    name: 'Away',
    side: 'sent',
    peerName: 'studio',
    lease: sampleLease().id,
  });

  it('tells whose each job is, where it runs, what it was promised, takes, waits for and costs', async () => {
    await show(page(null), (fake) => {
      fake.state.jobs = [sampleJob(), waiting, lent, sent];
      fake.state.lending.leases = [sampleLease({ side: 'borrowed', owedMicro: '250000' })];
    });
    const running = region('Running');
    expect(running.getByText('here, for attic')).toBeTruthy();
    expect(running.getByText('on studio')).toBeTruthy();
    expect(running.getByText('high priority, 0.25 CAES')).toBeTruthy();
    expect(running.getAllByText(/, promised 50\s%/)).toHaveLength(2);
    expect(running.getByText(/of 2.5 cores/)).toBeTruthy();
    expect(region('Waiting').getByText('Number 2 in line. It waits for a core. Usually about 3 min.')).toBeTruthy();
    expect(await violations()).toEqual([]);
  });
  it('shows one side, and says what would be there where nothing is', async () => {
    const { fake } = await show(page('others'), (node) => {
      node.state.jobs = [sampleJob(), lent];
    });
    expect(screen.getByRole('tab', { name: 'For others 1' }).getAttribute('aria-selected')).toBe('true');
    expect(screen.getByRole('link', { name: 'Guest' })).toBeTruthy();
    expect(screen.queryByRole('link', { name: 'Primes (sample)' })).toBeNull();
    await act(async () => fake.push('job', { ...lent, name: 'Guest', state: 'frozen' }));
    expect(screen.getByText('Standing still')).toBeTruthy();
    await press(screen.getByRole('tab', { name: 'Mine elsewhere 0' }));
    expect(window.location.hash).toBe('#/jobs/elsewhere');
  });
  it('draws fifty rows of two hundred at first', async () => {
    await show(page(null), (fake) => {
      fake.state.jobs = Array.from({ length: 200 }, (_, index) =>
        sampleJob({ id: `job-${String(index).padStart(16, '0')}`, name: `Job ${index}` }),
      );
    });
    expect(region('Running').getAllByRole('listitem')).toHaveLength(50);
    await press(region('Running').getByRole('button', { name: 'Show 50 more' }));
    expect(region('Running').getAllByRole('listitem')).toHaveLength(100);
  });
});

describe('the queue', () => {
  it('shows who had how much, changes the aim, and finishes only after asking', async () => {
    const { fake } = await show(page(null), (node) => {
      node.state.queue = sampleQueue();
    });
    const queue = region('Queue');
    expect(queue.getByText('3 running, 2 of at most 1000 waiting for room.')).toBeTruthy();
    expect(queue.getByRole('row', { name: /attic 62 %, fair would be 50 % 2 1/ })).toBeTruthy();
    expect(queue.getByText(/99 of 100 within 84 µs/)).toBeTruthy();
    await press(queue.getByRole('radio', { name: 'Throughput' }));
    expect(fake.made.at(-1)).toEqual({ name: 'queue:set', request: { aim: 'throughput' } });
    await press(queue.getByRole('button', { name: 'Finish …' }));
    expect(fake.state.queue.mode).toBe('open');
    await press((await dialog()).getByRole('button', { name: 'Finish' }));
    expect(fake.state.queue.mode).toBe('finish');
    expect(queue.getByText(/5 jobs are still to end/)).toBeTruthy();
    await press(queue.getByRole('button', { name: 'Take new work again' }));
    expect(fake.state.queue.mode).toBe('open');
    await press(queue.getByRole('button', { name: 'Send away …' }));
    expect(fake.made.map(({ name }) => name)).not.toContain('queue:drain');
    await press((await dialog()).getByRole('button', { name: 'Send away' }));
    expect(fake.made.at(-1)).toEqual({ name: 'queue:drain', request: {} });
    await act(async () => fake.push('queue', sampleQueue({ queued: 7 })));
    expect(queue.getByText('3 running, 7 of at most 1000 waiting for room.')).toBeTruthy();
    expect(await violations()).toEqual([]);
  });
});

describe('a signed result', () => {
  const drop = async (bytes: BlobPart[]) => {
    const input = document.querySelector<HTMLInputElement>('input[type=file]');
    await act(async () => {
      fireEvent.change(input as HTMLInputElement, { target: { files: [new File(bytes, 'a.hmresult')] } });
    });
  };
  it('is saved from an ended job', async () => {
    const save = vi.spyOn(files, 'saveFile').mockReturnValue();
    const ended = sampleJob({ state: 'ended', end: { why: 'exited', exitCode: 0 }, endedAtMs: Date.now() });
    await show(page(ended.id), (fake) => {
      fake.state.jobs = [ended];
    });
    await press(screen.getByRole('button', { name: 'Save result' }));
    expect(save).toHaveBeenCalledWith(`${ended.id}.hmresult`, btoa('signed'));
  });
  it('is checked, and says what does not hold', async () => {
    const { fake } = await show(page(null));
    await drop(['signed']);
    expect(await screen.findByText('It was signed by the node that it names.')).toBeTruthy();
    expect(fake.made.at(-1)).toEqual({ name: 'job:verifyResult', request: { file: btoa('signed') } });
    fake.state.resultVerdict = {
      passed: false,
      findings: [{ check: 'signature', passed: false, sentence: 'the signature is of other bytes' }],
      result: null,
    };
    await drop(['altered']);
    expect(await screen.findByText('does not hold')).toBeTruthy();
    expect(screen.getByText('The signature is of other bytes.')).toBeTruthy();
    expect(await violations()).toEqual([]);
  });
});

describe('one job', () => {
  const job = sampleContainerJob({
    moves: [{ atMs: Date.UTC(2026, 0, 5), from: 'workshop', to: 'attic', pauseMs: 212, movedBytes: 96 * MIB }],
    copies: {
      group: 'g',
      jobs: [sampleContainerJob().id, 'job-000000000000000f'],
      quorum: 2,
      verdict: 'split',
      result: null,
      wrong: ['job-000000000000000f'],
      sentence: 'No two of them agree.',
    },
  });
  it('tells promised beside measured, moves, copies and health', async () => {
    await show(page(job.id), (fake) => {
      fake.state.jobs = [job];
    });
    const compare = region('Promised and measured');
    expect(within(compare.getByRole('region', { name: 'Processor, now' })).getByText('1.98 cores')).toBeTruthy();
    expect(compare.getByText(/promised 2.5 cores, may take 2 cores at the present level.*held back 12 %/)).toBeTruthy();
    expect(within(compare.getByRole('region', { name: 'Memory, now' })).getByText('410 MiB')).toBeTruthy();
    expect(compare.getByText('at most 256')).toBeTruthy();
    expect(region('Moves').getByText('212 ms')).toBeTruthy();
    expect(region('Copies').getByText('another result')).toBeTruthy();
    expect(region('Details').getByText('1 of at most 3')).toBeTruthy();
    expect(region('Details').getByText('healthy')).toBeTruthy();
    expect(await violations()).toEqual([]);
  });
  it('says why it ended and what to do', async () => {
    await show(page(job.id), (fake) => {
      fake.state.jobs = [
        {
          ...job,
          state: 'ended',
          endedAtMs: Date.now(),
          end: { why: 'limit', limit: 'memory', message: 'It took 1.2 GiB.' },
        },
      ];
    });
    expect(screen.getByText(/reached its memory limit: It took 1.2 GiB/)).toBeTruthy();
    expect(screen.getByText(/Start it again with more memory/)).toBeTruthy();
  });
  it('is moved to a peer after saying what will happen', async () => {
    const { fake } = await show(page(job.id), (node) => {
      node.state.jobs = [job];
    });
    await press(screen.getByRole('button', { name: 'Move …' }));
    const shown = await dialog();
    expect(shown.getByText(/What it held in memory is lost/)).toBeTruthy();
    await press(shown.getByRole('radio', { name: 'A peer by its name' }));
    expect(shown.getByRole<HTMLButtonElement>('button', { name: 'Move' }).disabled).toBe(true);
    await act(async () =>
      fireEvent.change(shown.getByRole('combobox', { name: 'Peer' }), { target: { value: 'studio' } }),
    );
    expect(await violations()).toEqual([]);
    await press(shown.getByRole('button', { name: 'Move' }));
    const request = fake.made.findLast(({ name }) => name === 'job:move')?.request;
    expect(jobCalls['job:move'].request.parse(request)).toEqual({ id: job.id, to: 'studio' });
    expect(screen.getByText('Moving')).toBeTruthy();
    expect(screen.getByText('Its files go to studio.')).toBeTruthy();
  });
  it('saves a file that it left, piece by piece', async () => {
    const save = vi.spyOn(files, 'saveBlob').mockReturnValue();
    const content = new Uint8Array(150_000).map((_, index) => index % 251);
    const sha256 = 'ab'.repeat(32);
    const { fake } = await show(page(job.id), (node) => {
      node.state.jobs = [
        {
          ...job,
          state: 'ended',
          endedAtMs: Date.now(),
          end: { why: 'exited', exitCode: 0 },
          outputs: [{ path: 'out/plot.png', sha256, bytes: content.length, executable: false }],
        },
      ];
      node.state.content.set(sha256, content);
    });
    await press(screen.getByRole('button', { name: /Save\s*out\/plot.png/ }));
    await vi.waitFor(() => expect(save).toHaveBeenCalled());
    const [name, blob] = save.mock.calls[0]!;
    expect(name).toBe('plot.png');
    expect(blob.size).toBe(content.length);
    expect(fake.made.filter((call) => call.name === 'content:read').map(({ request }) => request)).toEqual([
      { sha256, offset: 0 },
      { sha256, offset: 65_536 },
      { sha256, offset: 131_072 },
    ]);
  });
});

describe('the output of a job', () => {
  const id = sampleJob().id;
  const LINES = 20_000;
  const withOutput = () =>
    show(page(id), (fake) => {
      fake.state.jobs = [sampleJob()];
      const text = Array.from({ length: LINES }, (_, index) => `line ${index}`).join('\n');
      fake.state.output.set(id, [
        { id, stream: 'stderr', offset: 0, data: btoa('cold cache\n') },
        { id, stream: 'stdout', offset: 11, data: btoa(text) },
      ]);
    });
  it('draws a screenful of twenty thousand lines, and only one stream where one is wanted', async () => {
    await withOutput();
    const log = screen.getByRole('log');
    await within(log).findByText('line 0');
    expect(log.querySelectorAll('.hm-output-line').length).toBeLessThan(100);
    await press(screen.getByRole('radio', { name: 'Errors' }));
    expect([...log.querySelectorAll('.hm-output-line')].map((line) => line.textContent)).toEqual([
      '1Error output: cold cache',
    ]);
  });
  it('finds a line, goes to it by Enter, and copies what is shown', async () => {
    await withOutput();
    const log = screen.getByRole('log');
    await within(log).findByText('line 0');
    const search = screen.getByLabelText('Search in the output');
    await type('Search in the output', 'LINE 1999');
    expect(screen.getByText('11 lines')).toBeTruthy();
    await act(async () => fireEvent.keyDown(search, { key: 'Enter' }));
    await act(async () => fireEvent.scroll(log));
    expect(screen.getByText('1 of 11 lines')).toBeTruthy();
    expect(log.querySelector('[data-current]')?.textContent).toBe('2001line 1999');
    expect(log.querySelector('[data-current] mark')?.textContent).toBe('line 1999');
    expect(screen.getByRole<HTMLInputElement>('switch', { name: 'Follow' }).checked).toBe(false);
    await act(async () => fireEvent.keyDown(search, { key: 'Enter', shiftKey: true }));
    expect(screen.getByText('11 of 11 lines')).toBeTruthy();
    const written: string[] = [];
    Object.assign(navigator, { clipboard: { writeText: async (text: string) => void written.push(text) } });
    await press(screen.getByRole('button', { name: 'Copy the output' }));
    expect(written[0]?.startsWith('cold cache\nline 0\n')).toBe(true);
    expect(await violations()).toEqual([]);
  });
});
