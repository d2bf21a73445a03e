import type { Clock } from '../../../base/index.ts';
import type { Ledgers } from '../../../kernel/consensus/index.ts';
import { kindOfResource } from '../../../kernel/leases/formats/index.ts';
import { type Leases, sayAmount } from '../../../kernel/leases/index.ts';
import type { Prover } from '../../../kernel/prover/index.ts';
import type {
  FunnelView,
  LeaseView,
  NetworkState,
  OwnOfferView,
  ResourceKey,
} from '../../../../preload/contract/index.ts';
import { readAssetListings, readEpoch, readParams, readPoints } from '../ledger/read-state.ts';
import { caesText } from '../ledger/transactions.ts';
import { labelOf } from '../rewards/create-rewards.ts';
import type { EarnedIndex } from '../rewards/earned-index.ts';
import type { EarnedRows } from '../rewards/earned-rows.ts';
import type { PaidLease } from '../terms/lease-rows.ts';
import type { TermsControl } from '../terms/create-terms.ts';
import { rewardCapOf } from '../terms/reward-cap.ts';
import type { AskedCounts } from './asked-counts.ts';

/** What is looked back at. */
const DAYS = 7;
const DAY_MS = 24 * 3_600_000;
/** Leases that are looked through. */
const LEASES_MAX = 500;

type Step = FunnelView['steps'][number];
type Found = Pick<Step, 'state' | 'sentence' | 'fix'>;
const TITLES: Readonly<Record<Step['step'], string>> = {
  reachable: 'Others can reach this node',
  offered: 'It is offered',
  matched: 'Somebody asks for it and gets it',
  run: 'Leases run and receipts are signed',
  proof: 'The hardware is proved',
  settled: 'Leases are settled on the ledger',
  paid: 'Something comes in',
};
const passed = (sentence: string): Found => ({ state: 'passed', sentence, fix: null });
const waiting = (sentence: string, fix: Step['fix'] = null): Found => ({ state: 'waiting', sentence, fix });
const failed = (sentence: string, fix: Step['fix']): Found => ({ state: 'failed', sentence, fix });
const fixOf = (sentence: string, page: string | null, command: string | null = null): Step['fix'] => ({
  sentence,
  page,
  command,
});
const count = (number: number, one: string, many = `${one}s`): string => `${number} ${number === 1 ? one : many}`;

export interface FunnelComponents {
  clock: Clock;
  network: () => NetworkState;
  prover: Pick<Prover, 'assets' | 'state'>;
  ledgers: Pick<Ledgers, 'current'>;
  terms: Pick<TermsControl, 'leases' | 'obstacle' | 'ledger'>;
  index: Pick<EarnedIndex, 'account' | 'settled'>;
  rows: EarnedRows;
  counts: AskedCounts;
  leases: () => Pick<Leases, 'list' | 'ownOffers'> | null;
}

/** Why nothing is earned with a resource: seven steps, by what is really so now. */
export const createFunnel = (components: FunnelComponents): ((resource: ResourceKey) => Promise<FunnelView>) => {
  const { clock, network, prover, ledgers, terms, index, rows, counts } = components;

  const reachable = (): Found => {
    const { status, reason, connections, reach } = network();
    const page = fixOf(
      'Open the Network page: it says what is in the way and what to do.',
      'network',
      'hypermesh net status',
    );
    if (status === 'off')
      return failed(
        'The network of this node is switched off.',
        fixOf('Switch it on.', 'network', 'hypermesh net set --enabled on'),
      );
    if (status !== 'running')
      return failed(reason === '' ? 'The network of this node does not run yet.' : reason, page);
    if (connections > 0) return passed(`This node is connected to ${count(connections, 'other')}.`);
    const isOpen = reach.confirmed.length > 0;
    return waiting(
      isOpen
        ? 'This node can be reached from outside, and is connected to nobody now.'
        : 'This node is connected to nobody now, and nobody has confirmed that it can be reached from outside.',
      isOpen
        ? fixOf('Add a peer that you know, or wait until others look for one.', 'network', 'hypermesh peer add')
        : page,
    );
  };
  const offered = (resource: ResourceKey, offer: OwnOfferView | undefined): Found => {
    const share = fixOf('Set how much of it you lend on the Share page.', 'share', `hypermesh share set ${resource}`);
    if (offer === undefined)
      return failed(
        'This machine has no such hardware that is known.',
        fixOf('Look at what was found.', 'machine', 'hypermesh hardware assets'),
      );
    if (!offer.offered) return failed(`It is not offered: ${offer.sentence}`, share);
    const obstacle = terms.obstacle();
    if (obstacle !== null)
      return failed(obstacle, fixOf('Ask whoever runs the network.', 'ledger', 'hypermesh network show'));
    return passed(`${offer.sentence} At most ${sayAmount(offer.amountMax, offer.unit)} of it now.`);
  };
  const matched = async (resource: ResourceKey, all: readonly LeaseView[]): Promise<Found> => {
    const asked = await counts.recent(resource, DAYS);
    const granted = asked.find(({ what }) => what === 'granted')?.count ?? 0;
    const refused = asked.filter(({ what }) => what !== 'granted');
    const refusals = refused.reduce((sum, one) => sum + one.count, 0);
    if (granted > 0 || all.length > 0) {
      const more =
        refusals === 0
          ? ''
          : `, and ${count(refusals, 'request was', 'requests were')} refused, mostly with ${refused[0]?.what ?? ''}`;
      return passed(
        `${count(Math.max(granted, all.length), 'lease was', 'leases were')} granted in ${DAYS} days${more}.`,
      );
    }
    const [first] = refused;
    if (first === undefined)
      return waiting(
        `Nobody has asked for it in the last ${DAYS} days.`,
        fixOf('Nothing is broken; more come to a wider circle, and for a lower price.', 'share'),
      );
    return failed(
      `${count(refusals, 'request was', 'requests were')} refused in ${DAYS} days, mostly with ${first.what}.`,
      refusalFix(first.what),
    );
  };
  const refusalFix = (code: string): Step['fix'] => {
    switch (code) {
      case 'PRICE_TOO_LOW':
        return fixOf('Your price is above what others pay; lower it, or follow the market.', 'share');
      case 'OTHER_LEDGER':
        return fixOf(
          'Others pay on another network than your current one; join theirs, or make it current.',
          'ledger',
          'hypermesh network list',
        );
      case 'ANONYMOUS_COSTS':
        return fixOf('Whoever borrows without a name cannot pay; lend it at no price if you want them.', 'share');
      case 'PRIVACY_REFUSED':
      case 'TYPE_REFUSED':
        return fixOf(
          'Those who asked may not have it at your privacy level; choose a wider one if you want them.',
          'share',
        );
      case 'PROOFS_FAILED':
      case 'PROOFS_STALE':
        return fixOf('You ask borrowers for proofs that they do not have; ask for fewer.', 'share');
      case 'TOO_LONG':
        return fixOf('Allow longer leases.', 'share');
      case 'TOO_MANY_LEASES':
        return fixOf('Allow more leases at once.', 'share');
      default:
        return fixOf('Look at the terms of it on the Share page.', 'share');
    }
  };
  const run = (all: readonly LeaseView[]): Found => {
    const used = all.filter(({ unitSeconds }) => unitSeconds > 0);
    const live = all.filter(({ state }) => state === 'running').length;
    if (used.length > 0)
      return passed(
        `${count(used.length, 'lease')} with signed receipts in ${DAYS} days; ${live === 0 ? 'none runs' : count(live, 'runs', 'run')} now.`,
      );
    if (live > 0) return waiting(`${count(live, 'lease runs', 'leases run')}; the first receipt comes after a minute.`);
    const last = all.find(({ reason }) => reason !== '');
    return failed(
      `${count(all.length, 'lease was', 'leases were')} granted, and nothing was used: ${last?.reason ?? 'the borrower did not begin.'}`,
      last?.code === 'NOT_PAID'
        ? fixOf('The borrower could not set the money aside in time; nothing is to be done here.', null)
        : fixOf('Look at how those leases ended.', 'share', 'hypermesh lease list --side lent'),
    );
  };
  const proof = (resource: ResourceKey): Found => {
    const own = prover.assets().find((one) => one.resource === resource && one.present);
    const proofs = fixOf('Look at the Proofs page.', 'proofs', 'hypermesh proof list');
    if (own === undefined) return failed('The hardware is not registered for proofs.', proofs);
    const bad = own.marks.filter(({ status }) => status !== 'passed');
    if (bad.length === 0) return passed('All four proofs of it hold.');
    const [first] = bad;
    const sentence = `${bad.map(({ kind, status }) => `${kind}: ${status}`).join(', ')}. ${first?.reason ?? ''}`;
    // It is paid without proofs as well, and its rewards are smaller.
    if (bad.length < 4) return { state: 'passed', sentence: `It counts less: ${sentence}`, fix: proofs };
    return prover.state().status === 'working'
      ? waiting(`The proofs are being made: ${sentence}`)
      : failed(sentence, proofs);
  };
  const settled = (paid: readonly PaidLease[], isPaying: boolean): Found => {
    const done = paid.filter(({ step }) => step === 'settled').length;
    const stuck = paid.find(({ step, reason }) => (step === 'settling' || step === 'unpaid') && reason !== '');
    if (stuck !== undefined && (done === 0 || stuck.step === 'settling'))
      return failed(
        `The lease ${stuck.lease.slice(0, 14)} is not settled: ${stuck.reason}`,
        fixOf('Look at your account and at the network.', 'wallet', 'hypermesh network show'),
      );
    if (done > 0) return passed(`${count(done, 'lease was', 'leases were')} settled in ${DAYS} days.`);
    if (paid.length > 0)
      return waiting(
        `${count(paid.length, 'lease is', 'leases are')} on the way; a lease is settled when it has ended.`,
      );
    return isPaying
      ? failed(
          'What was used was not told to the ledger: those leases cost nothing, or their borrowers follow another network.',
          fixOf('Ask for a price, or list it publicly, so that leases count for rewards.', 'share'),
        )
      : failed(
          'This node follows its own home network alone, where everything is yours and nothing is paid.',
          fixOf('Found a network with others, or join one.', 'ledger', 'hypermesh network join'),
        );
  };
  const came = async (resource: ResourceKey): Promise<Found> => {
    const sums = await rows.sums(clock.nowMs() - DAYS * DAY_MS, resource);
    const sum = sums.reduce((all, { amountMicro }) => all + amountMicro, 0n);
    const account = index.account();
    const ledger = ledgers.current();
    if (ledger === null || account === null)
      return failed(
        'There is no account that anything could go to.',
        fixOf('Make an identity.', 'settings', 'hypermesh identity create'),
      );
    const state = ledger.replica.state();
    const params = readParams(state);
    const epoch = readEpoch(state);
    const points = readPoints(state, epoch.number, account);
    const cap = rewardCapOf(state, account);
    const kind = kindOfResource(resource);
    const ceiling =
      cap === 0n
        ? `Rewards are zero: the ceiling of your account is zero, because it is no member of ${ledger.name} and has nothing staked.`
        : points >= cap
          ? `The ceiling of your account for this epoch, ${caesText(cap)}, is reached; more stake raises it.`
          : null;
    const stake = fixOf('Stake something, or have an admin admit your account.', 'wallet', 'hypermesh wallet stake');
    if (sum > 0n)
      return {
        state: 'passed',
        sentence: `${caesText(sum)} came in in ${DAYS} days.${ceiling === null ? '' : ` ${ceiling}`}`,
        fix: ceiling === null ? null : stake,
      };
    if (ceiling !== null) return failed(ceiling, stake);
    if (points > 0n) return waiting(`Points are counted; the rewards of epoch ${epoch.number} are paid when it ends.`);
    const listed = readAssetListings(state, account).find((listing) => listing.kind === kind);
    return waiting(
      params.weights[kind] === 0n
        ? `${ledger.name} gives no rewards for this kind; only its price brings something.`
        : listed === undefined
          ? 'Nothing has come in yet. It is not on the ledger’s list of assets, so that it counts as private, which counts least.'
          : 'Nothing has come in yet.',
      listed === undefined ? fixOf('Lend it to a public network, or to everybody, if you want that.', 'share') : null,
    );
  };

  return async (resource) => {
    await index.settled();
    const leases = components.leases();
    const sinceMs = clock.nowMs() - DAYS * DAY_MS;
    const recent = ((await leases?.list({ side: 'lent', live: null, after: null })) ?? []).filter(
      (lease) => lease.resource === resource && (lease.endedAtMs === null || lease.endedAtMs >= sinceMs),
    );
    const granted = recent.filter(
      ({ code, startedAtMs, state }) => state !== 'refused' && (startedAtMs !== null || code !== null),
    );
    const paid = (
      await terms.leases.list({ side: 'lent', steps: ['escrowed', 'settling', 'settled', 'unpaid'], limit: LEASES_MAX })
    ).filter((lease) => lease.resource === resource && lease.atMs >= sinceMs);
    const found: Record<Step['step'], () => Found | Promise<Found>> = {
      reachable,
      offered: () =>
        offered(
          resource,
          leases?.ownOffers().find((offer) => offer.resource === resource),
        ),
      matched: () => matched(resource, granted),
      run: () => run(granted),
      proof: () => proof(resource),
      settled: () => settled(paid, terms.ledger() !== null),
      paid: () => came(resource),
    };
    const steps: Step[] = [];
    let waits: Step | null = null;
    for (const step of Object.keys(TITLES) as Step['step'][]) {
      // What did not come so far cannot fail; proofs are made whoever comes.
      const isReached = waits === null || step === 'proof' || step === 'offered';
      const one: Found = isReached
        ? await found[step]()
        : { state: 'untried', sentence: 'It has not come to this yet.', fix: null };
      const whole: Step = { step, title: TITLES[step], ...one };
      steps.push(whole);
      if (waits === null && one.state !== 'passed') waits = whole;
    }
    // What has failed stays so however long one waits: it comes before a step that nothing is wrong with.
    const first = steps.find(({ state }) => state === 'failed') ?? waits;
    const name = labelOf(resource);
    return {
      resource,
      steps,
      first: first?.step ?? null,
      answer:
        first === null
          ? `${name} earns: every step is as it should be.`
          : first.state === 'failed'
            ? `${name} earns nothing because of this: ${first.sentence}`
            : `Nothing is wrong with the ${name.toLowerCase()}, it waits. ${first.sentence}`,
    };
  };
};
