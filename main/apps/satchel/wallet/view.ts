import { accountText, feeOfDraft, readAccount, readEpoch, readParams } from '../../caesar/index.ts';
import type { FollowedLedger } from '../../../kernel/consensus/index.ts';
import type { WalletAccount, WalletView } from '../../../../preload/contract/index.ts';
import type { AccountRow } from './rows.ts';
import type { WalletSettings } from './settings.ts';
import type { Waiting } from './waiting.ts';

const YEAR_MS = 365.25 * 24 * 3_600_000;
const PERMILLE_MAX = 1_000_000;

const rewardsOf = ({ replica }: FollowedLedger): WalletView['rewards'] => {
  const state = replica.state();
  const { forStakes, startsAtMs, endsAtMs, totalStaked } = readEpoch(state);
  const { unbondMs } = readParams(state);
  if (totalStaked === 0n) return { yieldPermilleYear: 0, unbondMs };
  // Of one epoch, in parts of a million million: small shares of long years would be nothing otherwise.
  const ofEpoch = (forStakes * 10n ** 12n) / totalStaked;
  const permille = (Number(ofEpoch) / 1e9) * (YEAR_MS / (endsAtMs - startsAtMs));
  return { yieldPermilleYear: Math.min(PERMILLE_MAX, Math.round(permille)), unbondMs };
};

const accountOf = (
  { id, account, name, place }: AccountRow,
  ledger: FollowedLedger | null,
  waiting: Waiting | null,
): WalletAccount => {
  const found = ledger === null ? null : readAccount(ledger.replica.state(), account);
  const unbonding = found?.unbonding ?? [];
  return {
    address: accountText(account),
    name,
    kind: place === null ? 'watch' : 'own',
    index: place,
    availableMicro: (found?.balance ?? 0n).toString(),
    escrowedMicro: (found?.escrowed ?? 0n).toString(),
    stakedMicro: (found?.staked ?? 0n).toString(),
    unbondingMicro: unbonding.reduce((sum, { amount }) => sum + amount, 0n).toString(),
    unbondedAtMs: unbonding[0]?.atMs ?? null,
    outgoingMicro: (waiting?.outgoingMicro(id) ?? 0n).toString(),
    incomingMicro: (waiting?.incomingMicro(id) ?? 0n).toString(),
  };
};

export interface ViewParts {
  ledger: FollowedLedger | null;
  status: WalletView['status'];
  /** Why nothing can be signed. */
  reason: string | null;
  accounts: readonly AccountRow[];
  waiting: Waiting | null;
  settings: WalletSettings;
  approval: WalletView['approval'];
}

export const viewOf = ({ ledger, status, reason, accounts, waiting, settings, approval }: ViewParts): WalletView => {
  const shown = accounts.map((row) => accountOf(row, ledger, waiting));
  const total = shown
    .filter(({ kind }) => kind === 'own')
    .reduce(
      (sum, { availableMicro, escrowedMicro, stakedMicro, unbondingMicro }) =>
        sum + BigInt(availableMicro) + BigInt(escrowedMicro) + BigInt(stakedMicro) + BigInt(unbondingMicro),
      0n,
    );
  const halted = ledger?.replica.status().halted ?? null;
  return {
    ledger:
      ledger === null
        ? null
        : { id: ledger.id, name: ledger.name, height: ledger.replica.status().height, current: true },
    status,
    reason: reason ?? (ledger === null ? 'This node follows no network yet.' : halted),
    accounts: shown,
    totalMicro: total.toString(),
    lockAfterMinutes: settings.lockAfterMinutes,
    approval,
    feeMicro:
      ledger === null
        ? '0'
        : feeOfDraft(
            'account.transfer',
            { to: new Uint8Array(32), amount: 1n, memo: '' },
            readParams(ledger.replica.state()),
          ).toString(),
    rewards: ledger === null ? null : rewardsOf(ledger),
    priceList: [...settings.priceList],
  };
};
