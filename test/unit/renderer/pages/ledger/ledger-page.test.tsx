import { act, fireEvent, screen, within } from '@testing-library/react';
import { describe, expect, it, vi } from 'vitest';
import { ledgerBlockView, ledgerSummary, ledgerView, receiptVerdict } from '../../../../../preload/contract/index.ts';
import { LedgerPage } from '../../../../../renderer/pages/ledger/ledger-page.tsx';
import { parameterText, partOf, syncText } from '../../../../../renderer/pages/ledger/ledger-text.ts';
import { FAKE_PASSPHRASE, sampleIdentity } from '../../../../support/fake-identity.ts';
import { sampleBlock, sampleLedger, sampleNetworks, sampleReceiptVerdict } from '../../../../support/fake-ledger.ts';
import type { FakeNodeClient } from '../../../../support/fake-node-client.ts';
import { ANNA, FAKE_LEDGER } from '../../../../support/fake-wallet.ts';
import { show } from '../../show.tsx';
import { violations } from '../../violations.ts';

// As in the shell: a page is inside of the main landmark.
const page = (part: string | null = null) => (
  <main>
    <LedgerPage part={part} />
  </main>
);
const unlocked = (fake: FakeNodeClient): void => {
  fake.state.identity = sampleIdentity();
};
const press = (element: HTMLElement) => act(async () => fireEvent.click(element));
const type = (label: string | RegExp, value: string) =>
  act(async () => fireEvent.change(screen.getByLabelText(label), { target: { value } }));
const region = (name: string) => within(screen.getByRole('region', { name }));
const requests = (fake: FakeNodeClient, name: string) =>
  fake.made.filter((call) => call.name === name).map(({ request }) => request);
const choose = (bytes: number[]) =>
  act(async () => {
    const input = document.querySelector('input[type=file]') as HTMLInputElement;
    Object.defineProperty(input, 'files', {
      value: [new File([new Uint8Array(bytes)], 'garden.hmgenesis')],
      configurable: true,
    });
    fireEvent.change(input);
    await new Promise((done) => setTimeout(done, 20));
  });

describe('the list of networks', () => {
  it('is shown what the contract lets a node say', () => {
    for (const network of sampleNetworks()) {
      expect(ledgerSummary.parse(network)).toBeTruthy();
      expect(ledgerView.parse(sampleLedger(network))).toBeTruthy();
    }
    expect(ledgerBlockView.parse(sampleBlock(12_403))).toBeTruthy();
    for (const failed of [true, false]) expect(receiptVerdict.parse(sampleReceiptVerdict(failed))).toBeTruthy();
  });

  it('marks the current and the home one, shows how far each is, and uses another', async () => {
    const { fake } = await show(page(), unlocked);
    const networks = region('Networks');
    const lines = networks.getAllByRole('listitem');
    expect(lines.map((line) => within(line).getByRole('heading').textContent)).toEqual([
      'atticcurrentthis node validates',
      'homehomethis node validates',
      'laboratory',
    ]);
    expect(networks.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('20');
    expect(await violations()).toEqual([]);
    await press(networks.getByRole('button', { name: /^Use.*home/ }));
    expect(fake.state.ledger.networks.find(({ current }) => current)?.name).toBe('home');
    expect(within(networks.getAllByRole('listitem')[1]!).getByText('current')).toBeTruthy();
  });

  it('says why one is halted, and what there is before an identity', async () => {
    const { fake } = await show(page(), (node) => {
      node.state.ledger.networks = [];
    });
    expect(screen.getByRole('link', { name: 'Create an identity' })).toBeTruthy();
    const [attic] = sampleNetworks();
    await act(async () => fake.push('ledgers', { ledgers: [{ ...attic!, halted: 'Two validators are away' }] }));
    expect(screen.getByText('halted')).toBeTruthy();
    expect(screen.getByText('Two validators are away.')).toBeTruthy();
  });

  it('joins by a genesis file, and refuses what is none', async () => {
    const { fake } = await show(page(), unlocked);
    await choose([5]);
    expect(screen.getByRole('alert').textContent).toContain('GENESIS_INVALID');
    await choose([0, 1, 2]);
    expect(requests(fake, 'ledgers:join').at(-1)).toEqual({ genesis: 'AAEC', use: true });
    expect(region('Networks').getByRole('link', { name: 'garden' })).toBeTruthy();
  });
});

describe('founding a network', () => {
  it('asks for what stands in the genesis, and hands over the file', async () => {
    const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => {});
    URL.createObjectURL = () => 'blob:genesis';
    const { fake } = await show(page('new'), unlocked);
    const found = screen.getByRole<HTMLButtonElement>('button', { name: 'Found the network' });
    expect(found.disabled).toBe(true);
    await type('Name', 'Garden Club');
    expect(screen.getByText(/begin with no hyphen/)).toBeTruthy();
    await type('Name', 'garden');
    await type('Validators besides this node', 'anna\n\n bert ');
    await type('Others who have something from the start', `${ANNA}=1000`);
    await press(found);
    expect(requests(fake, 'ledgers:create').at(-1)).toEqual({
      name: 'garden',
      validators: ['anna', 'bert'],
      accounts: [`${ANNA}=1000`],
      ownCaes: 1_000_000,
      heartbeatSeconds: 60,
      epochMinutes: 60,
    });
    expect(screen.getByText('garden is founded')).toBeTruthy();
    expect(click).toHaveBeenCalledOnce();
    expect(await violations()).toEqual([]);
    click.mockRestore();
  });

  it('needs keys that are open', async () => {
    await show(page('new'));
    await type('Name', 'garden');
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Found the network' }).disabled).toBe(true);
    expect(screen.getByRole('link', { name: 'Settings' }).getAttribute('href')).toBe('#/settings/identity');
  });
});

describe('one network', () => {
  it('shows its head, validators, evidence, prices, supply and schedule', async () => {
    await show(page(FAKE_LEDGER), unlocked);
    expect(screen.getByRole('heading', { level: 1, name: 'attic' })).toBeTruthy();
    const validators = within(region('Validators').getByRole('table'));
    expect(validators.getByText('41 of 100 blocks')).toBeTruthy();
    expect(validators.getByText('9 proposals missed')).toBeTruthy();
    expect(validators.getByText('Its votes come 2.1 s after those of the others.')).toBeTruthy();
    for (const state of ['signing', 'slow', 'silent', 'out']) expect(validators.getByText(state)).toBeTruthy();
    expect(region('Evidence').getByText(/of the stake were burnt/)).toBeTruthy();
    expect(region('Prices').getByText('for 1 core for an hour')).toBeTruthy();
    expect(region('How many CAES there are').getByText(/halved every/)).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it('says that it is halted, and that it is not there', async () => {
    await show(page(FAKE_LEDGER), (fake) => {
      unlocked(fake);
      fake.state.ledger.networks = sampleNetworks().map((network) => ({
        ...network,
        halted: 'Validators with half of the power are away',
      }));
    });
    expect(screen.getByText('It goes no further')).toBeTruthy();
    expect(screen.getByText('Validators with half of the power are away.')).toBeTruthy();
  });

  it('says so when there is no network of that name', async () => {
    await show(page('nowhere'), unlocked);
    expect(screen.getByRole('alert').textContent).toContain('LEDGER_UNKNOWN');
  });

  it('lets members in and puts them out by a transaction of the wallet', async () => {
    const { fake } = await show(page(FAKE_LEDGER), unlocked);
    const members = region('Members');
    await type('Let somebody in', ANNA);
    await press(members.getByLabelText('May become a validator'));
    await press(members.getByRole('button', { name: 'Review' }));
    expect(requests(fake, 'wallet:draft').at(-1)).toEqual({ kind: 'admit', member: ANNA, mayValidate: true });
    await type('Passphrase of the keys', FAKE_PASSPHRASE);
    await press(members.getByRole('button', { name: 'Sign' }));
    expect(members.getByText(/^Final/)).toBeTruthy();
    await press(members.getByRole('button', { name: 'Back to the members' }));
    await press(members.getByRole('button', { name: /^Put out.*anna$/ }));
    expect(requests(fake, 'wallet:draft').at(-1)).toEqual({ kind: 'putOut', member: ANNA });
  });

  it('lets this node stop to validate, and begin where its account may', async () => {
    const { fake } = await show(page(FAKE_LEDGER), unlocked);
    const panel = region('This node as a validator');
    await press(panel.getByRole('button', { name: 'Stop validating …' }));
    const main = fake.state.wallet.view.accounts[0]?.address;
    expect(requests(fake, 'wallet:draft').at(-1)).toEqual({ kind: 'validate', account: main, join: false });
    await press(panel.getByRole('button', { name: 'Back' }));
    const again = async (): Promise<void> =>
      act(async () => fake.push('ledgers', { ledgers: fake.state.ledger.networks }));
    fake.state.ledger.change = { isValidator: false };
    await again();
    await press(panel.getByRole('button', { name: 'Become a validator …' }));
    expect(requests(fake, 'wallet:draft').at(-1)).toEqual({ kind: 'validate', account: main, join: true });
    await press(panel.getByRole('button', { name: 'Back' }));
    fake.state.ledger.change = { isValidator: false, members: [] };
    await again();
    expect(panel.queryByRole('button')).toBeNull();
    expect(panel.getByText(/not let in as a validator/)).toBeTruthy();
  });

  it('changes rules within their bounds, all of them in one draft', async () => {
    const { fake } = await show(page(FAKE_LEDGER), unlocked);
    const rules = region('Rules');
    expect(rules.getByText('1 min (60,000 ms)')).toBeTruthy();
    await press(rules.getByRole('button', { name: 'Change …' }));
    await type('economy.burnPermille, ‰', '900');
    expect(rules.getByText('Outside of the bounds.')).toBeTruthy();
    expect(rules.getByRole<HTMLButtonElement>('button', { name: 'Review 1 change' }).disabled).toBe(true);
    await type('economy.burnPermille, ‰', '20');
    await type('consensus.heartbeatMs, ms', '5000');
    await press(rules.getByRole('button', { name: 'Review 2 changes' }));
    expect(requests(fake, 'wallet:draft').at(-1)).toEqual({
      kind: 'parameters',
      changes: { 'consensus.heartbeatMs': '5000', 'economy.burnPermille': '20' },
    });
  });

  it('offers nothing to sign to who keeps no network, is locked, or looks at another one', async () => {
    const { fake } = await show(page(FAKE_LEDGER), (node) => {
      unlocked(node);
      node.state.ledger.change = { isAdmin: false };
    });
    expect(screen.queryByRole('button', { name: /^Put out/ })).toBeNull();
    expect(screen.queryByRole('button', { name: 'Change …' })).toBeNull();
    fake.state.ledger.change = {};
    fake.state.wallet.view = { ...fake.state.wallet.view, status: 'locked', reason: 'You locked it.' };
    await act(async () => {
      fake.push('wallet', fake.state.wallet.view);
      fake.push('ledgers', { ledgers: fake.state.ledger.networks });
    });
    expect(region('Members').getByText('You keep this network. You locked it.')).toBeTruthy();
    expect(screen.queryByRole('button', { name: /^Put out/ })).toBeNull();
  });

  it('opens a block with signers and transactions, and reads older ones', async () => {
    const { fake } = await show(page(`${FAKE_LEDGER}:12403`), unlocked);
    const sheet = within(await screen.findByRole('dialog', { name: 'Block 12403' }));
    expect(sheet.getByText('Signed by 3 of 4 validators')).toBeTruthy();
    expect(sheet.getByText(/did not sign/)).toBeTruthy();
    expect(sheet.getAllByText('account.transfer')).toHaveLength(2);
    await act(async () => fireEvent.click(screen.getByRole('button', { name: 'Older blocks', hidden: true })));
    expect(requests(fake, 'ledgers:blocks').at(-1)).toMatchObject({ before: 12_389 });
    expect(screen.getByRole('link', { name: 'Block 12370', hidden: true })).toBeTruthy();
  });

  it('leaves a network after asking, and says why it cannot', async () => {
    const { fake } = await show(page(FAKE_LEDGER), unlocked);
    await press(screen.getByRole('button', { name: 'Leave …' }));
    fake.failNext('ledgers:leave', {
      name: 'LedgerError',
      code: 'STILL_VALIDATOR',
      message: 'This node validates there; stop validating first.',
    });
    await press(await screen.findByRole('button', { name: 'Leave' }));
    expect(await screen.findByText(/stop validating first/)).toBeTruthy();
  });
});

it('reads where one is and how far a ledger is', () => {
  expect(partOf('attic')).toEqual({ ledger: 'attic', height: null });
  expect(partOf(`${FAKE_LEDGER}:12`)).toEqual({ ledger: FAKE_LEDGER, height: 12 });
  expect(partOf('attic:x')).toEqual({ ledger: 'attic', height: null });
  expect(
    syncText({ height: 0, sync: { state: 'snapshot', receivedChunks: 3, chunks: 12, target: 9000, fromPeer: 'anna' } }),
  ).toEqual({ text: 'Reading a snapshot of block 9,000: 3 of 12 parts', percent: 25 });
  expect(syncText({ height: 0, sync: { state: 'blocks', height: 0, target: 0, fromPeer: '' } }).percent).toBe(0);
  expect(parameterText('86400000', 'ms')).toBe('1 d (86,400,000 ms)');
  expect(parameterText('50', '‰')).toBe('50 ‰');
});
