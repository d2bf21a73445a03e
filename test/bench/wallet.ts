import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { createStore, type Statement } from '../../main/base/index.ts';
import { createSilentLogger } from '../support/silent-logger.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { createWalletWorld } from '../support/wallet/wallet-world.ts';
import { sha } from '../unit/apps/caesar/ledger/world.ts';
import { type Figure, percentile } from './figure.ts';

export const ENTRIES = 100_000;
const ROUNDS = 15;
const BATCH = 1000;
const START_MS = Date.UTC(2025, 0, 1);

export const INSERT_ENTRY =
  "INSERT INTO wallet_entries (ledger, at_ms, place, account_id, height, kind, delta_micro, fee_micro, other, memo, lease, tx, detail, search) VALUES (?, ?, 0, ?, ?, ?, ?, 3489, ?, ?, NULL, ?, '', ?)";
/** Of a line of an account's history: a minute after the one before. */
export const entryParams = (ledger: Uint8Array, accountId: number, place: number): (Uint8Array | number | string)[] => {
  const memo = `note ${place} of ${place % 7 === 0 ? 'March' : 'some month'}`;
  const [other, transaction] = [sha('other', place % 500), sha('tx', place)];
  const isSent = place % 3 === 0;
  return [
    ledger,
    START_MS + place * 60_000,
    accountId,
    place + 1,
    isSent ? 'sent' : 'received',
    isSent ? -5000 : 7000,
    other,
    memo,
    transaction,
    `${memo}\ncaes1${Buffer.from(other).toString('hex').slice(0, 58)}\n\n${Buffer.from(transaction).toString('hex')}`.toLowerCase(),
  ];
};

/** The wallet over a history of 100 000 lines on the disk, beside a bare read of the same rows in the same file. */
export const benchWallet = async (): Promise<Figure[]> => {
  const folder = mkdtempSync(join(tmpdir(), 'hypermesh-wallet-'));
  const path = join(folder, 'bench.db');
  const store = await createStore(
    { logger: createSilentLogger(), metrics: null, clock: createManualClock() },
    { path },
  );
  const world = await createWalletWorld({ store });
  try {
    const first = await world.open();
    const ledger = world.ledger.replica.network;
    for (let at = 0; at < ENTRIES; at += BATCH) {
      const statements: Statement[] = Array.from({ length: BATCH }, (_, i) => ({
        sql: INSERT_ENTRY,
        params: entryParams(ledger, 1, at + i),
      }));
      await store.transaction('bench', statements);
    }
    await first.stop();
    const bare = new Sqlite(path, { readonly: true });
    const statement = bare.prepare('SELECT * FROM wallet_entries WHERE ledger = ? ORDER BY at_ms DESC LIMIT 100');
    const opens: number[] = [];
    const reads: number[] = [];
    const pages: Record<string, number[]> = {
      'a page in the middle': [],
      'one kind': [],
      'a search that one line in seven matches': [],
      'a search that a hundred lines match': [],
      'a search that nothing matches': [],
    };
    for (let round = 0; round <= ROUNDS; round++) {
      const startMs = performance.now();
      statement.all(ledger);
      const readMs = performance.now() - startMs;
      const wallet = await world.open();
      const openMs = performance.now();
      await Promise.all([wallet.view(), wallet.history({ limit: 100 })]);
      const openedMs = performance.now() - openMs;
      const timed = async (name: string, query: Parameters<typeof wallet.history>[0]): Promise<void> => {
        const fromMs = performance.now();
        await wallet.history(query);
        if (round > 0) pages[name]?.push(performance.now() - fromMs);
      };
      await timed('a page in the middle', { limit: 100, before: `${START_MS + 50_000 * 60_000}-0-1` });
      await timed('one kind', { limit: 100, kind: 'sent' });
      await timed('a search that one line in seven matches', { limit: 100, text: 'of march' });
      await timed('a search that a hundred lines match', { limit: 200, text: 'note 777' });
      await timed('a search that nothing matches', { limit: 100, text: 'nobody said this' });
      await wallet.stop();
      // The first round reads the file from the disk.
      if (round === 0) continue;
      opens.push(openedMs);
      reads.push(readMs);
    }
    bare.close();
    const floor = percentile(reads, 0.5);
    const peer = { name: 'bare SQLite, newest 100 rows', value: floor };
    const opened = percentile(opens, 0.95);
    return [
      {
        name: `wallet opens with ${ENTRIES} entries, p95`,
        unit: 'ms',
        value: opened,
        peer,
        ratio: opened / floor,
        target: '< 300 ms',
        reached: opened < 300,
      },
      ...Object.entries(pages).map(([name, samples]): Figure => {
        const value = percentile(samples, 0.5);
        return {
          name: `wallet history, ${name}, p50`,
          unit: 'ms',
          value,
          peer,
          ratio: value / floor,
          target: '< 20 ms',
          reached: value < 20,
        };
      }),
    ];
  } finally {
    await world.end();
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
};
