import axe from 'axe-core';
import { act, fireEvent, screen, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { App } from '../../../../renderer/app/app.tsx';
import { NoToken } from '../../../../renderer/app/no-token.tsx';
import { pages } from '../../../../renderer/state/route.ts';
import { sampleJob } from '../../../support/fake-jobs.ts';
import { show } from '../show.tsx';

const goTo = (hash: string) =>
  act(async () => {
    window.location.hash = hash;
    window.dispatchEvent(new HashChangeEvent('hashchange'));
  });

/** What axe finds of any weight. Colours need a layout, so they are checked in the browser instead. */
const violations = async (): Promise<string[]> => {
  const { violations: found } = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } });
  return found.map(
    (violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(' ')).join(', ')}`,
  );
};

describe('App', () => {
  it.each([...pages, 'share/cpu', 'jobs/new', `jobs/${sampleJob().id}`])(
    'shows %s with one h1, its own title, and nothing that axe minds',
    async (path) => {
      window.location.hash = `#/${path}`;
      await show(<App />, (fake) => void fake.state.jobs.push(sampleJob()));
      const headings = screen.getAllByRole('heading', { level: 1 });
      expect(headings).toHaveLength(1);
      expect(document.title).toBe(`${headings[0]!.textContent} · HyperMesh`);
      expect(await violations()).toEqual([]);
    },
  );

  it('says why the level is what it is, and pauses, resumes and stops everything', async () => {
    const { fake } = await show(<App />);
    expect(screen.getByRole('heading', { name: 'Lending CPU at 25 %' })).toBeTruthy();
    const main = within(screen.getByRole('main'));
    fireEvent.click(main.getByRole('button', { name: 'Pause' }));
    await act(async () => fireEvent.click(await screen.findByRole('menuitem', { name: 'Until I resume' })));
    expect(screen.getByRole('heading', { name: 'Paused until you resume' })).toBeTruthy();
    await act(async () => fireEvent.click(main.getByRole('button', { name: 'Resume' })));
    expect(fake.state.share.pause).toEqual({ paused: false });
    fireEvent.click(main.getByRole('button', { name: 'Stop everything' }));
    const dialog = await screen.findByRole('dialog', { name: 'Stop everything?' });
    expect(fake.made.some((call) => call.name === 'share:stopEverything')).toBe(false);
    await act(async () => fireEvent.click(within(dialog).getByRole('button', { name: 'Stop everything' })));
    expect(fake.made.some((call) => call.name === 'share:stopEverything')).toBe(true);
  });

  it('moves a slider on Share and shows what the node made of it', async () => {
    window.location.hash = '#/share';
    const { fake } = await show(<App />);
    const slider = screen.getByRole('slider', { name: 'Lend at most, CPU' });
    fireEvent.keyDown(slider, { key: 'Home' });
    await act(async () => fireEvent.blur(slider));
    expect(fake.state.share.resources[0]?.percentMax).toBe(0);
    expect(screen.getByRole('slider', { name: 'Lend at most, CPU' }).getAttribute('aria-valuetext')).toBe(
      '0 %, 0 of 16 cores',
    );
  });

  it('says what others will see before a privacy level is chosen', async () => {
    window.location.hash = '#/share/cpu';
    const { fake } = await show(<App />);
    await act(async () => fireEvent.click(screen.getByRole('tab', { name: 'Who may use it' })));
    const choice = screen.getByRole('radio', { name: /Fully public.*What others see/ });
    await act(async () => fireEvent.click(choice));
    expect(fake.state.share.resources[0]?.terms.privacyLevel).toBe('FullPublic');
    expect(fake.state.share.resources[1]?.terms.privacyLevel).toBe('Private');
  });

  it('starts the sample, shows its output, and says what went wrong when it may not', async () => {
    window.location.hash = '#/jobs';
    const { fake } = await show(<App />);
    fake.failNext('job:start', {
      name: 'AllocationError',
      code: 'LEVEL_EXCEEDED',
      message: 'Only 0 % of the CPU is lent now; raise the limit on Share.',
    });
    await act(async () => fireEvent.click(screen.getByRole('button', { name: 'Try a sample' })));
    expect(screen.getByRole('alert').textContent).toContain('LEVEL_EXCEEDED');
    await act(async () => fireEvent.click(screen.getByRole('button', { name: 'Try a sample' })));
    await goTo(window.location.hash);
    expect(screen.getByRole('heading', { level: 1, name: 'Primes (sample)' })).toBeTruthy();
    expect(await screen.findByText('Counting primes for 20 s')).toBeTruthy();
    await act(async () => fireEvent.click(screen.getByRole('button', { name: 'Cancel job' })));
    expect(screen.getByText('You cancelled it.')).toBeTruthy();
  });

  it('walks through the first run and changes nothing by itself', async () => {
    const { fake } = await show(<App />, (node) => {
      node.state.config.firstRunDone = false;
    });
    expect(screen.getByRole('heading', { level: 1, name: 'What this is' })).toBeTruthy();
    expect(await violations()).toEqual([]);
    fireEvent.click(screen.getByRole('button', { name: 'Next' }));
    expect(screen.getByText(/Privacy: Private/)).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Next' }));
    fireEvent.click(screen.getByRole('button', { name: 'Back' }));
    fireEvent.click(screen.getByRole('button', { name: 'Next' }));
    expect(screen.getByRole('button', { name: 'Create an identity' })).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Next' }));
    expect(fake.made.filter((call) => /:(set|start|pause|begin|confirm)/.test(call.name))).toEqual([]);
    await act(async () => fireEvent.click(screen.getByRole('button', { name: 'Finish' })));
    expect(fake.made.filter((call) => /:(set|start|pause)/.test(call.name))).toEqual([
      { name: 'config:set', request: { firstRunDone: true } },
    ]);
    expect(screen.getByRole('navigation', { name: 'Pages' })).toBeTruthy();
  });

  it('offers to open at login in the window only', async () => {
    window.location.hash = '#/settings';
    await show(<App />);
    expect(screen.queryByRole('switch', { name: 'Open at login' })).toBeNull();
    await show(<App />, (node) => {
      node.state.status.mode = 'desktop';
    });
    expect(screen.getByRole('switch', { name: 'Open at login' })).toBeTruthy();
  });
});

describe('NoToken', () => {
  it('says how to get the address', async () => {
    await show(<NoToken />);
    expect(screen.getByText('hypermesh status')).toBeTruthy();
    expect(await violations()).toEqual([]);
  });
});

describe('the banner of a lost connection', () => {
  it('says so, counts down, and lets the reader try at once', async () => {
    const { node } = await show(<App />);
    await act(async () =>
      node.store.setState({ connection: { status: 'waiting', retryAtMs: Date.now() + 4_000, attempt: 2 } }),
    );
    expect(screen.getByText('Not connected.')).toBeTruthy();
    expect(screen.getByText(/Next attempt in [34] s/)).toBeTruthy();
    expect(screen.getByRole('button', { name: 'Try now' })).toBeTruthy();
    await act(async () => node.store.setState({ connection: { status: 'connected' } }));
    expect(screen.queryByText('Not connected.')).toBeNull();
  });

  it('asks for a new address when the token is refused', async () => {
    const { node } = await show(<App />);
    await act(async () => node.store.setState({ connection: { status: 'refused' } }));
    expect(screen.getByRole('heading', { level: 1, name: 'This address is no longer valid' })).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it('keeps eleven pages behind a button where there is no room for sixteen', async () => {
    const wide = window.matchMedia;
    window.matchMedia = (query) => ({ ...wide(query), matches: query.includes('max-width: 720px') });
    try {
      window.location.hash = '#/machine';
      await show(<App />);
      const navigation = within(screen.getByRole('navigation', { name: 'Pages' }));
      expect(navigation.getAllByRole('link').map((link) => link.textContent)).toEqual([
        'Home',
        'Share',
        'Lend',
        'Wallet',
        'Rewards',
      ]);
      await act(async () => fireEvent.click(navigation.getByRole('button', { name: /^More.*you are on Machine$/ })));
      const settings = await screen.findByRole('menuitem', { name: 'Settings' });
      expect(settings.getAttribute('href')).toBe('#/settings');
      expect(screen.getByRole('menuitem', { name: 'Machine' }).getAttribute('aria-current')).toBe('page');
    } finally {
      window.matchMedia = wide;
    }
  });
});
