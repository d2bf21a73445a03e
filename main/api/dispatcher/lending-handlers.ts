import type { Call, GroupView, RequestOf } from '../../../preload/contract/index.ts';
import { assert } from '../../base/index.ts';
import { type GlobalAddress, parseGlobalAddress, type Leases } from '../../kernel/leases/index.ts';
import type { ExitRules, ExitSettings } from '../../kernel/proxy/exit/index.ts';
import type { Guard, Memories, Tunnels } from '../../kernel/proxy/index.ts';
import { parsePeerId, type PeerId } from '../../transport/stoq/index.ts';
import type { NetworkControl } from '../interface.ts';
import { defined } from './defined.ts';
import { RequestError } from './errors.ts';
import type { Handlers } from './handler-map.ts';

export interface LendingComponents {
  leases: Leases;
  tunnels: Tunnels;
  memories: Memories;
  guard: Guard;
  exitRules: Pick<ExitRules, 'get' | 'set'>;
  network: Pick<NetworkControl, 'peers' | 'peer'>;
}
type LendingCall = Extract<
  Call,
  `${'offers' | 'leases' | 'groups' | 'privacy' | 'guard' | 'tunnels' | 'memory' | 'exit'}:${string}`
>;

/** As the contract has it: lists that nobody else holds. */
const exitView = ({ mode, allowed }: ExitSettings) => ({ mode, allowed: [...allowed] });

/** A value goes into far memory and comes back as base64. */
const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** What the contract lets through is `fd` and colons; whether it is an address is found here. @throws {RequestError} `BAD_REQUEST` */
const addressOf = (text: string): GlobalAddress => {
  const address = parseGlobalAddress(text);
  if (address === null)
    throw new RequestError(
      { code: 'BAD_REQUEST', field: 'address' },
      'That is no global address: it is an IPv6 address in fd00::/8, such as the owner of a service copies it.',
    );
  return address;
};

export const createLendingHandlers = ({
  leases,
  tunnels,
  memories,
  guard,
  exitRules,
  network,
}: LendingComponents): Pick<Handlers, LendingCall> => {
  const peerIdOf = (peer: string): PeerId => {
    const id = parsePeerId(network.peer(peer).peerId);
    assert(id !== null, 'Known peers have peer ids.');
    return id;
  };
  const groupView = (name: string): GroupView => {
    const names = new Map(network.peers(false).map((peer) => [peer.peerId, peer.name]));
    const members = leases.addressBook.groups().find((group) => group.name === name)?.peers ?? [];
    return { name, peers: members.map((peerId) => ({ peerId, name: names.get(peerId) ?? '' })) };
  };
  const membersOf = (name: string): readonly PeerId[] =>
    leases.addressBook.groups().find((group) => group.name === name)?.peers ?? [];
  const request = async (asked: RequestOf<'leases:request'>) =>
    await leases.request({ ...asked, priceMicroMax: BigInt(asked.priceMicroMax) });

  return {
    'offers:search': ({ kind, priceMicroMax, ...query }) =>
      leases.search({
        ...query,
        kind: kind ?? null,
        priceMicroMax: priceMicroMax === undefined ? null : BigInt(priceMicroMax),
      }),
    'offers:own': () => ({ offers: leases.ownOffers() }),
    'leases:list': async ({ side, state, after }) => ({
      leases: await leases.list({
        side,
        live: state === 'all' ? null : state === 'live',
        after: after ?? null,
      }),
    }),
    'leases:get': async ({ lease }) => await leases.get(await leases.find(lease)),
    'leases:request': request,
    'leases:end': async ({ lease }) => {
      const id = await leases.find(lease);
      const { side } = await leases.get(id);
      return await leases.end(id, side === 'lent' ? 'its lender ended it' : 'its borrower ended it');
    },
    'leases:file': async ({ lease }) => {
      const { fileName, bytes } = await leases.file(await leases.find(lease));
      return { fileName, bytes: base64(bytes) };
    },
    'leases:verify': ({ file }) => leases.verifyFile(bytesOf(file)),
    'groups:list': () => ({ groups: leases.addressBook.groups().map(({ name }) => groupView(name)) }),
    'groups:add': async ({ group, peer }) => {
      const id = peerIdOf(peer);
      await leases.addressBook.set(group, [...new Set([...membersOf(group), id])]);
      return groupView(group);
    },
    'groups:remove': async ({ group, peer }) => {
      const id = peerIdOf(peer);
      await leases.addressBook.set(
        group,
        membersOf(group).filter((member) => member !== id),
      );
      return groupView(group);
    },
    'privacy:preview': ({ resource, terms }) => leases.previewTerms(resource, defined(terms)),
    'privacy:log': async () => ({ entries: await leases.privacyLog() }),
    'guard:state': () => guard.state(),
    'guard:run': () => guard.run('asked'),
    'guard:cancel': () => guard.cancel(),

    'tunnels:state': () => tunnels.state(),
    'tunnels:expose': (asked) => tunnels.expose(asked),
    'tunnels:unexpose': async ({ id }) => {
      await tunnels.unexpose(id);
      return {};
    },
    'tunnels:reach': (asked) => tunnels.reach(asked),
    'tunnels:unreach': async ({ id }) => {
      await tunnels.unreach(id);
      return {};
    },
    'tunnels:resolve': ({ address }) => tunnels.resolve(addressOf(address)),
    'tunnels:test': (asked) => tunnels.test(asked),
    'tunnels:proxy': (asked) => tunnels.proxy(asked),
    'tunnels:unproxy': async ({ id }) => {
      await tunnels.unproxy(id);
      return {};
    },
    'tunnels:vpn': ({ up }) => tunnels.vpn(up),
    'exit:get': () => exitView(exitRules.get()),
    'exit:set': async (next) => exitView(await exitRules.set(next)),

    'memory:put': async ({ lease, key, value, ttlMs }) => {
      const id = await leases.find(lease);
      await (await memories.store(id)).set(key, bytesOf(value), { ttlMs });
      return await memories.stats(id);
    },
    'memory:get': async ({ lease, key }) => {
      const value = await (await memories.store(await leases.find(lease))).get(key);
      return { value: value === null ? null : base64(value) };
    },
    'memory:delete': async ({ lease, key }) => {
      const id = await leases.find(lease);
      await (await memories.store(id)).delete(key);
      return await memories.stats(id);
    },
    'memory:stats': async ({ lease }) => await memories.stats(await leases.find(lease)),
    'memory:mirror': async ({ lease, second }) => {
      const id = await leases.find(lease);
      await memories.mirror(id, second === null ? null : await leases.find(second));
      return await memories.stats(id);
    },
    'memory:bench': async ({ lease }) => await memories.bench(await leases.find(lease)),
  };
};
