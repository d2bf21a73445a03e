import { Select } from '@mantine/core';
import type { WalletAccount } from '../../../preload/contract/index.ts';
import { accountLabel } from './wallet-text.ts';

/** Which own account; not there where there is only one to choose. */
export const AccountSelect = ({
  label,
  accounts,
  value,
  onChange,
}: {
  label: string;
  accounts: readonly WalletAccount[];
  /** Its address. */
  value: string;
  onChange(address: string): void;
}) =>
  accounts.length < 2 ? null : (
    <Select
      label={label}
      data={accounts.map((account) => ({ value: account.address, label: accountLabel(account) }))}
      value={value}
      allowDeselect={false}
      onChange={(address) => address !== null && onChange(address)}
    />
  );
