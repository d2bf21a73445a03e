import { createHash } from 'node:crypto';
import { assetIdOf, decodeCbor, encodeCbor, type WorkerPool } from '../../main/base/index.ts';
import { createCaesarApp, groupEconomy, readAccount, type EconomyParams } from '../../main/apps/caesar/index.ts';
import type { LedgerState } from '../../main/kernel/blocks/index.ts';
import type { Application } from '../../main/kernel/consensus/interface.ts';
import { auditState } from '../unit/apps/caesar/ledger/audit.ts';
import { accountOf, auditAccounts, createAccountsApp, type AccountsGenesis } from './accounts-app.ts';
import type { Draw } from './draw.ts';
import { keysOf } from './keys.ts';
import type { Plan } from './plan.ts';

/** What a ledger is about in a run: the small application of this folder, or the economy that ships. */
export interface Economy {
  readonly name: 'accounts' | 'caesar';
  /** One for each node: what it remembers is its own. */
  createApp(): Application;
  /** `Genesis.app` */
  genesis(plan: Plan): unknown;
  nonceOf(state: LedgerState, id: Uint8Array): number;
  /** @returns what is wrong with a state */
  audit(state: LedgerState): string | null;
  /** Who signs for a node when it wants to join or leave. */
  ownerOf(node: string): string;
  /** Least fee of an ordinary transaction, with some room. */
  readonly fee: number;
  /** Whether validators may come back by a transaction. */
  readonly canJoin: boolean;
  transfer(to: Uint8Array, amount: number): Draft;
  /** Anything else that people do, now and then. @param nowMs - of a good clock */
  other(draw: Draw, account: string, place: { nowMs: number; nodes: readonly string[] }): Draft | null;
  /** Money out of nothing for a liar's account. */
  mint(state: LedgerState, node: string): { key: string; value: Uint8Array };
}
export interface Draft {
  kind: string;
  data: Record<string, unknown>;
  /** Who signs it. @default the client that acts */
  by?: string;
}

export const CLIENTS = ['c0', 'c1', 'c2', 'c3'];
const BALANCE = 1_000_000;

/** Whoever takes part, besides the nodes. */
const people = (plan: Plan): string[] => [...CLIENTS, ...plan.nodes.map(({ name }) => `probe ${name}`)];

const accounts: Economy = {
  name: 'accounts',
  createApp: createAccountsApp,
  genesis: (plan): AccountsGenesis => ({
    accounts: [...people(plan), ...plan.nodes.map(({ name }) => name)].map((name) => ({
      id: keysOf(name).id,
      balance: BALANCE,
    })),
    candidates: plan.nodes
      .filter(({ candidate }) => candidate > 0)
      .map(({ name, candidate }) => ({ id: keysOf(name).id, keys: keysOf(name).keys, power: candidate })),
  }),
  nonceOf: (state, id) => accountOf(state, id).nonce,
  audit: auditAccounts,
  ownerOf: (node) => node,
  fee: 2,
  canJoin: true,
  transfer: (to, amount) => ({ kind: 'account.transfer', data: { to, amount } }),
  other: () => null,
  mint: (state, node) => ({
    key: `a/${keysOf(node).hex}`,
    value: encodeCbor({ ...accountOf(state, keysOf(node).id), balance: 10 * BALANCE }),
  }),
};

/** Short enough for all of it to happen in some seconds. */
const PARAMS: Partial<EconomyParams> = {
  dustMicro: 1n,
  transactionMs: 60_000,
  disputeMs: 1_000,
  unbondMs: 1_000,
  epochMs: 1_500,
  halvingEpochs: 2,
  keepEpochs: 2,
  // Nobody loses its power for a crash: the share of the liars is counted without that.
  signedMinPermille: 0,
};

const LEASE_BYTES = 16;
interface SimSettlement {
  lender: Uint8Array;
  borrower: Uint8Array;
  sequence: number;
  final: boolean;
  owed: number;
}
/** Receipts of a run are what they say, as its signatures are: what threads find out about real ones is tested elsewhere. */
const workers: WorkerPool = {
  size: 1,
  run: <I, O>(_task: string, input: I): Promise<O> => {
    const { receipt } = (input as { fields: { receipt: Uint8Array } }).fields;
    const { lender, borrower, sequence, final, owed } = decodeCbor(receipt) as SimSettlement;
    return Promise.resolve({
      ok: true,
      what: 'settlement',
      lender,
      borrower,
      receipt: createHash('sha256').update(receipt).digest(),
      sequence,
      final,
      owed: BigInt(owed),
      unitSeconds: BigInt(owed) * 1000n,
      uptimePermille: 900,
      proof: null,
    } as O);
  },
  close: () => Promise.resolve(),
};

const caesar: Economy = {
  name: 'caesar',
  createApp: () => createCaesarApp({ workers }),
  genesis: (plan) =>
    groupEconomy(
      [
        ...plan.nodes
          .filter(({ power }) => power > 0)
          .map(({ name }) => ({ account: keysOf(`owner ${name}`).id, node: keysOf(name).id, admin: false })),
        ...people(plan).map((name, i) => ({ account: keysOf(name).id, node: null, admin: i === 0 })),
      ],
      PARAMS,
    ),
  nonceOf: (state, id) => readAccount(state, id).nonce,
  audit: (state) => auditState(state)[0] ?? null,
  ownerOf: (node) => `owner ${node}`,
  fee: 8_000,
  canJoin: false,
  transfer: (to, amount) => ({ kind: 'account.transfer', data: { to, amount, memo: '' } }),
  other: (draw, account, { nowMs, nodes }) => {
    // Few leases, so that people meet on them.
    const number = draw.below(5);
    const lease = new Uint8Array(LEASE_BYTES).fill(number + 1);
    const lender = nodes[number % nodes.length]!;
    const borrower = keysOf(CLIENTS[number % CLIENTS.length]!).id;
    switch (draw.below(8)) {
      case 0:
      case 1:
        return {
          kind: 'lease.escrow',
          data: {
            lease,
            lender: keysOf(lender).id,
            borrower,
            most: draw.between(0, 5_000_000),
            endsAtMs: nowMs + draw.between(500, 3_000),
          },
        };
      case 2:
      case 3: {
        const settlement: SimSettlement = {
          lender: keysOf(lender).id,
          borrower,
          sequence: draw.below(4),
          final: draw.chance(400),
          owed: draw.between(0, 6_000_000),
        };
        return {
          kind: 'lease.settle',
          data: {
            lease,
            asset: assetIdOf('cpu', { number }),
            grant: encodeCbor({ lease }),
            receipt: encodeCbor(settlement),
            countersign: encodeCbor({ lease }),
            proof: null,
          },
          by: draw.chance(600) ? `owner ${lender}` : account,
        };
      }
      case 4:
        return { kind: 'lease.reclaim', data: { lease } };
      case 5:
        return { kind: 'stake.bond', data: { amount: draw.between(1, 50_000_000) } };
      case 6:
        return { kind: 'stake.unbond', data: { amount: draw.between(1, 20_000_000) } };
      default:
        return {
          kind: draw.chance(900) ? 'member.admit' : 'member.remove',
          data: draw.chance(900)
            ? { account: keysOf('stranger').id, validator: false }
            : { account: keysOf('stranger').id },
          by: CLIENTS[0]!,
        };
    }
  },
  mint: (state, node) => {
    const key = `account/${keysOf(`owner ${node}`).hex}`;
    const before = state.get(key);
    const fields = before === undefined ? { escrowed: 0, nonce: 0 } : (decodeCbor(before) as Record<string, unknown>);
    return { key, value: encodeCbor({ ...fields, balance: 2 ** 50 }) };
  },
};

export const ECONOMIES: readonly Economy[] = [accounts, caesar];
