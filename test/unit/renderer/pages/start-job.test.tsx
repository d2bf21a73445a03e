import { act, fireEvent, screen, within } from '@testing-library/react';
import { describe, expect, it, vi } from 'vitest';
import { jobCalls } from '../../../../preload/contract/index.ts';
import {
  emptyDraft,
  isWorkPath,
  type JobDraft,
  problemsOf,
  sendOf,
  specOf,
} from '../../../../renderer/pages/jobs/job-draft.ts';
import { JobsPage } from '../../../../renderer/pages/jobs/jobs-page.tsx';
import type { Upload } from '../../../../renderer/pages/jobs/use-uploads.ts';
import type { FakeNodeClient } from '../../../support/fake-node-client.ts';
import { show } from '../show.tsx';
import { violations } from '../violations.ts';

const press = (element: HTMLElement) => act(async () => fireEvent.click(element));
const type = (label: string | RegExp, value: string) =>
  act(async () => fireEvent.change(screen.getByLabelText(label), { target: { value } }));
const region = (name: string) => within(screen.getByRole('region', { name }));
const choose = async (place: number, chosen: File[]) => {
  const input = document.querySelectorAll<HTMLInputElement>('input[type=file]')[place];
  await act(async () => {
    fireEvent.change(input as HTMLInputElement, { target: { files: chosen } });
  });
};
const page = (
  <main>
    <JobsPage part="new" />
  </main>
);
const sentOf = (fake: FakeNodeClient, name: 'job:start' | 'job:send') =>
  fake.made.findLast((call) => call.name === name)?.request;
const upload = (change: Partial<Upload> = {}): Upload => ({
  key: 1,
  path: 'data/input.csv',
  executable: false,
  bytes: 3,
  progress: null,
  sha256: 'ab'.repeat(32),
  problem: '',
  ...change,
});

describe('the form of a job', () => {
  it('starts a script with its arguments, variables, files and limits', async () => {
    const { fake } = await show(page);
    await choose(0, [new File(['print(1)'], 'count.py')]);
    await type('Arguments', '--size 3 "two words"');
    await press(screen.getByRole('button', { name: 'Add a variable' }));
    await type('Name of variable 1', 'MODE');
    await type('Value of variable 1', 'fast');
    await choose(1, [new File(['a,b'], 'input.csv')]);
    await vi.waitFor(() => expect(fake.state.content.size).toBe(1));
    await type('Path of input.csv in the work folder', 'data/input.csv');
    await type('Files and folders kept when it ends', 'results\n out/summary.csv \n\n');
    await type('Memory', '256');
    expect(await violations()).toEqual([]);
    await press(screen.getByRole('button', { name: 'Start' }));
    expect(jobCalls['job:start'].request.parse(sentOf(fake, 'job:start'))).toMatchObject({
      kind: 'python',
      name: 'count',
      module: btoa('print(1)'),
      args: ['--size', '3', 'two words'],
      env: { MODE: 'fast' },
      files: [{ path: 'data/input.csv', bytes: 3 }],
      outputs: ['results', 'out/summary.csv'],
      cpuPercent: 50,
      memoryBytes: 256 * 1024 ** 2,
      queue: true,
    });
    expect(window.location.hash).toMatch(/^#\/jobs\/job-/);
  });
  it('says at each field what is wrong, and sends nothing', async () => {
    const { fake } = await show(page);
    await press(screen.getByText('A container image'));
    await press(screen.getByRole('switch', { name: /^Health check/ }));
    await type('Image', 'two words');
    await type('Ports', '80, 70000');
    await type('Files and folders kept when it ends', '/etc/passwd');
    await press(screen.getByRole('button', { name: 'Start' }));
    expect(screen.getByText(/Write it as name:tag/)).toBeTruthy();
    expect(screen.getByText(/whole numbers from 1 to 65535/)).toBeTruthy();
    expect(screen.getByText(/“\/etc\/passwd” is no path beneath the work folder/)).toBeTruthy();
    expect(screen.getByText(/Say which command tells that it is well/)).toBeTruthy();
    expect(screen.getByText('4 things have to be put right above.')).toBeTruthy();
    expect(sentOf(fake, 'job:start')).toBeUndefined();
    expect(await violations()).toEqual([]);
  });
  it('sends a container to the best offer, three times, two of which must agree', async () => {
    const { fake } = await show(page);
    await press(screen.getByText('A container image'));
    await type('Image', 'python:3.13-slim');
    await type('Command', 'python -u');
    await type('Arguments', 'run.py');
    await type('Ports', '8080 9000');
    await press(screen.getByRole('radio', { name: 'Out through the exit' }));
    await press(screen.getByRole('radio', { name: 'The best offer' }));
    await type('Copies', '3');
    await type('Highest price', '0.25');
    expect(
      region('What it will be given').getByText(/runs 3 times.*once 2 of them agree.*0.25 CAES per container and hour/),
    ).toBeTruthy();
    expect(await violations()).toEqual([]);
    await press(screen.getByRole('button', { name: 'Send' }));
    expect(jobCalls['job:send'].request.parse(sentOf(fake, 'job:send'))).toMatchObject({
      to: 'any',
      copies: 3,
      quorum: 2,
      priceMicroMax: '250000',
      spec: {
        kind: 'container',
        image: 'python:3.13-slim',
        entrypoint: ['python', '-u'],
        args: ['run.py'],
        network: 'exit',
        ports: [8080, 9000],
        memoryBytes: 256 * 1024 ** 2,
        queue: false,
      },
    });
    expect(window.location.hash).toBe('#/jobs/elsewhere');
  });
  it('puts a script whose language runs in an image into its work folder', async () => {
    const { fake } = await show(page);
    await choose(0, [new File(['println(1)'], 'tides.jl')]);
    await vi.waitFor(() => expect(fake.state.content.size).toBe(1));
    await press(screen.getByRole('button', { name: 'Start' }));
    expect(jobCalls['job:start'].request.parse(sentOf(fake, 'job:start'))).toMatchObject({
      kind: 'container',
      name: 'tides',
      image: 'julia:1.12',
      entrypoint: ['julia'],
      args: ['/work/tides.jl'],
      files: [{ path: 'tides.jl' }],
    });
  });
  it('says what does not run here and why, and what the node refused', async () => {
    const { fake } = await show(page);
    expect(screen.getByText(/The image r-base:4.5 is not here/)).toBeTruthy();
    await choose(0, [new File(['x'], 'notes.txt')]);
    expect(screen.getByRole('alert').textContent).toContain('choose a .wasm, .js or .py file');
    await choose(0, [new File(['print(1)'], 'a.js')]);
    fake.failNext('job:start', { name: 'RuntimeError', code: 'QUEUE_FULL', message: 'The queue is full; wait.' });
    await press(screen.getByRole('button', { name: 'Start' }));
    expect(screen.getByRole('alert').textContent).toContain('QUEUE_FULL');
  });
  it('stops an upload, forgets the file, and goes on with the next', async () => {
    let go = (): void => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { fake } = await show(page, (node) => {
      const { call } = node;
      // Nothing is answered until the upload has been stopped.
      Object.assign(node, {
        call: async (...[name, request]: Parameters<typeof call>) => {
          if (name === 'content:upload') await held;
          return call(name, request);
        },
      });
    });
    await choose(1, [new File([new Uint8Array(3 * 1024 ** 2)], 'large.bin'), new File(['b'], 'small.txt')]);
    expect(screen.getByRole('progressbar', { name: 'Uploading large.bin' }).getAttribute('aria-valuetext')).toBe(
      '0 B of 3 MiB',
    );
    await press(screen.getByRole('button', { name: /^Stop\s*large.bin/ }));
    await act(async () => go());
    await vi.waitFor(() => expect(fake.state.content.size).toBe(1));
    expect(screen.queryByLabelText('Path of large.bin in the work folder')).toBeNull();
    expect(await screen.findByRole('button', { name: /^Take out\s*small.txt/ })).toBeTruthy();
    expect(fake.made.filter(({ name }) => name === 'content:upload').length).toBeLessThan(4);
  });
});

describe('a draft', () => {
  const image: JobDraft = { ...emptyDraft, program: 'image', image: 'tools:1' };
  it.each([
    ['a/b.txt', true],
    ['/a', false],
    ['../a', false],
    ['a//b', false],
    ['a/./b', false],
    ['a\\b', false],
    ['x'.repeat(129), false],
  ])('takes the path %j: %j', (path, is) => {
    expect(isWorkPath(path)).toBe(is);
    expect(problemsOf(image, [upload({ path })]).files === undefined).toBe(is);
  });
  it('has no problem that the node would find, and the bounds of the contract', () => {
    const full: JobDraft = {
      ...image,
      env: [{ key: 1, name: 'A', value: '1' }],
      outputMib: 16,
      pidsMax: 4096,
      restarts: 10,
      portsText: '1 65535',
      memoryMib: 1024 * 1024,
      scratchMib: 64 * 1024,
      health: true,
      healthCommand: 'test -e /work/ok',
      cpuLevel: 100,
    };
    expect(problemsOf(full, [upload()])).toEqual({});
    expect(jobCalls['job:start'].request.safeParse(specOf(full, [upload()], 256)).error).toBeUndefined();
    expect(problemsOf({ ...full, outputMib: 17, pidsMax: 4097, restarts: 11, memoryMib: 1024 * 1024 + 1 }, [])).toEqual(
      {
        outputMib: 'Give a whole number from 1 to 16 MiB.',
        pidsMax: 'Give a whole number from 1 to 4096.',
        restarts: 'Give a whole number from 0 to 10.',
        memoryMib: 'Give a whole number from 8 to 1048576 MiB.',
      },
    );
  });
  it.each<[string, Partial<JobDraft>, readonly Upload[], RegExp]>([
    ['a name of a variable', { env: [{ key: 1, name: '1A', value: '' }] }, [], /no name of a variable/],
    [
      'a variable twice',
      {
        env: [
          { key: 1, name: 'A', value: '' },
          { key: 2, name: 'A', value: '' },
        ],
      },
      [],
      /twice/,
    ],
    ['a file that is not there yet', {}, [upload({ sha256: null })], /not all files are there/i],
    ['two files at one path', {}, [upload(), upload({ key: 2 })], /Two files would be data\/input.csv/],
    ['a peer', { where: 'peer' }, [], /Say which peer/],
    ['a price', { where: 'any', price: 'cheap' }, [], /Write a price/],
    ['a quorum', { where: 'any', copies: 3, quorum: 4 }, [], /from 1 to 3/],
  ])('is told of a wrong %s', (_, change, uploads, words) => {
    expect(Object.values(problemsOf({ ...image, ...change }, uploads)).join(' ')).toMatch(words);
  });
  it('asks for at most the price of a millicore where a core was meant', () => {
    const file = { name: 'a.js', kind: 'javascript' as const, sizeBytes: 1, base64: 'YQ==' };
    expect(sendOf({ ...emptyDraft, file, where: 'any', price: '2.5' }).priceMicroMax).toBe('2500000');
    expect(sendOf({ ...image, where: 'any', price: '2.5' }).priceMicroMax).toBe('2500000');
  });
});
