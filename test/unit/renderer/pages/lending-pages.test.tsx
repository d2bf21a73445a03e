import { act, fireEvent, screen, within } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import { lendingCalls, tunnelCalls } from '../../../../preload/contract/index.ts';
import { priceText, useText } from '../../../../renderer/components/leases/lease-text.ts';
import { BorrowPage } from '../../../../renderer/pages/borrow/borrow-page.tsx';
import { LendPage } from '../../../../renderer/pages/lend/lend-page.tsx';
import { TunnelsPage } from '../../../../renderer/pages/tunnels/tunnels-page.tsx';
import { FAKE_ADDRESS, sampleGuard, sampleLease } from '../../../support/fake-lending.ts';
import { show } from '../show.tsx';
import { violations } from '../violations.ts';

const press = (element: HTMLElement) => act(async () => fireEvent.click(element));
const type = (label: string | RegExp, value: string) =>
  act(async () => fireEvent.change(screen.getByLabelText(label), { target: { value } }));
const region = (name: string) => within(screen.getByRole('region', { name }));
const dialog = async () => within(await screen.findByRole('dialog'));

beforeEach(() => {
  window.location.hash = '';
});

describe('Lend', () => {
  const page = (
    <main>
      <LendPage />
    </main>
  );
  it('shows who borrows, promised beside measured, and what is offered to whom', async () => {
    await show(page);
    expect(region('Who borrows').getByRole('row', { name: /Memory.*attic.*12 MiB of 64 MiB.*running/ })).toBeTruthy();
    const offers = region('What you offer');
    expect(offers.getByText(/everybody whom you trust by name can find and borrow it/)).toBeTruthy();
    expect(offers.getByText('not offered')).toBeTruthy();
    expect(await violations()).toEqual([]);
  });
  it('ends a lease after asking, and keeps it among those before', async () => {
    const { fake: client } = await show(page);
    await press(region('Who borrows').getByRole('button', { name: /^End …/ }));
    await press((await dialog()).getByRole('button', { name: 'End it' }));
    expect(client.made.at(-1)).toEqual({ name: 'leases:end', request: { lease: sampleLease().id } });
    expect(await screen.findByText('Nobody borrows from you now')).toBeTruthy();
    await press(screen.getByLabelText('Before 1'));
    expect(region('Who borrows').getByRole('row', { name: /ended.*its owner ended it/ })).toBeTruthy();
  });
  it('shows what a level would mean before it is taken', async () => {
    const { fake: client } = await show(page);
    await press(screen.getByRole('button', { name: /Who may …\s*borrow memory/ }));
    const shown = await dialog();
    expect(await shown.findByRole('row', { name: /Your own nodes yes yes yes 0/ })).toBeTruthy();
    expect(shown.queryByRole('button', { name: 'Take this level' })).toBeNull();
    await press(shown.getByRole('combobox', { name: 'Privacy level' }));
    await press(await screen.findByRole('option', { name: 'Fully public', hidden: true }));
    expect(await shown.findByText(/people without a name, too/)).toBeTruthy();
    expect(await violations()).toEqual([]);
    await press(shown.getByRole('button', { name: 'Take this level' }));
    expect(client.made.findLast(({ name }) => name === 'share:set')?.request).toEqual({
      resource: 'memory',
      terms: { privacyLevel: 'FullPublic' },
    });
  });
  it('shows the guard at work, green, and red with what to do', async () => {
    const { fake: client } = await show(page);
    const guard = () => region('Home guard');
    expect(guard().getByText('Nothing got where it must not')).toBeTruthy();
    expect(guard().getByRole('row', { name: 'SOCKS5 exit 1 0' })).toBeTruthy();
    await press(guard().getByRole('button', { name: 'Show each of the 3 probes' }));
    expect(guard().getByRole('row', { name: /SOCKS5 exit.*router.*refused/ })).toBeTruthy();
    await press(guard().getByRole('button', { name: 'Show less' }));
    await press(guard().getByRole('button', { name: 'Try now' }));
    expect(guard().getByText('Probe 0 of 3')).toBeTruthy();
    const [first, ...rest] = sampleGuard().probes;
    await act(async () =>
      client.push(
        'guard',
        sampleGuard({
          verdict: 'red',
          probes: first === undefined ? rest : [{ ...first, result: 'reached' }, ...rest],
        }),
      ),
    );
    expect(guard().getByText(/Set the network to 0 %/)).toBeTruthy();
    expect(guard().getByRole('row', { name: /SOCKS5 exit.*reached/ })).toBeTruthy();
  });
  it('keeps the list of places where traffic may leave to', async () => {
    const { fake: client } = await show(page);
    await press(screen.getByLabelText('Only what is listed'));
    await type('List', ' *.example.org:443 \n\n[2001:db8::/32]:*');
    await press(region('Where traffic may leave to').getByRole('button', { name: 'Keep' }));
    expect(client.made.at(-1)).toEqual({
      name: 'exit:set',
      request: { mode: 'list', allowed: ['*.example.org:443', '[2001:db8::/32]:*'] },
    });
    expect(await violations()).toEqual([]);
  });
  it('puts peers into groups and takes them out', async () => {
    const { fake: client } = await show(page);
    await press(region('Address book').getByRole('button', { name: /Take .* out of own/ }));
    expect(client.made.some(({ name }) => name === 'groups:remove')).toBe(true);
    expect(await screen.findByText('No groups yet')).toBeTruthy();
  });
});

describe('Borrow', () => {
  const page = (
    <main>
      <BorrowPage />
    </main>
  );
  it('finds offers and asks for a lease', async () => {
    const { fake: client } = await show(page);
    expect(region('What you borrow').getByRole('row', { name: /Memory.*studio/ })).toBeTruthy();
    await press(region('What others lend').getByRole('button', { name: /Borrow …\s*from attic/ }));
    const shown = await dialog();
    await type('How much', '5000');
    expect(shown.getByText('At most 4 GiB')).toBeTruthy();
    expect(shown.getByRole<HTMLButtonElement>('button', { name: 'Ask for it' }).disabled).toBe(true);
    await type('How much', '128');
    expect(await violations()).toEqual([]);
    await press(shown.getByRole('button', { name: 'Ask for it' }));
    const request = client.made.findLast(({ name }) => name === 'leases:request')?.request;
    expect(lendingCalls['leases:request'].request.parse(request)).toMatchObject({
      amount: 128 * 1024 ** 2,
      minutes: 60,
      route: 'direct',
    });
    expect(await region('What you borrow').findByRole('row', { name: /asked/ })).toBeTruthy();
  });
  it('checks the file of a lease, and says what does not hold', async () => {
    await show(page);
    const input = document.querySelector<HTMLInputElement>('input[type=file]');
    const drop = (bytes: number[]) =>
      act(async () => {
        const file = new File([new Uint8Array(bytes)], 'bill.hmlease');
        fireEvent.change(input as HTMLInputElement, { target: { files: [file] } });
      });
    await drop([1, 2, 3]);
    expect(await screen.findByText('A signature of the offer does not hold.')).toBeTruthy();
    expect(screen.getByText('does not hold')).toBeTruthy();
    await drop([9]);
    expect(await screen.findByText(/That is no file of a lease/)).toBeTruthy();
    expect(await violations()).toEqual([]);
  });
  it('keeps a value in far memory and reads it back', async () => {
    const { fake: client } = await show(page);
    await press(screen.getByRole('button', { name: /^Use …/ }));
    const shown = await dialog();
    await type('Key', 'notes');
    await type('Value', 'bread, mjölk');
    await press(shown.getByRole('button', { name: 'Keep' }));
    const request = client.made.findLast(({ name }) => name === 'memory:put')?.request;
    const { value } = tunnelCalls['memory:put'].request.parse(request);
    expect(Buffer.from(value, 'base64').toString()).toBe('bread, mjölk');
    await type('Value', '');
    await press(shown.getByRole('button', { name: 'Read' }));
    expect(shown.getByDisplayValue('bread, mjölk')).toBeTruthy();
  });
  it('says how jobs run on leased containers', async () => {
    const lease = sampleLease({
      side: 'borrowed',
      resource: 'container',
      unit: 'containers',
      amount: 4,
      measured: null,
    });
    await show(page, (fake) => {
      fake.state.lending.leases = [lease];
    });
    await press(region('What you borrow').getByRole('button', { name: /^Use …/ }));
    const shown = await dialog();
    expect(shown.getByText(lease.id)).toBeTruthy();
    expect(shown.getByRole('link', { name: 'Start a job' }).getAttribute('href')).toBe('#/jobs/new');
  });
});

describe('Tunnels', () => {
  const page = (
    <main>
      <TunnelsPage />
    </main>
  );
  it('shows what is exposed and reached, and lets the address be copied', async () => {
    await show(page);
    expect(region('Exposed here').getByText(`[${FAKE_ADDRESS}]:8080`)).toBeTruthy();
    expect(region('Exposed here').getByText(/1 open of 14/)).toBeTruthy();
    expect(region('Reached from here').getByText('[::1]:2222', { selector: 'code' })).toBeTruthy();
    expect(region('Proxies').getByText('mesh only')).toBeTruthy();
    expect(await violations()).toEqual([]);
  });
  it('exposes a service for whom its owner says', async () => {
    const { fake: client } = await show(page);
    await press(screen.getByRole('button', { name: 'Expose a service …' }));
    const shown = await dialog();
    await type('Service', '8080');
    await type('Names of the peers', 'attic, @friends');
    expect(await violations()).toEqual([]);
    await press(shown.getByRole('button', { name: 'Expose' }));
    const request = client.made.findLast(({ name }) => name === 'tunnels:expose')?.request;
    expect(tunnelCalls['tunnels:expose'].request.parse(request)).toMatchObject({
      target: '8080',
      protocol: 'http',
      privacyLevel: 'P2P',
      privacyNames: ['attic', '@friends'],
    });
    expect(region('Exposed here').getAllByRole('listitem')).toHaveLength(2);
  });
  it('takes a far address only where it is one, and shows each step of a test', async () => {
    await show(page);
    await press(screen.getByRole('button', { name: 'Test an address …' }));
    const shown = await dialog();
    await type('Global address with its port', '[2001:db8::1]:80');
    expect(shown.getByRole<HTMLButtonElement>('button', { name: 'Test' }).disabled).toBe(true);
    await type('Global address with its port', `[${FAKE_ADDRESS}]:80`);
    await press(shown.getByRole('button', { name: 'Test' }));
    expect(await shown.findByText(/Nobody that this node knows answers for it/)).toBeTruthy();
  });
  it('says how to grant the right that the VPN needs', async () => {
    await show(page);
    await press(screen.getByRole('switch', { name: 'VPN' }));
    expect(await screen.findByText(/grant it with sudo setcap/)).toBeTruthy();
    expect(await violations()).toEqual([]);
  });
});

describe('texts of leases', () => {
  it('tell a price per unit that a person can compare', () => {
    expect(priceText('0', 'memory')).toBe('for nothing');
    expect(priceText('2500', 'memory')).toBe('0.0025 CAES per GiB and hour');
    expect(priceText('2500000', 'gpu:card0')).toBe('2.5 CAES per card and hour');
  });
  it('put what is measured beside what was promised, and leave it out where only the other side knows', () => {
    expect(useText(sampleLease())).toBe('12 MiB of 64 MiB');
    expect(useText(sampleLease({ measured: null }))).toBe('64 MiB');
  });
});
