import { createStore, createSystemOutside, decodeCbor, encodeCbor, sha256 } from '../../../main/base/index.ts';
import type { StateUpdate } from '../../../main/kernel/blocks/index.ts';
import { createReplicaStore } from '../../../main/kernel/consensus/store/index.ts';
import { inPieces, put, testAdopted, testChange, testGenesis } from '../ledger-rows.ts';
import { createSilentLogger } from '../silent-logger.ts';

// Keeps the ledger of a network as fast as it can, and says what it was promised, until it is killed. First it says what it found.
// Arguments: the database, and the worker entry.
const [path, workerPath] = process.argv.slice(2) as [string, string];
const clock = createSystemOutside().clock;
const database = await createStore({ logger: createSilentLogger(), metrics: null, clock }, { path, workerPath });
const genesis = testGenesis('killed');
const store = createReplicaStore({ store: database, clock }, { network: sha256(genesis) });
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

/** Entries of a state that is taken over; all of them name its height. */
const BULK = 3000;
const SLOTS = 20;
const bulk = (height: number): StateUpdate[] => [
  put('height', String(height)),
  ...Array.from({ length: BULK }, (_, i) => put(`bulk/${i}`, String(height))),
];
/** A height sets one slot, and clears the one of ten heights before. */
const changes = (height: number): StateUpdate[] => [
  put('height', String(height)),
  put(`slot/${height % SLOTS}`, String(height)),
  { key: `slot/${(height + SLOTS / 2) % SLOTS}`, value: null },
];

/** What is wrong with what a start finds; null: it is the state of one height, whole. */
const problemOf = async (): Promise<{ height: number; base: number; remembered: number; problem: string | null }> => {
  const record = await store.load();
  if (record === null) return { height: -1, base: 0, remembered: 0, problem: null };
  const { height } = record;
  const found = new Map<string, string>();
  for await (const piece of record.state)
    for (const { key, value } of piece) found.set(key, decodeCbor(value!) as string);
  const base = Number(found.get('bulk/0'));
  const expected = new Map([['height', String(height)]]);
  for (let i = 0; i < BULK; i++) expected.set(`bulk/${i}`, String(base));
  for (let slot = Math.max(base + 1, height - SLOTS / 2 + 1); slot <= height; slot++)
    expected.set(`slot/${slot % SLOTS}`, String(slot));
  const remembered = record.remembered.map((entry) => decodeCbor(entry) as { height: number; n: number });
  const problem =
    found.size !== expected.size || [...expected].some(([key, value]) => found.get(key) !== value)
      ? `the state of ${height} is another: ${found.size} entries for ${expected.size}`
      : remembered.some((entry, n) => entry.height !== height + 1 || entry.n !== n)
        ? `remembered at ${height}: ${JSON.stringify(remembered)}`
        : height > 0 && ((await store.block(height)) === null || (await store.validators(height + 1)) === null)
          ? `no block or set at ${height}`
          : height > base && (await store.blocks(base + 1, 1000, 2 ** 30)).length !== height - base
            ? `blocks are missing up to ${height}`
            : null;
  const left = await database.get<{ copies: number; networks: number }>(
    'test.left',
    'SELECT count(*) AS networks, (SELECT count(DISTINCT copy) FROM ledger_entries) AS copies FROM ledger_networks',
  );
  return {
    height,
    base,
    remembered: remembered.length,
    problem: problem ?? (left!.networks === 1 && left!.copies === 1 ? null : `leftovers: ${JSON.stringify(left)}`),
  };
};

const found = await problemOf();
say(found);
let { height, base } = found;
if (height < 0) {
  await store.begin(genesis, bulk(0));
  height = 0;
  base = 0;
  say({ height });
}
let remembered = found.remembered;
for (;;) {
  while (remembered < 3) {
    await store.remember(encodeCbor({ height: height + 1, n: remembered }));
    remembered += 1;
    say({ height, remembered });
  }
  if (height - base >= 12) {
    const next = height + 100;
    await store.adopt(testAdopted(genesis, next, inPieces(bulk(next), 500)));
    height = next;
    base = next;
  } else {
    await store.commit(testChange(height + 1, changes(height + 1), { padding: 20_000 }));
    height += 1;
    if (height % 5 === 0) await store.prune(height);
  }
  remembered = 0;
  say({ height, remembered });
}
