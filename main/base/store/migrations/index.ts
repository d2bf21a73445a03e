import { migration as first } from './0010-first.ts';
import { migration as chain } from './0020-chain.ts';
import { migration as proofs } from './0030-proofs.ts';
import { migration as peers } from './0040-peers.ts';
import { migration as leases } from './0050-leases.ts';
import { migration as jobs } from './0060-jobs.ts';
import { migration as content } from './0061-content.ts';
import { migration as orders } from './0062-orders.ts';
import { migration as ledgers } from './0070-ledgers.ts';
import { migration as caesar } from './0071-caesar.ts';
import { migration as wallet } from './0072-wallet.ts';
import { migration as caesarDropped } from './0073-caesar-dropped.ts';
import type { Migration } from './migration.ts';

/** In order. */
export const migrations: readonly Migration[] = [
  first,
  chain,
  proofs,
  peers,
  leases,
  jobs,
  content,
  orders,
  ledgers,
  caesar,
  wallet,
  caesarDropped,
];
export type { Migration } from './migration.ts';
