import { act, fireEvent, screen, within } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ProofsPage } from '../../../../renderer/pages/proofs/proofs-page.tsx';
import { sampleIdentity } from '../../../support/fake-identity.ts';
import { type FakeNodeClient, sampleAssets } from '../../../support/fake-node-client.ts';
import {
  noProofs,
  proverIdle,
  proverOff,
  proverWaiting,
  proverWorking,
  sampleProofs,
  sampleVerdict,
} from '../../../support/fake-proofs.ts';
import { show } from '../show.tsx';
import { violations } from '../violations.ts';

const [cpu, gpu, memory] = sampleAssets;
if (cpu === undefined || gpu === undefined || memory === undefined) throw new Error('the fake node lost its assets');

const proved = (fake: FakeNodeClient): void => {
  fake.state.identity = sampleIdentity();
  fake.state.proofs = sampleAssets.map((asset) => sampleProofs(asset));
  fake.state.prover = proverIdle();
};
const card = (name: string) => within(screen.getByRole('region', { name }));
// As in the shell: a page is inside of the main landmark.
const page = (
  <main>
    <ProofsPage />
  </main>
);
const press = (element: HTMLElement) => act(async () => fireEvent.click(element));
const choose = (file: File) =>
  act(async () => {
    const input = document.querySelector('input[type=file]');
    if (!(input instanceof HTMLInputElement)) throw new Error('there is no place for a file');
    Object.defineProperty(input, 'files', { value: [file], configurable: true });
    fireEvent.change(input);
    // Reading the file takes a turn of its own.
    await new Promise((done) => setTimeout(done, 20));
  });

afterEach(() => vi.restoreAllMocks());

describe('ProofsPage', () => {
  it('invites to an identity where there is none, says what the four are for, and still checks files', async () => {
    await show(page);
    expect(screen.getByRole('link', { name: 'Create an identity' }).getAttribute('href')).toBe('#/settings/identity');
    for (const word of ['Where', 'Who', 'What', 'When']) expect(screen.getByText(word)).toBeTruthy();
    expect(screen.queryByRole('button', { name: /Prove/ })).toBeNull();
    expect(screen.getByText('Choose a proof file, or drop it here')).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it('says that it is locked and where to unlock, and keeps the marks of earlier proofs', async () => {
    await show(page, (fake) => {
      proved(fake);
      fake.state.identity = sampleIdentity({ status: 'locked', lockedReason: 'No passphrase was given at the start' });
      fake.state.prover = proverOff('The keys are locked; unlock them in Settings.');
    });
    expect(screen.getByText(/No passphrase was given at the start\./)).toBeTruthy();
    expect(screen.getByRole('link', { name: 'Unlock' }).getAttribute('href')).toBe('#/settings/identity');
    expect(card('CPU').getByRole<HTMLButtonElement>('button', { name: 'Prove now: CPU' }).disabled).toBe(true);
    expect(card('CPU').getAllByText('Proved')).toHaveLength(4);
    expect(await violations()).toEqual([]);
  });

  it('shows what the prover does, step by step, and stops it', async () => {
    const { fake } = await show(page, (node) => {
      proved(node);
      node.state.prover = proverWorking(cpu.id, [memory.id]);
    });
    const steps = screen.getByRole('list', { name: 'Steps of a proof' });
    expect(within(steps).getByText('Work', { exact: false }).getAttribute('aria-current')).toBe('step');
    for (const bar of screen.getAllByRole('progressbar', { name: 'Proof of CPU' }))
      expect(bar.getAttribute('aria-valuetext')).toBe('Step 3 of 7: Computing, 42 %');
    expect(card('Memory').getByText('Waits for its turn and comes next.')).toBeTruthy();
    const now = within(screen.getByRole('region', { name: 'What the prover does now' }));
    expect(now.getByText('640 MiB', { exact: false }).textContent).toBe('640 MiB of 1 GiB filled');
    expect(now.getByText('Memory')).toBeTruthy();
    expect(await violations()).toEqual([]);
    await act(async () =>
      fake.push('prover', {
        ...proverWorking(cpu.id),
        current: { asset: cpu.id, step: 'stake', progressPercent: 100, startedAtMs: Date.now(), cancellable: false },
      }),
    );
    expect(screen.getAllByText('Step 5 of 7: Signing, 100 %')).toHaveLength(2);
    expect(screen.queryByRole('button', { name: 'Cancel this proof' })).toBeNull();
    await act(async () => fake.push('prover', proverWorking(cpu.id)));
    await press(screen.getByRole('button', { name: 'Cancel this proof' }));
    expect(screen.getByRole('heading', { name: 'Nothing to prove at the moment' })).toBeTruthy();
  });

  it('says what it waits for', async () => {
    await show(page, (fake) => {
      proved(fake);
      fake.state.prover = proverWaiting();
    });
    expect(screen.getByRole('heading', { name: 'Waiting' })).toBeTruthy();
    expect(screen.getByText('Nothing of the CPU is lent at the moment; it goes on when the level rises.')).toBeTruthy();
  });

  it('tells four marks by word as well as by colour, with age and reason', async () => {
    await show(page, (fake) => {
      proved(fake);
      const marks = sampleProofs(cpu).marks;
      fake.state.proofs = [
        sampleProofs(cpu, {
          marks: [
            { kind: 'space', status: 'passed', reason: 'It was read.', checkedAtMs: Date.now() - 3 * 60_000 },
            { kind: 'stake', status: 'stale', reason: 'It is 26 hours old.', checkedAtMs: Date.now() - 26 * 3_600_000 },
            { kind: 'work', status: 'failed', reason: 'A row of the product is wrong.', checkedAtMs: Date.now() },
            { kind: 'time', status: 'none', reason: 'It was never proved.', checkedAtMs: null },
          ],
        }),
        sampleProofs(gpu, { marks, present: false }),
        noProofs(memory),
      ];
    });
    const items = card('CPU')
      .getAllByRole('listitem')
      .map((item) => item.textContent);
    expect(items).toEqual([
      'Where SpaceProved3 minutes ago',
      'Who StakeToo old1 day ago',
      'What WorkFailedjust now',
      'When TimeNot provednever checked',
    ]);
    expect(card('CPU').getByText('3 minutes ago').getAttribute('title')).toMatch(/\d{4}, \d\d:\d\d:\d\d/);
    expect(card('CPU').queryByText(/A row of the product is wrong/)).toBeNull();
    const details = card('CPU').getByRole('button', { name: 'Details of CPU' });
    expect(details.getAttribute('aria-expanded')).toBe('false');
    await press(details);
    expect(details.getAttribute('aria-expanded')).toBe('true');
    expect(card('CPU').getByText(/A row of the product is wrong\./)).toBeTruthy();
    expect(card('AMD Radeon 780M').getByText('not there now')).toBeTruthy();
    expect(card('Memory').getByText('This asset was never proved; choose “Prove now”.')).toBeTruthy();
    expect(card('CPU').getByRole('img').getAttribute('aria-label')).toMatch(
      /^12 proofs; from .* million multiplications per second to .*; 1 failed\.$/,
    );
    expect(await violations()).toEqual([]);
  });

  it('proves one asset at once, and says what went wrong when it cannot', async () => {
    const { fake } = await show(page, (node) => {
      proved(node);
      node.state.proofs = [noProofs(cpu)];
    });
    fake.failNext('proof:make', {
      name: 'ProverError',
      code: 'NO_SPACE_PLOTTED',
      message: 'No space is plotted yet; raise the storage level on Share.',
    });
    await press(card('CPU').getByRole('button', { name: 'Prove now: CPU' }));
    expect(screen.getByRole('alert').textContent).toContain('raise the storage level on Share');
    fake.failNext('proof:make', { name: 'ProverError', code: 'PROOF_CANCELLED', message: 'It was cancelled.' });
    await press(card('CPU').getByRole('button', { name: 'Prove now: CPU' }));
    expect(screen.queryByRole('alert')).toBeNull();
    expect(card('CPU').getByText(/It was stopped before it was done/)).toBeTruthy();
    await press(card('CPU').getByRole('button', { name: 'Prove now: CPU' }));
    expect(fake.made.filter(({ name }) => name === 'proof:make').map(({ request }) => request)).toEqual(
      Array.from({ length: 3 }, () => ({ asset: cpu.id, purpose: 'audit' })),
    );
    expect(card('CPU').getAllByText('Proved')).toHaveLength(4);
  });

  it('saves the newest proof, and any of the last, as a file', async () => {
    const saved: { name: string; bytes: Blob }[] = [];
    let made: Blob | null = null;
    URL.createObjectURL = (blob: Blob) => {
      made = blob;
      return 'blob:test';
    };
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
      if (made !== null) saved.push({ name: this.download, bytes: made });
    });
    const { fake } = await show(page, proved);
    await press(card('CPU').getByRole('button', { name: 'Save proof file of CPU' }));
    expect(fake.made.at(-1)?.name).toBe('proof:file');
    expect(saved[0]?.name).toMatch(/^proof-[0-9a-f]{8}\.hmproof$/);
    expect(fake.made.at(-1)?.request).toEqual({ id: (await saved[0]?.bytes.text())?.slice('proof '.length) });
    await press(card('CPU').getByRole('button', { name: 'Details of CPU' }));
    expect(card('CPU').getByRole('link', { name: 'in block 11' }).getAttribute('href')).toBe('#/blocks/11');
    const buttons = card('CPU').getAllByRole('button', { name: /^Save the proof / });
    expect(buttons).toHaveLength(5);
    fake.failNext('proof:file', { name: 'ProverError', code: 'PROOF_UNKNOWN', message: 'It is kept no more.' });
    await press(buttons[1] as HTMLElement);
    expect(screen.getByRole('alert').textContent).toContain('It is kept no more.');
    expect(saved).toHaveLength(1);
  });

  it('checks a proof file and gives four results with their reasons', async () => {
    const { fake } = await show(page, (node) => {
      node.state.verdict = sampleVerdict(cpu.id, ['work']);
    });
    await choose(new File(['a proof'], 'one.hmproof'));
    expect(fake.made.at(-1)).toEqual({ name: 'proof:verify', request: { file: btoa('a proof') } });
    expect(screen.getByText('1 of the four proofs does not hold')).toBeTruthy();
    expect(screen.getByText('CHALLENGE_MISMATCH')).toBeTruthy();
    expect(screen.getAllByText('Proved')).toHaveLength(3);
    expect(screen.getByText(/The challenge is the prover’s own/)).toBeTruthy();
    expect(await violations()).toEqual([]);
    fireEvent.change(screen.getByLabelText('Your challenge'), { target: { value: 'abc' } });
    await press(screen.getByRole('button', { name: 'Check again' }));
    expect(screen.getByRole('alert').textContent).toContain('64 characters');
    fireEvent.change(screen.getByLabelText('Your challenge'), { target: { value: ` ${'AB'.repeat(32)} ` } });
    fake.state.verdict = sampleVerdict(cpu.id);
    await press(screen.getByRole('button', { name: 'Check' }));
    expect(fake.made.at(-1)?.request).toEqual({ file: btoa('a proof'), challenge: 'ab'.repeat(32) });
    expect(screen.getByText('All four proofs hold')).toBeTruthy();
  });

  it.each([
    [new File([], 'empty.hmproof'), 'FILE_EMPTY'],
    [new File([new Uint8Array(4 * 1024 * 1024 + 1)], 'large.hmproof'), 'FILE_TOO_LARGE'],
  ])('refuses %o before it is sent', async (file, code) => {
    const { fake } = await show(page);
    await choose(file);
    expect(screen.getByRole('alert').textContent).toContain(code);
    expect(fake.made.some(({ name }) => name === 'proof:verify')).toBe(false);
  });

  it('keeps a changed plan, and puts back what the node refuses', async () => {
    const { fake } = await show(page, proved);
    const hours = screen.getByLabelText<HTMLInputElement>('How often');
    fireEvent.change(hours, { target: { value: 'every 6 hours' } });
    await act(async () => fireEvent.blur(hours));
    expect(fake.state.proofPlan.everyHours).toBe(6);
    const space = screen.getByLabelText<HTMLInputElement>('Space for proofs');
    fireEvent.change(space, { target: { value: '2.5' } });
    await act(async () => fireEvent.blur(space));
    expect(fake.state.proofPlan.spaceBytes).toBe(2.5 * 1024 ** 3);
    fake.failNext('proof:setPlan', { name: 'E', code: 'INTERNAL', message: 'Disk full; free some space.' });
    fireEvent.change(space, { target: { value: '7' } });
    await act(async () => fireEvent.blur(space));
    expect(space.value).toBe('2.5');
    await press(screen.getByRole('switch', { name: /^Make proofs by themselves/ }));
    expect(fake.state.proofPlan.automatic).toBe(false);
    expect(hours.disabled).toBe(true);
  });
});
