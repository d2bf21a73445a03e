import { act, fireEvent, screen, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { containerCalls } from '../../../../preload/contract/index.ts';
import { ContainersPage } from '../../../../renderer/pages/containers/containers-page.tsx';
import { patternsOf, patternsProblem } from '../../../../renderer/pages/containers/image-text.ts';
import { sampleContainer, sampleDoctor, sampleImages, sampleTransfer } from '../../../support/fake-jobs.ts';
import { show } from '../show.tsx';
import { violations } from '../violations.ts';

const press = (element: HTMLElement) => act(async () => fireEvent.click(element));
const type = (label: string | RegExp, value: string) =>
  act(async () => fireEvent.change(screen.getByLabelText(label), { target: { value } }));
const region = (name: string) => within(screen.getByRole('region', { name }));
const dialog = async () => within(await screen.findByRole('dialog'));
const page = (part: string | null) => (
  <main>
    <ContainersPage part={part} />
  </main>
);

describe('Containers', () => {
  it('shows what each takes beside what it may, and its walls', async () => {
    await show(page(null));
    const row = region('Containers').getByRole('row', {
      name: /Render frames.*198 %\s*of 200 %.*410 MiB\s*of 1 GiB.*9\s*of 256/,
    });
    expect(within(row).getByText('Its root cannot be written.')).toBeTruthy();
    expect(within(row).getByRole('link', { name: 'Render frames' }).getAttribute('href')).toMatch(/^#\/jobs\/job-/);
    expect(await violations()).toEqual([]);
  });
  it('cleans up after asking, says what went, and reads anew', async () => {
    const { fake } = await show(page(null), (node) => {
      node.state.containers = [
        sampleContainer(),
        sampleContainer({ id: 'cd34'.repeat(16), jobName: 'Old', state: 'exited', cpuPercentNow: null }),
      ];
    });
    await press(screen.getByRole('button', { name: 'Clean up …' }));
    expect(fake.made.some(({ name }) => name === 'containers:clean')).toBe(false);
    await press((await dialog()).getByRole('button', { name: 'Clean up' }));
    expect(await screen.findByText('Removed 2 containers, 1 volume.')).toBeTruthy();
    expect(screen.queryByRole('link', { name: 'Old' })).toBeNull();
  });
  it('says that there is no engine, and leads to the doctor', async () => {
    await show(page(null), (node) => {
      node.state.problem = 'no engine answers at /var/run/docker.sock';
    });
    expect(screen.getByText(/No engine answers at \/var\/run\/docker.sock\./)).toBeTruthy();
    expect(screen.getByRole('link', { name: 'Ask the doctor' }).getAttribute('href')).toBe('#/containers/doctor');
    expect(await violations()).toEqual([]);
  });
});

describe('Images', () => {
  it('tells size, what is its own, when it was used and whose it is', async () => {
    await show(page('images'));
    const images = region('Images');
    expect(
      images.getByRole('row', { name: /python:3.13-slim.*130 MiB.*52 MiB its own.*1 job now.*brought by this node/ }),
    ).toBeTruthy();
    expect(images.getByRole('row', { name: /tools:1.*never by a job.*yours; never taken away/ })).toBeTruthy();
    expect(images.getByRole('row', { name: /hypermesh-holder.*HyperMesh’s own/ })).toBeTruthy();
    // One that a job runs in cannot go, and what is the owner's is not offered to be removed at all.
    expect(images.getByRole<HTMLButtonElement>('button', { name: /Remove …\s*python/ }).disabled).toBe(true);
    expect(images.queryByRole('button', { name: /Remove …\s*tools/ })).toBeNull();
    expect(await violations()).toEqual([]);
  });
  it('gets one from a peer, shows how far it is, and stops it', async () => {
    const { fake } = await show(page('images'));
    await press(screen.getByRole('button', { name: 'Get an image …' }));
    const shown = await dialog();
    await type('Image', 'julia 1.12');
    expect(shown.getByText(/Write it as name:tag/)).toBeTruthy();
    expect(shown.getByRole<HTMLButtonElement>('button', { name: 'Get it' }).disabled).toBe(true);
    await type('Image', 'julia:1.12');
    await press(shown.getByRole('radio', { name: 'A peer' }));
    await act(async () =>
      fireEvent.change(shown.getByRole('combobox', { name: 'Peer' }), { target: { value: 'attic' } }),
    );
    expect(await violations()).toEqual([]);
    await press(shown.getByRole('button', { name: 'Get it' }));
    const request = fake.made.findLast(({ name }) => name === 'images:pull')?.request;
    expect(containerCalls['images:pull'].request.parse(request)).toEqual({ image: 'julia:1.12', from: 'attic' });
    const way = region('On the way');
    expect(way.getByText('julia:1.12 from attic', { selector: 'strong' })).toBeTruthy();
    expect(way.getByRole('progressbar').getAttribute('aria-valuetext')).toBe('48 MiB of 190 MiB');
    expect(way.getByText(/30 MiB were there already/)).toBeTruthy();
    await act(async () =>
      fake.push('images', { ...fake.state.images, transfers: [sampleTransfer({ doneBytes: 100 * 1024 ** 2 })] }),
    );
    expect(way.getByRole('progressbar').getAttribute('aria-valuetext')).toBe('100 MiB of 190 MiB');
    await press(way.getByRole('button', { name: /^Stop/ }));
    expect(await screen.findByText('stopped')).toBeTruthy();
  });
  it('sends one to a peer, and removes one after asking', async () => {
    const { fake } = await show(page('images'), (node) => {
      node.state.images = sampleImages({ images: sampleImages().images.map((image) => ({ ...image, jobs: 0 })) });
    });
    await press(screen.getByRole('button', { name: /Send …\s*tools:1/ }));
    const shown = await dialog();
    await act(async () =>
      fireEvent.change(shown.getByRole('combobox', { name: 'To' }), { target: { value: 'studio' } }),
    );
    await press(shown.getByRole('button', { name: 'Send it' }));
    expect(fake.made.findLast(({ name }) => name === 'images:push')?.request).toEqual({
      image: 'tools:1',
      to: 'studio',
    });
    await press(screen.getByRole('button', { name: /Remove …\s*python/ }));
    await press(
      within(await screen.findByRole('dialog', { name: 'Remove python:3.13-slim?' })).getByRole('button', {
        name: 'Remove',
      }),
    );
    expect(fake.state.images.images.map(({ references }) => references[0])).toEqual([
      'tools:1',
      'hypermesh-holder:9f0c2d71ab34',
    ]);
  });
  it('keeps what may be run, by whom it may be brought, and its room', async () => {
    const { fake } = await show(page('images'));
    const policy = region('What may be run');
    expect(policy.getByRole<HTMLButtonElement>('button', { name: 'Keep' }).disabled).toBe(true);
    await type('Allowed images', 'python:*\n with space here \n');
    expect(policy.getByText(/has a space in it/)).toBeTruthy();
    await type('Allowed images', 'python:*\n\nregistry.example.org/team/*\npython:*');
    await press(policy.getByRole('radio', { name: 'Refuse' }));
    await type('Room for images', '2.5');
    await press(policy.getByRole('button', { name: 'Keep' }));
    const request = fake.made.findLast(({ name }) => name === 'images:policy')?.request;
    expect(containerCalls['images:policy'].request.parse(request)).toEqual({
      allowed: ['python:*', 'registry.example.org/team/*'],
      others: 'refused',
      quotaBytes: 2.5 * 1024 ** 3,
    });
    expect(await violations()).toEqual([]);
  });
  it('says that there is no engine, and leads to the doctor', async () => {
    await show(page('images'), (node) => {
      node.state.images = sampleImages({ images: [], problem: 'The engine was stopped.' });
    });
    expect(screen.getByText(/The engine was stopped\./)).toBeTruthy();
    expect(screen.getByRole('link', { name: 'Ask the doctor' })).toBeTruthy();
  });
  it('reads patterns, one a line', () => {
    expect(patternsOf(' a:* \n\na:*\nb')).toEqual(['a:*', 'b']);
    expect(patternsProblem(Array.from({ length: 257 }, (_, index) => `a${index}`))).toMatch(/257 lines/);
    expect(patternsProblem(['x'.repeat(257)])).toMatch(/longer than 256/);
    expect(patternsProblem(['a:*'])).toBeNull();
  });
});

describe('Doctor', () => {
  it('says in one sentence what is wrong, what was measured, what to do, and lets the command be copied', async () => {
    await show(page('doctor'));
    expect(screen.getByRole('heading', { name: 'Docker runs, but this user may not use its socket.' })).toBeTruthy();
    const checks = region('Checks');
    expect(checks.getByText('30 % was promised, 29.6 % was measured.')).toBeTruthy();
    expect(checks.getByText('Wrong:')).toBeTruthy();
    const written: string[] = [];
    Object.assign(navigator, { clipboard: { writeText: async (text: string) => void written.push(text) } });
    await press(checks.getByRole('button', { name: 'Copy the command for Rights' }));
    expect(written).toEqual(['sudo usermod -aG docker $USER']);
    expect(await violations()).toEqual([]);
  });
  it('puts right what it can, and tells it', async () => {
    const { fake } = await show(page('doctor'));
    const buttons = screen.getAllByRole('button', { name: /^Put it right/ });
    expect(buttons).toHaveLength(1);
    await press(buttons[0]!);
    expect(fake.made.at(-1)).toEqual({ name: 'containerDoctor:fix', request: { check: 'leftovers' } });
    expect(await screen.findByText('Removed 2 containers that were left behind.')).toBeTruthy();
    expect(screen.queryByRole('button', { name: /^Put it right/ })).toBeNull();
  });
  it('looks, shows how far it is, and is stopped', async () => {
    const { fake } = await show(page('doctor'), (node) => {
      node.state.doctor = sampleDoctor({ ranAtMs: null, verdict: 'none', sentence: '', checks: [] });
    });
    expect(screen.getByRole('heading', { name: 'Nobody has looked yet' })).toBeTruthy();
    fake.state.doctor.checks = sampleDoctor().checks;
    await press(screen.getByRole('button', { name: 'Look now' }));
    expect(screen.getByText('Check 1 of 4')).toBeTruthy();
    expect(await violations()).toEqual([]);
    await press(screen.getByRole('button', { name: 'Stop' }));
    expect(fake.made.at(-1)?.name).toBe('containerDoctor:cancel');
    fake.failNext('containerDoctor:run', {
      name: 'RuntimeError',
      code: 'DOCTOR_RUNNING',
      message: 'It looks already.',
    });
    await press(screen.getByRole('button', { name: 'Look now' }));
    expect(await screen.findByText(/It looks already/)).toBeTruthy();
  });
});
