import { act, fireEvent, screen, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { forecastView, funnelView, rewardExplanation, rewardsView } from '../../../../../preload/contract/index.ts';
import { RewardsPage } from '../../../../../renderer/pages/rewards/rewards-page.tsx';
import { seriesText } from '../../../../../renderer/pages/rewards/reward-chart.tsx';
import { unitSecondsText } from '../../../../../renderer/pages/rewards/receipt-text.ts';
import { currencyText } from '../../../../../renderer/pages/rewards/rewards-text.ts';
import { sampleIdentity } from '../../../../support/fake-identity.ts';
import type { FakeNodeClient } from '../../../../support/fake-node-client.ts';
import {
  noRewards,
  sampleExplanation,
  sampleForecast,
  sampleFunnel,
  sampleRewards,
} from '../../../../support/fake-rewards.ts';
import { show } from '../../show.tsx';
import { violations } from '../../violations.ts';

// As in the shell: a page is inside of the main landmark.
const page = (
  <main>
    <RewardsPage part={null} />
  </main>
);
const unlocked = (fake: FakeNodeClient): void => {
  fake.state.identity = sampleIdentity();
};
const press = (element: HTMLElement) => act(async () => fireEvent.click(element));
const region = (name: string) => within(screen.getByRole('region', { name }));
const requests = (fake: FakeNodeClient, name: string) =>
  fake.made.filter((call) => call.name === name).map(({ request }) => request);

describe('RewardsPage', () => {
  it('is shown what the contract lets a node say', () => {
    for (const period of ['today', 'week', 'month', 'all'] as const)
      expect(rewardsView.parse(sampleRewards(period))).toBeTruthy();
    expect(funnelView.parse(sampleFunnel('cpu', 'proof'))).toBeTruthy();
    expect(forecastView.parse(sampleForecast())).toBeTruthy();
    for (const entry of sampleRewards().entries) expect(rewardExplanation.parse(sampleExplanation(entry))).toBeTruthy();
  });

  it('says where to begin without an identity, and still checks receipts of others', async () => {
    await show(page);
    expect(screen.getByRole('link', { name: 'Create an identity' }).getAttribute('href')).toBe('#/settings/identity');
    expect(screen.queryByText('Why am I not earning?')).toBeNull();
    expect(screen.getByText('Choose a receipt file, or drop it here')).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it('shows sums with their unit, the chart as a table, and asks for the time that is chosen', async () => {
    const { fake } = await show(page, unlocked);
    const sums = region('What came of lending');
    expect(sums.getByText('214.81265')).toBeTruthy();
    expect(sums.getAllByText('CAES')).toHaveLength(3);
    expect(sums.getByRole('img').getAttribute('aria-label')).toMatch(/CAES earned in 30 steps; most, /);
    expect(sums.getByRole('table', { name: 'Earned per day' }).querySelectorAll('tbody tr')).toHaveLength(30);
    await press(sums.getByRole('radio', { name: 'Today' }));
    expect(requests(fake, 'rewards:get').at(-1)).toEqual({ period: 'today' });
    expect(sums.getByRole('table', { name: 'Earned per hour' }).querySelectorAll('tbody tr')).toHaveLength(24);
    expect(await violations()).toEqual([]);
  });

  it('reads anew when something was earned', async () => {
    const { fake } = await show(page, unlocked);
    const before = requests(fake, 'rewards:get').length;
    await act(async () => fake.push('rewards', { earnedTodayMicro: '1', comingMicro: '0' }));
    expect(requests(fake, 'rewards:get')).toHaveLength(before + 1);
  });

  it('says what went wrong, and shows the rest', async () => {
    await show(page, (fake) => {
      unlocked(fake);
      fake.failNext('rewards:get', { name: 'StoreError', code: 'STORE_BROKEN', message: 'The database is damaged.' });
    });
    expect(screen.getByRole('alert').textContent).toContain('The database is damaged.');
    expect(screen.getByText('Why am I not earning?')).toBeTruthy();
  });

  it('takes a reward apart down to its receipts and proofs, and saves the receipt file', async () => {
    const { fake } = await show(page, unlocked);
    await press(region('Each of them').getAllByRole('button', { name: /^Take apart/ })[0]!);
    const sheet = within(await screen.findByRole('dialog', { name: 'Paid by a borrower' }));
    expect(sheet.getByText(/points = unitSeconds × weight/)).toBeTruthy();
    expect(sheet.getByText('Four of four proofs hold; uptime was 95 %.')).toBeTruthy();
    expect(sheet.getByText('2 cores for an hour')).toBeTruthy();
    expect(sheet.getByText('does not hold', { exact: false }).closest('li')?.textContent).toContain('Time');
    expect(sheet.getAllByRole('link', { name: 'Block 12399' })[0]?.getAttribute('href')).toMatch(/%3A12399$/);
    expect(await violations()).toEqual([]);
    fake.failNext('receipts:file', { name: 'LedgerError', code: 'NOT_SETTLED', message: 'It is not settled yet.' });
    await press(sheet.getByRole('button', { name: 'Save the receipt file' }));
    expect(await screen.findByText(/It is not settled yet/)).toBeTruthy();
  });

  it('marks the first step of the funnel that fails, with its reason and a way to its fix', async () => {
    await show(page, unlocked);
    const funnel = region('Why am I not earning?');
    expect(funnel.getByRole('status').textContent).toBe('Nothing is offered most of the day, so nobody can take it.');
    const steps = within(funnel.getByRole('list', { name: 'Steps for CPU' })).getAllByRole('listitem');
    expect(steps).toHaveLength(7);
    expect(steps.map((step) => step.getAttribute('aria-current'))).toEqual([
      null,
      'step',
      null,
      null,
      null,
      null,
      null,
    ]);
    expect(funnel.getByText('stops here')).toBeTruthy();
    expect(funnel.getByRole('link', { name: 'Go there' }).getAttribute('href')).toBe('#/share/cpu');
    expect(funnel.getByText('hypermesh share set cpu --away-percent 100')).toBeTruthy();
  });

  it('offers no way to a page that is not there, and none where all is well', async () => {
    const { fake } = await show(page, (node) => {
      unlocked(node);
      node.state.rewards.funnel = null;
    });
    const funnel = region('Why am I not earning?');
    expect(funnel.getByRole('status').getAttribute('data-passed')).toBe('true');
    expect(funnel.queryByRole('link')).toBeNull();
    expect(funnel.getAllByText('passed')).toHaveLength(7);
    expect(requests(fake, 'rewards:funnel').at(-1)).toEqual({ resource: 'cpu' });
  });

  it('nets the forecast only by what the owner said a CAES is worth', async () => {
    const { fake } = await show(page, unlocked);
    const forecast = region('What the next level would bring');
    expect(forecast.getAllByText('not netted', { exact: false }).length).toBeGreaterThan(0);
    expect(forecast.getByText('14.5 kWh')).toBeTruthy();
    // The same for all levels of a resource, and said once.
    expect(forecast.getAllByText(/^By the use of this node in the last 30 days/)).toHaveLength(1);
    await act(async () =>
      fireEvent.change(forecast.getByLabelText('What one CAES is worth to you'), { target: { value: '0.05' } }),
    );
    await press(forecast.getByRole('button', { name: 'Reckon' }));
    expect(requests(fake, 'rewards:setElectricity').at(-1)).toEqual({
      pricePerKwh: 0.31,
      currency: 'EUR',
      caesValue: 0.05,
      watts: { cpu: 65 },
    });
    expect(forecast.getByText('11.72 EUR')).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it('checks receipt files and says what of them does not hold', async () => {
    const { fake } = await show(page);
    const input = document.querySelector('input[type=file]') as HTMLInputElement;
    const choose = (bytes: number[]) =>
      act(async () => {
        Object.defineProperty(input, 'files', {
          value: [new File([new Uint8Array(bytes)], 'lease.hmreceipt')],
          configurable: true,
        });
        fireEvent.change(input);
        await new Promise((done) => setTimeout(done, 20));
      });
    await choose([0, 1, 2]);
    const panel = region('Check a receipt file');
    expect(panel.getByText('The receipt holds')).toBeTruthy();
    expect(panel.getByText('2 cores, CPU')).toBeTruthy();
    expect(panel.getByText('3 validators')).toBeTruthy();
    expect(await violations()).toEqual([]);
    fake.state.ledger.receiptFails = true;
    await choose([0, 1, 2]);
    expect(panel.getByText('The receipt does not hold')).toBeTruthy();
    expect(panel.getByText('SIGNATURES_TOO_FEW')).toBeTruthy();
    await choose([7]);
    expect(panel.getByRole('alert').textContent).toContain('RECEIPT_MALFORMED');
  });

  it('has an empty state for each part', async () => {
    await show(page, (fake) => {
      unlocked(fake);
      fake.state.rewards.view = noRewards;
      fake.state.rewards.forecast = { ...sampleForecast(), rows: [] };
    });
    expect(region('Each of them').getByText('Nothing in this time')).toBeTruthy();
    expect(screen.queryByRole('region', { name: 'By resource' })).toBeNull();
    expect(screen.getByText(/Nothing of this machine can be lent yet/)).toBeTruthy();
    expect(region('What came of lending').getByRole('img').getAttribute('aria-label')).toBe(
      'Nothing was earned in this time.',
    );
  });
});

it('writes use and currencies with their units', () => {
  expect(unitSecondsText(7_200_000, 'millicores')).toBe('2 cores for an hour');
  expect(unitSecondsText(500, 'containers')).toBe('500 containers for a second');
  expect(currencyText(-4.481, 'EUR')).toBe('−4.48 EUR');
  expect(seriesText([], 'week')).toBe('Nothing was earned in this time.');
});
