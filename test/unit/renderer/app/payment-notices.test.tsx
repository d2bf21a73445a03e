import { act } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import type { WalletEntry } from '../../../../preload/contract/index.ts';
import { usePaymentNotices } from '../../../../renderer/app/use-payment-notices.ts';
import * as notes from '../../../../renderer/components/error-note.tsx';
import { ANNA, sampleEntries } from '../../../support/fake-wallet.ts';
import { show } from '../show.tsx';

const Notices = (): null => {
  usePaymentNotices();
  return null;
};
afterEach(() => {
  vi.restoreAllMocks();
});

it('tells once of each payment that comes in, and of none that was there', async () => {
  const told = vi.spyOn(notes, 'showDone').mockImplementation(() => {});
  const { fake } = await show(<Notices />);
  const news = () => act(async () => fake.push('wallet', fake.state.wallet.view));
  await news();
  expect(told).not.toHaveBeenCalled();
  const [sample] = sampleEntries();
  const own = fake.state.wallet.view.accounts[0]?.address;
  if (sample === undefined || own === undefined) throw new Error('the sample is empty');
  const came: WalletEntry = {
    ...sample,
    kind: 'received',
    account: own,
    other: ANNA,
    otherName: 'anna',
    state: 'final',
    atMs: Date.now() + 1000,
  };
  const add = (id: string, change: Partial<WalletEntry> = {}): void => {
    fake.state.wallet.entries = [{ ...came, id, ...change }, ...fake.state.wallet.entries];
  };
  add('new', { deltaMicro: '12500000', memo: 'for March' });
  await news();
  await news();
  expect(told.mock.calls).toEqual([[expect.stringMatching(/^12\.5 CAES came in from anna: for March\.$/)]]);
  add('between own ones', { other: own });
  add('waits', { state: 'waiting' });
  await news();
  expect(told).toHaveBeenCalledTimes(1);
});
