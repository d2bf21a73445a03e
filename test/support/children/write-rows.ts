import { createStore, createSystemOutside } from '../../../main/base/index.ts';
import { createSilentLogger } from '../silent-logger.ts';

// Writes rows as fast as it can and says which ones were acknowledged, until it is killed. Arguments: the database, the
// worker entry, and the run's number.
const [path, workerPath, run] = process.argv.slice(2) as [string, string, string];
const store = await createStore(
  { logger: createSilentLogger(), metrics: null, clock: createSystemOutside().clock },
  { path, workerPath },
);
const insert = { sql: 'INSERT INTO settings (key, value, updated_at_ms) VALUES (?, ?, ?)' };

const write = async (lane: number): Promise<void> => {
  for (let i = 0; ; i++) {
    const key = `${run}-${lane}-${i}`;
    const value = new Uint8Array(100).fill(i & 255);
    // Two rows that belong together, and one by itself.
    if (lane % 2 === 0) {
      await store.transaction('test.pair', [
        { ...insert, params: [`${key}-a`, value, i] },
        { ...insert, params: [`${key}-b`, value, i] },
      ]);
    } else await store.run('test.one', insert.sql, [key, value, i]);
    process.stdout.write(`${key}\n`);
  }
};
await Promise.all(Array.from({ length: 8 }, (_, lane) => write(lane)));
