import type { Identity } from '../../apps/satchel/index.ts';
import { assert, parseAssetId, type AssetId, type Clock } from '../../base/index.ts';
import type { Assets } from '../../kernel/assets/index.ts';
import type { Chain } from '../../kernel/blocks/index.ts';
import type { Prover } from '../../kernel/prover/index.ts';
import type { LogBook } from '../../base/index.ts';
import type { Diagnostics } from '../diagnostics/index.ts';
import type { ConfigSource, NetworkControl, NodeControl, WindowControl } from '../interface.ts';
import { defined } from './defined.ts';
import type { Handlers } from './handler-map.ts';
import { createJobHandlers, type JobHandlerComponents } from './job-handlers.ts';
import { createLedgerHandlers, type LedgerHandlerComponents } from './ledger-handlers.ts';
import { createLendingHandlers, type LendingComponents } from './lending-handlers.ts';
import { createWalletHandlers, type WalletHandlerComponents } from './wallet-handlers.ts';
import { exportName, listTransfers, transferPath } from './transfers.ts';

export interface HandlerComponents
  extends Omit<LendingComponents, 'network'>,
    Omit<JobHandlerComponents, 'network' | 'node' | 'leases'>,
    WalletHandlerComponents,
    LedgerHandlerComponents {
  clock: Clock;
  identity: Identity;
  prover: Prover;
  chain: Chain;
  /** Where exported chains go and imported ones come from. Made when it is needed. */
  transferFolder: string;
  assets: Assets;
  config: ConfigSource;
  logs: Pick<LogBook, 'read'>;
  node: NodeControl;
  network: NetworkControl;
  diagnostics: Diagnostics;
  windowControl: WindowControl | null;
}

/** The contract has checked the text by then; the brand is what is missing. */
const assetIdOf = (text: string): AssetId => {
  const id = parseAssetId(text);
  assert(id !== null, 'the contract lets only asset ids through');
  return id;
};
const bytesOfHex = (hex: string | undefined): Uint8Array | null =>
  hex === undefined ? null : new Uint8Array(Buffer.from(hex, 'hex'));
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

export const createHandlers = (components: HandlerComponents): Handlers => {
  const {
    clock,
    identity,
    prover,
    chain,
    transferFolder,
    assets,
    runtime,
    config,
    logs,
    node,
    network,
    diagnostics,
    windowControl,
  } = components;
  return {
    ...createLendingHandlers(components),
    ...createJobHandlers(components),
    ...createWalletHandlers(components),
    ...createLedgerHandlers(components),
    'node:status': () => node.status(),
    'node:stop': ({ afterJobs }) => {
      node.requestStop(afterJobs);
      return null;
    },
    'app:show': () => {
      windowControl?.show();
      return { shown: windowControl !== null };
    },
    'config:get': () => config.get(),
    'config:set': (change) => config.set(change),
    'logs:read': (query) => logs.read(query),
    'doctor:run': () => diagnostics.checks(),
    'disk:ledger': () => diagnostics.ledger(),
    'bundle:preview': () => diagnostics.previewBundle(),
    'bundle:create': () => diagnostics.createBundle(),

    'hardware:inventory': () => assets.inventory(),
    'hardware:detect': () => assets.detect(),
    'hardware:assets': () => assets.list(),
    'hardware:live': () => assets.live(),
    'benchmark:get': () => assets.benchmark(),
    'benchmark:start': () => assets.startBenchmark(),
    'benchmark:cancel': () => assets.cancelBenchmark(),

    'share:get': () => assets.share(),
    'share:levels': () => assets.levels(),
    'share:promises': () => assets.allocations.promises(),
    'share:allocations': ({ after }) => assets.allocations.list(after),
    'share:set': ({ resource, terms, ...change }) =>
      assets.setShare(resource, { ...defined(change), ...(terms !== undefined && { terms: defined(terms) }) }),
    'share:setGrid': ({ resource, cells }) => assets.setShare(resource, { grid: cells }),
    'share:setRules': (change) => assets.setRules(defined(change)),
    'share:preview': (conditions) => assets.preview(conditions),
    'share:pause': ({ untilMs }) => assets.pause(untilMs),
    'share:resume': () => assets.resume(),
    'share:stopEverything': async () => {
      // The pause first, so that nothing is admitted between the end of the last job and the pause.
      await assets.pause(null);
      const jobsEnded = await runtime.endAll('The owner stopped everything');
      return { jobsEnded, allocationsEnded: await assets.evictAll('The owner stopped everything') };
    },

    'identity:get': () => identity.view(),
    'identity:begin': () => identity.begin(),
    'identity:confirm': (request) => identity.confirm(request),
    'identity:restore': (request) => identity.restore(request),
    'identity:unlock': (request) => identity.unlock(request),
    'identity:lock': () => identity.lock(),
    'identity:seal': (request) => identity.seal(request),
    'identity:backup': async (request) => {
      const { fileName, backup } = await identity.backup(request);
      return { fileName, backup: base64(backup) };
    },
    'identity:drill': (request) => identity.drill(request),

    'proof:assets': () => prover.assets(),
    'proof:state': () => prover.state(),
    'proof:list': ({ asset, limit }) => prover.list({ limit, ...(asset !== undefined && { asset: assetIdOf(asset) }) }),
    'proof:make': ({ asset, purpose, challenge }) =>
      prover.make({ asset: assetIdOf(asset), purpose, nonce: bytesOfHex(challenge) }),
    'proof:cancel': () => prover.cancel(),
    'proof:file': async ({ id }) => {
      const { fileName, bytes } = await prover.file(id);
      return { fileName, file: base64(bytes) };
    },
    'proof:verify': ({ file, challenge }) =>
      prover.verify(new Uint8Array(Buffer.from(file, 'base64')), bytesOfHex(challenge)),
    'proof:getPlan': () => prover.plan(),
    'proof:setPlan': (change) => prover.setPlan(defined(change)),

    'chain:head': () => chain.head(),
    'chain:begin': async () => {
      await chain.begin({ isNew: true });
      return chain.head();
    },
    'chain:list': ({ before, limit }) => chain.list(before, limit),
    'chain:block': ({ height }) => chain.block(height),
    'chain:asset': ({ asset }) => chain.asset(assetIdOf(asset)),
    'chain:verification': () => chain.verification(),
    'chain:verify': () => chain.verify(),
    'chain:cancelVerify': () => chain.cancelVerification(),
    'chain:prune': ({ keep }) => chain.prune(keep),
    'chain:export': async (range) => {
      const name = exportName(range, clock.nowMs());
      const path = await transferPath(transferFolder, name);
      return { path, name, ...(await chain.export(range, path)) };
    },
    'chain:transfers': () => listTransfers(transferFolder),
    'chain:import': async ({ name }) => chain.import(await transferPath(transferFolder, name)),

    'network:state': () => network.state(),
    'network:configure': (change) => network.configure(defined(change)),
    'network:doctor': async () => ({ findings: await network.doctor() }),
    'network:peers': ({ connected }) => ({ peers: network.peers(connected) }),
    'network:peer': ({ peer }) => network.peer(peer),
    'network:add': (request) => network.add(request),
    'network:trust': (request) => network.trust(request),
    'network:ban': (request) => network.ban(request),
    'network:unban': ({ peer }) => network.unban(peer),
    'network:connect': ({ peer }) => network.connect(peer),
    'network:disconnect': ({ peer }) => network.disconnect(peer),
    'network:forget': ({ peer }) => network.forget(peer),
    'network:ping': (request) => network.ping(request),
    'network:trace': ({ peer }) => network.trace(peer),
    'network:invite': (request) => network.invite(request),
    'network:join': ({ link }) => network.join(link),
    'network:create': (request) => network.create(request),
    'network:leave': ({ network: name }) => network.leave(name),
  };
};
