import { Emitter, isNodeError, type EventSource, type Logger, messageOf, type Settings } from '../../base/index.ts';
import type { Hash } from '../blocks/index.ts';
import { ConsensusError, ConsensusFormatError, GenesisError } from './errors.ts';
import { decodeGenesis, encodeGenesis, networkOf } from './formats/index.ts';
import type { Genesis, Replica } from './interface.ts';
import type { FollowedLedger, Ledgers, LedgersEvents } from './ledgers-interface.ts';

/** Networks that one node follows at most: each has its state in memory. */
const LEDGERS_MAX = 16;
const HOME_SETTING = 'ledgers.home';
const CURRENT_SETTING = 'ledgers.current';
/** Fewer characters of an id name nothing. */
const ID_CHARS_MIN = 4;

export interface LedgersComponents {
  logger: Logger;
  settings: Settings;
  /** What lies in the database. */
  kept: {
    list(): Promise<readonly { network: Hash; genesis: Uint8Array }[]>;
    remove(network: Hash): Promise<void>;
  };
  /** Not started yet. */
  openReplica(genesis: Genesis): Promise<Replica>;
  /** How the home network begins; null while there is no identity, or it is locked. */
  homeGenesis(): Genesis | null;
  identity: EventSource<{ changed: null }>;
}
interface Entry extends FollowedLedger {
  readonly network: Hash;
  readonly endings: readonly (() => void)[];
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Every network of this node: one replica each. The home network is founded as soon as there are keys to found it with. */
export const createLedgers = ({
  logger,
  settings,
  kept,
  openReplica,
  homeGenesis,
  identity,
}: LedgersComponents): Ledgers => {
  const log = logger.child('ledgers');
  const events = new Emitter<LedgersEvents>();
  const entries = new Map<string, Entry>();
  let homeId: string | null = null;
  let currentId: string | null = null;
  let stopIdentity: (() => void) | null = null;
  let stopped = false;
  /** Joining, leaving and founding, one after the other. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const run = turn.then(work);
    turn = run.catch(() => undefined);
    return run;
  };

  const changed = (): void => events.emit('changed', null);
  const open = async (genesisBytes: Uint8Array): Promise<Entry> => {
    const network = networkOf(genesisBytes);
    const genesis = decodeGenesis(genesisBytes);
    const id = hex(network);
    const replica = await openReplica(genesis);
    let lastHeight = 0;
    const entry: Entry = {
      id,
      network,
      name: genesis.name,
      get home() {
        return id === homeId;
      },
      replica,
      genesisBytes,
      endings: [
        replica.on('final', (block) => {
          const { height } = block.block.header;
          // A state that was taken over whole leaves no blocks of what happened before it.
          if (height !== lastHeight + 1) events.emit('adopted', { ledger: entry, height: height - 1 });
          lastHeight = height;
          events.emit('final', { ledger: entry, block });
        }),
        replica.on('status', changed),
      ],
    };
    try {
      await replica.start();
    } catch (error) {
      for (const end of entry.endings) end();
      throw error;
    }
    lastHeight = replica.status().height;
    entries.set(id, entry);
    return entry;
  };
  const close = async (entry: Entry): Promise<void> => {
    entries.delete(entry.id);
    for (const end of entry.endings) end();
    await entry.replica.stop();
  };
  const setCurrent = async (id: string): Promise<void> => {
    if (currentId === id) return;
    await settings.set(CURRENT_SETTING, id);
    currentId = id;
  };

  const begin = async (genesisBytes: Uint8Array): Promise<Entry> => {
    const known = entries.get(hex(networkOf(genesisBytes)));
    if (known !== undefined) return known;
    if (entries.size >= LEDGERS_MAX)
      throw new ConsensusError(
        { code: 'LEDGERS_FULL', limit: LEDGERS_MAX },
        `This node follows ${LEDGERS_MAX} networks already; leave one of them first.`,
      );
    try {
      return await open(genesisBytes);
    } catch (error) {
      if (!(error instanceof ConsensusFormatError || error instanceof GenesisError)) throw error;
      if (error instanceof ConsensusFormatError && error.code === 'CONSENSUS_VERSION')
        throw new ConsensusError(
          { code: 'GENESIS_NEWER', found: 'found' in error.data ? Number(error.data.found) : 0 },
          'The genesis was made by a newer version of HyperMesh; update this one to join the network.',
        );
      throw new ConsensusError(
        { code: 'GENESIS_INVALID', problem: messageOf(error) },
        `This is no genesis that a network can begin with: ${messageOf(error)} Ask whoever keeps the network for its file again.`,
      );
    }
  };

  /** Once there are keys, and only once: a network that was founded and not yet noted is found again by its name. */
  const foundHome = async (): Promise<void> => {
    if (stopped || (homeId !== null && entries.has(homeId))) return;
    const genesis = homeGenesis();
    if (genesis === null) return;
    const own = genesis.validators[0]?.id;
    const founded = [...entries.values()].find(
      ({ name, replica }) =>
        name === genesis.name &&
        replica.genesis.validators.length === 1 &&
        own !== undefined &&
        hex(replica.genesis.validators[0]?.id ?? new Uint8Array(0)) === hex(own),
    );
    const entry = founded ?? (await open(encodeGenesis(genesis)));
    await settings.set(HOME_SETTING, entry.id);
    homeId = entry.id;
    if (currentId === null || !entries.has(currentId)) await setCurrent(entry.id);
    changed();
  };
  const foundHomeSoon = (): void =>
    void inTurn(foundHome).catch((error: unknown) => {
      // Told, and tried again when the keys are unlocked next or the node starts: nothing was lost.
      log.error('The home network could not be founded', { reason: messageOf(error) });
    });

  const current = (): FollowedLedger | null =>
    (currentId === null ? undefined : entries.get(currentId)) ??
    (homeId === null ? undefined : entries.get(homeId)) ??
    null;
  const unknown = (ledger: string): ConsensusError =>
    new ConsensusError(
      { code: 'LEDGER_UNKNOWN', ledger },
      `This node follows no network ${ledger.slice(0, 64)}; \`hypermesh network list\` names those it does.`,
    );
  const find = (text: string): FollowedLedger => {
    const wanted = text.trim().toLowerCase();
    if (wanted === 'current') {
      const found = current();
      if (found === null) throw unknown(text);
      return found;
    }
    const all = [...entries.values()];
    const home = wanted === 'home' ? all.find((entry) => entry.home) : undefined;
    if (home !== undefined) return home;
    const byName = all.filter(({ name }) => name.toLowerCase() === wanted);
    const matches =
      byName.length > 0 ? byName : wanted.length < ID_CHARS_MIN ? [] : all.filter(({ id }) => id.startsWith(wanted));
    const [first, ...others] = matches;
    if (first === undefined) throw unknown(text);
    if (others.length > 0)
      throw new ConsensusError(
        { code: 'LEDGER_AMBIGUOUS', ledger: text, matches: matches.length },
        `${matches.length} networks are called ${text}; say the beginning of an id: ${matches.map(({ id }) => id.slice(0, 12)).join(', ')}.`,
      );
    return first;
  };
  const entryOf = (text: string): Entry => {
    const entry = entries.get(find(text).id);
    if (entry === undefined) throw unknown(text);
    return entry;
  };

  return {
    on: (name, listener) => events.on(name, listener),
    start: async () => {
      homeId = asText(await settings.get(HOME_SETTING));
      currentId = asText(await settings.get(CURRENT_SETTING));
      for (const { network, genesis } of await kept.list())
        try {
          await open(genesis);
        } catch (error) {
          // One ledger that cannot be read keeps nobody from the others; its rows stay for whoever repairs them.
          log.error('A ledger cannot be opened', {
            ledger: hex(network),
            code: isNodeError(error) ? error.code : 'INTERNAL',
            reason: messageOf(error),
          });
        }
      stopIdentity = identity.on('changed', foundHomeSoon);
      await inTurn(foundHome);
    },
    stop: async () => {
      stopped = true;
      stopIdentity?.();
      await turn;
      for (const entry of [...entries.values()].reverse()) await close(entry);
    },
    list: () => [...entries.values()].sort((one, other) => Number(other.home) - Number(one.home)),
    current,
    find,
    join: (genesis, { use }) =>
      inTurn(async () => {
        const entry = await begin(genesis);
        if (use) await setCurrent(entry.id);
        changed();
        return entry;
      }),
    found: (genesis) =>
      inTurn(async () => {
        const entry = await begin(encodeGenesis(genesis));
        await setCurrent(entry.id);
        changed();
        return entry;
      }),
    use: (id) =>
      inTurn(async () => {
        await setCurrent(entryOf(id).id);
        changed();
      }),
    leave: (id) =>
      inTurn(async () => {
        const entry = entryOf(id);
        if (entry.home)
          throw new ConsensusError(
            { code: 'HOME_STAYS' },
            'The home network belongs to this node and cannot be left; use another one for lending if you like.',
          );
        const status = entry.replica.status();
        if (status.isValidator && entry.replica.validators().length > 1)
          throw new ConsensusError(
            { code: 'STILL_VALIDATOR', ledger: entry.id },
            'This node is a validator of that network, which would miss it; run `hypermesh network validate off` first.',
          );
        if (currentId === entry.id && homeId !== null) await setCurrent(homeId);
        await close(entry);
        await kept.remove(entry.network);
        changed();
      }),
  };
};

const asText = (value: unknown): string | null => (typeof value === 'string' ? value : null);
