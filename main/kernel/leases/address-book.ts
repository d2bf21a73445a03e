import { Emitter, type Settings } from '../../base/index.ts';
import { parsePeerId, type PeerId } from '../../transport/stoq/index.ts';
import { GROUP_PEERS_MAX, GROUPS_MAX } from './constants.ts';
import { AddressBookError } from './errors.ts';
import type { AddressBook } from './interface.ts';
import { OWN_GROUP } from './privacy.ts';

const SETTING = 'leases.groups';
const VERSION = 1;
const GROUP_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** The address book as whoever starts it drives it. */
export interface AddressBookControl extends AddressBook {
  /** Reads what was kept. Until then nobody is in any group. @throws {AddressBookError} `GROUPS_UNREADABLE` {StoreError} */
  load(): Promise<void>;
}

const unreadable = (problem: string): AddressBookError =>
  new AddressBookError(
    { code: 'GROUPS_UNREADABLE', problem },
    `The stored groups of peers cannot be read (${problem}). Nothing was changed; restore hypermesh.db from a backup, or install the newer version again.`,
  );

/** Reads what is on disk: anything but what `store` writes is refused, since a group decides who gets in. */
const parseStored = (value: unknown): Map<string, ReadonlySet<PeerId>> => {
  const groups = new Map<string, ReadonlySet<PeerId>>();
  if (value === undefined) return groups;
  const { v, groups: list } = (value ?? {}) as { v?: unknown; groups?: unknown };
  if (v !== VERSION) throw unreadable(`they are of version ${String(v)}, and this program reads ${VERSION}`);
  if (!Array.isArray(list) || list.length > GROUPS_MAX) throw unreadable('they are no list, or too long a one');
  for (const entry of list as unknown[]) {
    const { name, peers } = (entry ?? {}) as { name?: unknown; peers?: unknown };
    if (typeof name !== 'string' || !GROUP_NAME.test(name) || groups.has(name)) throw unreadable('a name is none');
    if (!Array.isArray(peers) || peers.length > GROUP_PEERS_MAX) throw unreadable('a group is no list, or too long');
    const ids = peers.map(parsePeerId);
    if (ids.includes(null)) throw unreadable('a peer id is none');
    groups.set(name, new Set(ids as PeerId[]));
  }
  return groups;
};

/** Groups of peers, kept in the settings. `own` is always there. */
export const createAddressBook = ({ settings }: { settings: Settings }): AddressBookControl => {
  const emitter = new Emitter<{ changed: null }>();
  let groups = new Map<string, ReadonlySet<PeerId>>();
  /** Changes are made one after another, each on what the one before left. */
  let last: Promise<unknown> = Promise.resolve();

  const change = (
    make: (now: ReadonlyMap<string, ReadonlySet<PeerId>>) => Map<string, ReadonlySet<PeerId>>,
  ): Promise<void> => {
    const done = last.then(async () => {
      const next = make(groups);
      await settings.set(SETTING, {
        v: VERSION,
        groups: [...next].map(([name, peers]) => ({ name, peers: [...peers] })),
      });
      // On disk before it counts: what was taken away stays away after a crash.
      groups = next;
      emitter.emit('changed', null);
    });
    last = done.catch(() => undefined);
    return done;
  };
  return {
    on: (name, listener) => emitter.on(name, listener),
    load: async () => {
      groups = parseStored(await settings.get(SETTING));
    },
    groups: () => {
      const rest = Array.from(groups).filter(([name]) => name !== OWN_GROUP);
      rest.sort(([a], [b]) => (a < b ? -1 : 1));
      return [[OWN_GROUP, groups.get(OWN_GROUP) ?? new Set<PeerId>()] as const, ...rest].map(([name, peers]) => ({
        name,
        peers: [...peers],
      }));
    },
    isIn: (peer, group) => groups.get(group)?.has(peer) ?? false,
    set: (name, peers) => {
      if (!GROUP_NAME.test(name))
        return Promise.reject(
          new AddressBookError(
            { code: 'GROUP_INVALID', group: name.slice(0, 64), problem: 'name' },
            'A group is named with at most 32 small letters, digits and hyphens, the first of them no hyphen.',
          ),
        );
      const wanted = new Set(peers);
      if (wanted.size > GROUP_PEERS_MAX)
        return Promise.reject(
          new AddressBookError(
            { code: 'GROUPS_FULL', limit: GROUP_PEERS_MAX },
            `A group holds at most ${GROUP_PEERS_MAX} peers; make a second one.`,
          ),
        );
      return change((now) => {
        const next = new Map(now).set(name, wanted);
        if (next.size > GROUPS_MAX)
          throw new AddressBookError(
            { code: 'GROUPS_FULL', limit: GROUPS_MAX },
            `There are ${GROUPS_MAX} groups already; remove one that you need no more.`,
          );
        return next;
      });
    },
    remove: (name) =>
      change((now) => {
        const next = new Map(now);
        next.delete(name);
        return next;
      }),
  };
};
