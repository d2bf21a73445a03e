import { act, fireEvent, screen, within } from '@testing-library/react';
import axe from 'axe-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { App } from '../../../../renderer/app/app.tsx';
import { FAKE_PASSPHRASE, FAKE_WORDS, sampleIdentity } from '../../../support/fake-identity.ts';
import { show } from '../show.tsx';

const press = (name: string | RegExp, inside: HTMLElement = document.body) =>
  act(async () => fireEvent.click(within(inside).getByRole('button', { name })));
const type = (label: string | RegExp, value: string) =>
  act(async () => fireEvent.change(screen.getByLabelText(label), { target: { value } }));
const violations = async (): Promise<string[]> => {
  const { violations: found } = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } });
  return found.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`);
};
/** What the page says aloud; other panels may say something, too. */
const said = (): string =>
  screen
    .getAllByRole('alert')
    .map((alert) => alert.textContent)
    .join('\n');
const made = (fake: { made: { name: string }[] }, name: string) => fake.made.filter((call) => call.name === name);

beforeEach(() => {
  window.location.hash = '#/settings/identity';
});

describe('Identity on Settings', () => {
  it('creates nothing by being looked at', async () => {
    const { fake } = await show(<App />);
    expect(screen.getByText('No identity yet')).toBeTruthy();
    expect(made(fake, 'identity:begin')).toEqual([]);
    expect(await violations()).toEqual([]);
  });

  it('shows the words once, asks for four, takes a passphrase, and only then creates', async () => {
    const { fake } = await show(<App />);
    await press('Create …');
    const list = await screen.findByRole('list', { name: 'Recovery phrase' });
    expect(within(list).getAllByRole('listitem')).toHaveLength(24);
    expect(await violations()).toEqual([]);

    await press('Continue');
    expect(said()).toContain('Write all 24 words down');
    await act(async () => fireEvent.click(screen.getByRole('checkbox')));
    await press('Continue');
    expect(screen.queryByRole('list', { name: 'Recovery phrase' })).toBeNull();
    for (const place of [3, 9, 17, 24]) await type(`Word ${place}`, FAKE_WORDS[place - 1]!);
    await press('Continue');
    await type('Passphrase', FAKE_PASSPHRASE);
    await press('Create the identity');
    expect(said()).toContain('The two passphrases differ.');
    expect(made(fake, 'identity:confirm')).toEqual([]);
    await type('Once more', FAKE_PASSPHRASE);
    expect(await violations()).toEqual([]);
    await press('Create the identity');
    expect(made(fake, 'identity:confirm')).toHaveLength(1);
    expect(fake.state.identity.status).toBe('unlocked');
    expect(await screen.findByTitle(fake.state.identity.identity!.peerId)).toBeTruthy();
  });

  it('goes back to the words when one was wrong', async () => {
    await show(<App />);
    await press('Create …');
    await screen.findByRole('list', { name: 'Recovery phrase' });
    await act(async () => fireEvent.click(screen.getByRole('checkbox')));
    await press('Continue');
    for (const place of [3, 9, 17, 24]) await type(`Word ${place}`, 'zoo');
    await press('Continue');
    await type('Passphrase', FAKE_PASSPHRASE);
    await type('Once more', FAKE_PASSPHRASE);
    await press('Create the identity');
    expect(screen.getByRole('heading', { name: 'Show that you have them' })).toBeTruthy();
    expect(said()).toContain('WORDS_WRONG');
  });

  it('restores from the phrase, counts the words, and says what is wrong with them', async () => {
    const { fake } = await show(<App />);
    await press('Restore …');
    await type(/The 24 words/, 'abandon abandon');
    expect(screen.getByText('2 of 24 words')).toBeTruthy();
    await press('Restore the identity');
    expect(said()).toContain('there are 2 so far');
    await type(/The 24 words/, Array.from({ length: 24 }, () => 'zoo').join(' '));
    await type('Passphrase', FAKE_PASSPHRASE);
    await type('Once more', FAKE_PASSPHRASE);
    await press('Restore the identity');
    expect(said()).toContain('PHRASE_CHECKSUM');
    await type(/The 24 words/, FAKE_WORDS.join(' '));
    await press('Restore the identity');
    expect(fake.state.identity.status).toBe('unlocked');
  });

  it('unlocks, refuses a wrong passphrase with a sentence, and offers the way out', async () => {
    const { fake } = await show(<App />, ({ state }) => {
      state.identity = sampleIdentity({
        status: 'locked',
        lockedReason: 'The node has started anew; unlock the keys.',
      });
    });
    expect(screen.getByText('The node has started anew; unlock the keys.')).toBeTruthy();
    await type('Passphrase', 'not this one');
    await press('Unlock');
    expect(said()).toContain('PASSPHRASE_WRONG');
    await press('Passphrase forgotten');
    const dialog = await screen.findByRole('dialog', { name: 'Set the protection anew' });
    await press('Cancel', dialog);
    await type('Passphrase', FAKE_PASSPHRASE);
    await press('Unlock');
    expect(fake.state.identity.status).toBe('unlocked');
    expect(await violations()).toEqual([]);
  });

  it('tells a passed drill from a failed one', async () => {
    await show(<App />, ({ state }) => {
      state.identity = sampleIdentity({ drillDue: true });
    });
    expect(screen.getByText('A restore drill is due')).toBeTruthy();
    await press('Do it now');
    await type(/The 24 words/, Array.from({ length: 24 }, () => 'zoo').join(' '));
    await press('Compare');
    expect(screen.getByText(/not the words, or not the backup/)).toBeTruthy();
    await type(/The 24 words/, FAKE_WORDS.join(' '));
    await press('Compare');
    expect(screen.getByText('All keys came back')).toBeTruthy();
  });

  it('locks', async () => {
    const { fake } = await show(<App />, ({ state }) => {
      state.identity = sampleIdentity();
    });
    await press('Lock now');
    expect(fake.state.identity.status).toBe('locked');
  });
});

describe('Identity in the first run', () => {
  it('offers one, makes none unless the words were confirmed, and lets the owner go on without', async () => {
    const { fake } = await show(<App />, ({ state }) => {
      state.config.firstRunDone = false;
    });
    await press('Next');
    await press('Next');
    expect(screen.getByRole('heading', { name: 'Who you are' })).toBeTruthy();
    // While words are on the page, nothing else leads away from it by mistake.
    await press('Create an identity');
    await screen.findByRole('list', { name: 'Recovery phrase' });
    expect(screen.queryByRole('button', { name: 'Next' })).toBeNull();
    await press('Cancel');
    await press('Next');
    await press('Finish');
    expect(made(fake, 'identity:confirm')).toEqual([]);
    expect(fake.state.identity.status).toBe('none');
    expect(fake.state.config.firstRunDone).toBe(true);
  });
});
