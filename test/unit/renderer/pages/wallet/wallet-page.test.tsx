import { act, fireEvent, screen, within } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { walletDraft, walletEntry, walletView } from '../../../../../preload/contract/index.ts';
import { WalletPage } from '../../../../../renderer/pages/wallet/wallet-page.tsx';
import { FAKE_PASSPHRASE, sampleIdentity } from '../../../../support/fake-identity.ts';
import type { FakeNodeClient } from '../../../../support/fake-node-client.ts';
import { ANNA, emptyWallet, manyEntries, sampleEntries, sampleWallet } from '../../../../support/fake-wallet.ts';
import { show } from '../../show.tsx';
import { violations } from '../../violations.ts';

// As in the shell: a page is inside of the main landmark.
const page = (part: string | null = null) => (
  <main>
    <WalletPage part={part} />
  </main>
);
const unlocked = (fake: FakeNodeClient): void => {
  fake.state.identity = sampleIdentity();
};
const press = (element: HTMLElement) => act(async () => fireEvent.click(element));
/** Lists to choose from have the label of their field, too. */
const FIELDS = 'input, textarea';
const type = (label: string | RegExp, value: string) =>
  act(async () => fireEvent.change(screen.getByLabelText(label, { selector: FIELDS }), { target: { value } }));
const asked = (fake: FakeNodeClient, name: string) => fake.made.filter((call) => call.name === name);
/** Amounts have a thin space between their groups. */
const caes = (text: string): string => text.replaceAll(' ', '\u202f').replace('\u202fCAES', ' CAES');

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('WalletPage', () => {
  it('is shown what the contract lets a node say', () => {
    expect(walletView.parse(sampleWallet())).toBeTruthy();
    for (const entry of sampleEntries()) expect(walletEntry.parse(entry)).toBeTruthy();
  });

  it('says where to create an identity when there is none', async () => {
    await show(page(), (fake) => {
      fake.state.wallet.view = emptyWallet();
    });
    expect(screen.getByRole('link', { name: 'Create an identity' }).getAttribute('href')).toBe('#/settings/identity');
    expect(screen.queryByRole('tab')).toBeNull();
    expect(await violations()).toEqual([]);
  });

  it('says what went wrong when the wallet cannot be read', async () => {
    await show(page(), (fake) =>
      fake.failNext('wallet:get', { name: 'StoreError', code: 'STORE_BROKEN', message: 'The database is damaged.' }),
    );
    expect(screen.getByRole('alert').textContent).toContain('The database is damaged.');
  });

  it('shows accounts with each part, the total of own ones, and the network with its height', async () => {
    await show(page(), unlocked);
    expect(screen.getByText(caes('1 484 625.3899'), { exact: false, normalizer: (text) => text })).toBeTruthy();
    expect(screen.getByRole('link', { name: 'attic' }).getAttribute('href')).toMatch(/^#\/ledger\/[0-9a-f]{64}$/);
    expect(screen.getByText('12,408')).toBeTruthy();
    const main = within(screen.getByRole('heading', { level: 3, name: 'main' }).closest('li') as HTMLElement);
    expect(main.getByText('12.5 CAES')).toBeTruthy();
    expect(main.getByText('2.0001 CAES')).toBeTruthy();
    expect(screen.getByText('watched')).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it('locks at once, and then only shows', async () => {
    const { fake } = await show(page('send'), unlocked);
    await press(screen.getByRole('button', { name: 'Lock now' }));
    expect(asked(fake, 'identity:lock')).toHaveLength(1);
    fake.state.wallet.view = sampleWallet({ status: 'locked', reason: 'You locked it.' });
    await act(async () => fake.push('wallet', fake.state.wallet.view));
    expect(screen.getByText('Locked: nothing can be signed')).toBeTruthy();
    expect(screen.getByRole('link', { name: 'Unlock' }).getAttribute('href')).toBe('#/settings/identity');
    await type('To', 'anna');
    await type('Amount', '1');
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Review' }).disabled).toBe(true);
  });

  it('sends only after a review with fee and result, and only with the passphrase', async () => {
    const { fake } = await show(page('send'), unlocked);
    await type('To', ANNA);
    await type('Amount', '12,5');
    await type('Note', 'for March');
    await press(screen.getByRole('button', { name: 'Review' }));
    expect(asked(fake, 'wallet:draft').at(-1)?.request).toMatchObject({
      kind: 'send',
      to: ANNA,
      amount: '12.5',
      memo: 'for March',
    });
    expect(walletDraft.parse(fake.state.wallet.draft)).toBeTruthy();
    expect(screen.getByText('You have never sent anything to this address.')).toBeTruthy();
    expect(screen.getByText('Fee').nextElementSibling?.textContent).toBe('0.0012 CAES');
    expect(screen.getByText(caes('1 234 555.3888 CAES'), { normalizer: (text) => text })).toBeTruthy();
    expect(asked(fake, 'wallet:approve')).toHaveLength(0);
    const sign = screen.getByRole<HTMLButtonElement>('button', { name: 'Sign' });
    expect(sign.disabled).toBe(true);
    expect(await violations()).toEqual([]);
    await type('Passphrase of the keys', 'wrong');
    await press(sign);
    expect(screen.getByRole('alert').textContent).toContain('PASSPHRASE_WRONG');
    await type('Passphrase of the keys', FAKE_PASSPHRASE);
    await press(sign);
    expect(screen.getByText('Final in block 12409')).toBeTruthy();
    expect(await violations()).toEqual([]);
    await press(screen.getByRole('button', { name: 'Send something else' }));
    expect(screen.getByLabelText<HTMLInputElement>('To', { selector: FIELDS }).value).toBe('');
  });

  it('leaves asking to the dialog of the program, and says so when it was declined', async () => {
    const { fake } = await show(page('send'), (node) => {
      unlocked(node);
      node.state.wallet.view = sampleWallet({ approval: 'dialog' });
    });
    await type('To', 'anna');
    await type('Amount', '1');
    await press(screen.getByRole('button', { name: 'Review' }));
    expect(screen.queryByLabelText('Passphrase of the keys')).toBeNull();
    fake.failNext('wallet:approve', { name: 'WalletError', code: 'DECLINED', message: 'You declined.' });
    await press(screen.getByRole('button', { name: 'Sign …' }));
    expect(screen.getByText('Nothing was signed. To sign it after all, go back and review it once more.')).toBeTruthy();
    // The node has forgotten the draft.
    expect(screen.queryByRole('button', { name: 'Sign …' })).toBeNull();
    await press(screen.getByRole('button', { name: 'Back' }));
    await press(screen.getByRole('button', { name: 'Review' }));
    fake.failNext('wallet:approve', { name: 'WalletError', code: 'PASSPHRASE_NEEDED', message: 'No dialog is here.' });
    await press(screen.getByRole('button', { name: 'Sign …' }));
    await type('Passphrase of the keys', FAKE_PASSPHRASE);
    await press(screen.getByRole('button', { name: 'Sign' }));
    expect(asked(fake, 'wallet:approve').at(-1)?.request).toMatchObject({ passphrase: FAKE_PASSPHRASE });
    expect(screen.getByText(/^Final/)).toBeTruthy();
  });

  it('goes back from a review to what was typed, and signs no draft whose time is over', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    const { fake } = await show(page('send'), unlocked);
    await type('To', 'anna');
    await type('Amount', '1');
    await press(screen.getByRole('button', { name: 'Review' }));
    await act(async () => vi.advanceTimersByTime(5 * 60_000 + 1));
    expect(screen.getByText('This took too long')).toBeTruthy();
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Sign' }).disabled).toBe(true);
    await press(screen.getByRole('button', { name: 'Back' }));
    expect(screen.getByLabelText<HTMLInputElement>('To', { selector: FIELDS }).value).toBe('anna');
    expect(asked(fake, 'wallet:approve')).toHaveLength(0);
  });

  it('refuses what is no amount before it asks, and says what the node refuses', async () => {
    const { fake } = await show(page('send'), unlocked);
    await type('To', 'anna');
    for (const wrong of ['1.1234567', '-1', '1e3', '1 000']) {
      await type('Amount', wrong);
      expect(screen.getByText('Write it like 12.5, with six places at most.')).toBeTruthy();
      expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Review' }).disabled).toBe(true);
    }
    await type('Amount', '9999999999999');
    await press(screen.getByRole('button', { name: 'Review' }));
    expect(screen.getByRole('alert').textContent).toContain('NOT_ENOUGH');
    expect(asked(fake, 'wallet:approve')).toHaveLength(0);
    await press(screen.getByRole('button', { name: 'All of it' }));
    expect(screen.getByLabelText<HTMLInputElement>('Amount', { selector: FIELDS }).value).toBe('1234567.8888');
  });

  it('takes a payment link without an amount', async () => {
    const { fake } = await show(page('send'), unlocked);
    await type('To', `hypermesh:pay?to=${ANNA}&amount=12.5`);
    await press(screen.getByRole('button', { name: 'Review' }));
    expect(asked(fake, 'wallet:draft').at(-1)?.request).not.toHaveProperty('amount');
  });

  it('shows an address as a code, and requests with theirs', async () => {
    const { fake } = await show(page('receive'), unlocked);
    expect(screen.getByRole('img', { name: 'The address of main as a QR code' })).toBeTruthy();
    await type('Amount', '7');
    await type('Note', 'for April');
    await press(screen.getByRole('button', { name: 'Make the request' }));
    expect(asked(fake, 'wallet:request').at(-1)?.request).toMatchObject({ amount: '7', memo: 'for April' });
    expect(screen.getByRole('img', { name: 'The payment link as a QR code' })).toBeTruthy();
    expect(screen.getByText('nothing yet')).toBeTruthy();
    expect(await violations()).toEqual([]);
    await press(screen.getByRole('button', { name: /^Remove/ }));
    expect(screen.getByText('Nothing asked for')).toBeTruthy();
  });

  it('takes an address out of the clipboard after a minute, unless something else is there', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    let content = '';
    const clipboard = {
      writeText: vi.fn(async (text: string) => {
        content = text;
      }),
      readText: vi.fn(async () => content),
    };
    Object.defineProperty(navigator, 'clipboard', { configurable: true, value: clipboard });
    vi.spyOn(document, 'hasFocus').mockReturnValue(true);
    await show(page('receive'), unlocked);
    const [copy] = screen.getAllByRole('button', { name: /^Copy the address of main/ });
    if (copy === undefined) throw new Error('nothing copies the address');
    await press(copy);
    expect(content).toMatch(/^caes1/);
    await act(async () => vi.advanceTimersByTimeAsync(60_000));
    expect(content).toBe('');
    await press(copy);
    content = 'something else';
    await act(async () => vi.advanceTimersByTimeAsync(60_000));
    expect(content).toBe('something else');
    Reflect.deleteProperty(navigator, 'clipboard');
  });

  it('leaves the clipboard to the program in the window, where no page may read it', async () => {
    const clipboard = { writeText: vi.fn(async () => {}), readText: vi.fn(async () => '') };
    const forgotten: string[] = [];
    Object.defineProperty(navigator, 'clipboard', { configurable: true, value: clipboard });
    Object.assign(window, { hypermeshWindow: { forgetCopied: (text: string) => void forgotten.push(text) } });
    await show(page('receive'), unlocked);
    const [copy] = screen.getAllByRole('button', { name: /^Copy the address of main/ });
    if (copy === undefined) throw new Error('nothing copies the address');
    await press(copy);
    expect(forgotten).toEqual([expect.stringMatching(/^caes1/)]);
    expect(clipboard.readText).not.toHaveBeenCalled();
    Reflect.deleteProperty(window, 'hypermeshWindow');
    Reflect.deleteProperty(navigator, 'clipboard');
  });

  it('puts into the stake and takes out of it, and says what waits', async () => {
    const { fake } = await show(page('stake'), unlocked);
    expect(screen.getByText('3.5 % a year')).toBeTruthy();
    expect(screen.getByText('7 d')).toBeTruthy();
    await press(screen.getByRole('radio', { name: 'Take out' }));
    expect(screen.getByText(/It is free 7 d later/)).toBeTruthy();
    await type('Amount', '100');
    await press(screen.getByRole('button', { name: 'Review' }));
    expect(asked(fake, 'wallet:draft').at(-1)?.request).toMatchObject({ kind: 'unstake', amount: '100' });
    expect(await violations()).toEqual([]);
  });

  it('keeps an address book and sends to its names', async () => {
    const { fake } = await show(page('contacts'), unlocked);
    expect(screen.getByText('next door')).toBeTruthy();
    await press(screen.getByRole('button', { name: /^Send.*anna$/ }));
    expect(window.location.hash).toBe('#/wallet/send');
    await press(screen.getByRole('button', { name: 'Add …' }));
    await type('Name', 'bert');
    await type('Address', ANNA.toUpperCase());
    fake.failNext('wallet:setContact', { name: 'WalletError', code: 'ADDRESS_WRONG', message: 'One letter is wrong.' });
    await press(screen.getByRole('button', { name: 'Add' }));
    expect(screen.getByRole('alert').textContent).toContain('One letter is wrong.');
    expect(asked(fake, 'wallet:setContact').at(-1)?.request).toMatchObject({ address: ANNA });
  });

  it('signs a message and checks one', async () => {
    const { fake } = await show(page('messages'), unlocked);
    await type('Message', 'I am here.');
    await press(screen.getByRole('button', { name: 'Review' }));
    expect(screen.queryByText('Fee')).toBeNull();
    await type('Passphrase of the keys', FAKE_PASSPHRASE);
    await press(screen.getByRole('button', { name: 'Sign' }));
    expect(screen.getByRole('button', { name: 'Save the file' })).toBeTruthy();
    const input = document.querySelector('input[type=file]') as HTMLInputElement;
    const choose = (bytes: number[]) =>
      act(async () => {
        const files = [new File([new Uint8Array(bytes)], 'letter.hmmessage')];
        Object.defineProperty(input, 'files', { value: files, configurable: true });
        fireEvent.change(input);
        await new Promise((done) => setTimeout(done, 20));
      });
    await choose([0, 1, 2]);
    expect(screen.getByText('Both signatures hold')).toBeTruthy();
    expect(screen.getByText('I have read the rules.')).toBeTruthy();
    await choose([9]);
    expect(screen.getByRole('alert').textContent).toContain('MESSAGE_MALFORMED');
    expect(screen.queryByText('Both signatures hold')).toBeNull();
    expect(asked(fake, 'wallet:verifyMessage')).toHaveLength(2);
  });

  it('keeps the time of locking and the owner’s price list', async () => {
    const { fake } = await show(page('keeping'), unlocked);
    const minutes = screen.getByLabelText('Minutes until the wallet locks by itself');
    await act(async () => {
      fireEvent.change(minutes, { target: { value: '30' } });
      fireEvent.blur(minutes);
    });
    expect(fake.state.wallet.view.lockAfterMinutes).toBe(30);
    await type('Day', '2026-01-05');
    await type('One CAES is worth', '0.2');
    await press(screen.getByRole('button', { name: 'Keep' }));
    expect(fake.state.wallet.view.priceList).toEqual([
      { day: '2026-01-05', value: 0.2, currency: 'EUR' },
      { day: '2026-01-04', value: 0.12, currency: 'EUR' },
    ]);
    expect(await violations()).toEqual([]);
  });

  it('adds accounts, own ones and watched ones', async () => {
    const { fake } = await show(page(), unlocked);
    await press(screen.getByRole('button', { name: 'Add …' }));
    await press(screen.getByRole('radio', { name: 'One to watch' }));
    await type('Name', 'shed');
    await type('Address', ANNA);
    await press(screen.getByRole('button', { name: 'Add' }));
    expect(asked(fake, 'wallet:addAccount').at(-1)?.request).toEqual({ name: 'shed', watch: ANNA });
    expect(screen.getByRole('heading', { level: 3, name: /^shed/ })).toBeTruthy();
  });
});

describe('the history', () => {
  it('opens an entry with its transaction, block and lease', async () => {
    await show(page('history'), unlocked);
    expect(screen.getByText('not final')).toBeTruthy();
    expect(await violations()).toEqual([]);
    await press(screen.getByRole('button', { name: /^Lent to/ }));
    const sheet = within(await screen.findByRole('dialog', { name: /^Lent to/ }));
    expect(sheet.getByRole('link', { name: 'Block 12399' }).getAttribute('href')).toMatch(/%3A12399$/);
    expect(sheet.getByRole('button', { name: 'Save the receipt file' })).toBeTruthy();
  });

  it('draws a screenful of a hundred thousand entries, and loads as far as one looks', async () => {
    const { fake } = await show(page('history'), (node) => {
      unlocked(node);
      node.state.wallet.entries = manyEntries(100_000);
    });
    const list = screen.getByRole('list', { name: 'Entries, newest first' });
    expect(within(list).getAllByRole('listitem').length).toBeLessThan(80);
    expect(within(list).getAllByRole('listitem')[0]?.getAttribute('aria-setsize')).toBe('100000');
    const before = asked(fake, 'wallet:history').length;
    expect(before).toBeLessThan(4);
    const box = list.parentElement as HTMLElement;
    await act(async () => {
      box.scrollTop = 5000 * 60;
      fireEvent.scroll(box);
      await new Promise((done) => setTimeout(done, 200));
    });
    expect(within(list).getAllByRole('listitem').length).toBeLessThan(80);
    expect(within(list).getByText(/number 5000$/)).toBeTruthy();
    const jump = async (top: number): Promise<number> => {
      const asks = asked(fake, 'wallet:history').length;
      await act(async () => {
        box.scrollTop = top;
        fireEvent.scroll(box);
        await new Promise((done) => setTimeout(done, 200));
      });
      return asked(fake, 'wallet:history').length - asks;
    };
    // The oldest of all are a few questions away, not hundreds.
    expect(await jump(99_980 * 60)).toBeLessThan(5);
    expect(within(list).getByText(/number 99980$/)).toBeTruthy();
    expect(await jump(0)).toBeLessThan(5);
    expect(within(list).getByText(/number 0$/)).toBeTruthy();
  });

  it('moves between entries by keyboard with one Tab stop', async () => {
    await show(page('history'), unlocked);
    const list = screen.getByRole('list', { name: 'Entries, newest first' });
    const buttons = within(list).getAllByRole('button');
    expect(buttons.map((button) => button.tabIndex)).toEqual([0, -1, -1, -1, -1, -1]);
    await act(async () => {
      buttons[0]?.focus();
      fireEvent.keyDown(list, { key: 'ArrowDown' });
    });
    expect(document.activeElement).toBe(buttons[1]);
    await act(async () => fireEvent.keyDown(list, { key: 'End' }));
    expect(document.activeElement).toBe(buttons[5]);
  });

  it('asks for what the filters say, and shows a new entry when it comes', async () => {
    const { fake } = await show(page('history'), unlocked);
    await type('From', '2026-01-04');
    await type('To', '2026-01-05');
    expect(asked(fake, 'wallet:history').at(-1)?.request).toMatchObject({
      fromMs: new Date(2026, 0, 4).getTime(),
      toMs: new Date(2026, 0, 6).getTime() - 1,
    });
    expect(screen.getByText('Nothing matches')).toBeTruthy();
    await press(screen.getByRole('button', { name: 'Show everything' }));
    expect(screen.getAllByRole('button', { name: /^Sent to/ })).toHaveLength(2);
    const [first] = manyEntries(1);
    fake.state.wallet.entries = [{ ...first!, id: 'new' }, ...fake.state.wallet.entries.slice(0)];
    await act(async () => fake.push('wallet', fake.state.wallet.view));
    expect(screen.getByRole('button', { name: /^Received from anna/ })).toBeTruthy();
  });
});
