import type { LendingTerms } from '../../../preload/contract/index.ts';
import { PUBLIC_NETWORK } from '../../transport/stoq/index.ts';
import { kindOfResource } from './formats/index.ts';
import { namedNetworks } from './privacy.ts';
import { listed, type PrivacyFacts, type PrivacySide, thingOf } from './say-privacy.ts';

type Row = PrivacySide['rows'][number];
const RIGHTS = ['discover', 'connect', 'allocate'] as const;
const SAY: Readonly<Record<(typeof RIGHTS)[number], string>> = {
  discover: 'find it',
  connect: 'connect to it',
  allocate: 'have it',
};
const ROUTE: Readonly<Record<PrivacySide['routes'][number], string>> = {
  direct: 'Direct connections',
  relay: 'Connections through a relay, which reads nothing',
  anonymous: 'Anonymous routes, on which nobody knows who is at the other end',
};

const peers = (count: number): string => {
  if (count === 0) return 'none of them is connected now';
  return count === 1 ? 'one of them is connected now' : `${count} of them are connected now`;
};
const changesOfRow = (before: Row, after: Row): string[] => {
  const gained = RIGHTS.filter((right) => after[right] && !before[right]).map((right) => SAY[right]);
  const lost = RIGHTS.filter((right) => before[right] && !after[right]).map((right) => SAY[right]);
  const known = after.who === 'anonymous' ? '' : `; ${peers(after.peersNow)}`;
  return [
    ...(gained.length > 0 ? [`${after.label} can ${listed(gained)} from then on${known}.`] : []),
    ...(lost.length > 0 ? [`${before.label} can no longer ${listed(lost)}.`] : []),
  ];
};

/** What is different, one sentence each. */
export const comparePrivacy = (
  before: { terms: LendingTerms; side: PrivacySide },
  after: { terms: LendingTerms; side: PrivacySide },
): string[] => {
  const changes = after.side.rows.flatMap((row) => {
    const other = before.side.rows.find(({ who }) => who === row.who);
    return other === undefined ? [] : changesOfRow(other, row);
  });
  // Who is meant may change while the rights stay.
  for (const row of after.side.rows) {
    const other = before.side.rows.find(({ who }) => who === row.who);
    if (other !== undefined && row.discover && other.discover && row.label !== other.label)
      changes.push(`Instead of “${other.label}” it is “${row.label}”; ${peers(row.peersNow)}.`);
  }
  for (const route of ['direct', 'relay', 'anonymous'] as const) {
    const [was, is] = [before.side.routes.includes(route), after.side.routes.includes(route)];
    if (was !== is) changes.push(`${ROUTE[route]} ${is ? 'are allowed from then on' : 'are refused from then on'}.`);
  }
  const fresh = (is: readonly string[], was: readonly string[], what: string): string[] =>
    is.filter((sentence) => !was.includes(sentence)).map((sentence) => `${what}: ${sentence}`);
  changes.push(...fresh(after.side.seen, before.side.seen, 'Others see'));
  changes.push(...fresh(after.side.ports, before.side.ports, 'Ports and protocols'));
  changes.push(...fresh(after.side.destinations, before.side.destinations, 'Borrowers reach'));
  if (after.terms.leasesMax !== before.terms.leasesMax)
    changes.push(`Leases at once: ${after.terms.leasesMax} instead of ${before.terms.leasesMax}.`);
  const needed = ({ requiredProofs }: LendingTerms): string => listed(requiredProofs) || 'nothing';
  if (needed(after.terms) !== needed(before.terms))
    changes.push(`Borrowers prove ${needed(after.terms)} instead of ${needed(before.terms)}.`);
  return changes;
};

/** Who is meant by names that mean nobody. */
export interface NameFacts {
  /** Names of the level that mean no peer, group or network of now. */
  unknown: readonly string[];
  /** Peers that the level names and that are not trusted. */
  untrusted: readonly string[];
}

/** What needs a second look, one sentence each. */
export const warnOfPrivacy = (
  terms: LendingTerms,
  side: PrivacySide,
  facts: PrivacyFacts,
  names: NameFacts,
): string[] => {
  const { resource, networks, lendable, percentMax } = facts;
  const thing = thingOf(resource);
  const warnings: string[] = [];
  const warn = (when: boolean, sentence: string): void => {
    if (when) warnings.push(sentence);
  };
  const { privacyLevel, privacyNames, allocationType } = terms;
  warn(!lendable, `This program cannot lend ${thing} yet; the terms are kept for when it can.`);
  warn(percentMax === 0, 'The slider is at 0 %: nothing is lent, whatever the terms say.');
  warn(terms.leasesMax === 0, 'No leases at once are allowed: nobody can have it.');
  warn(
    privacyLevel === 'FullPublic' && allocationType !== 'Private',
    'Everybody in the world can find it and ask for it, those who want you ill too; the limits of the owner are all that holds them.',
  );
  warn(
    allocationType === 'Private' && privacyLevel !== 'Private',
    `The type Private lends to your own nodes alone: the level ${privacyLevel} lets nobody else in.`,
  );
  warn(
    allocationType === 'Anonymous' && privacyLevel !== 'FullPublic',
    'Anonymous routes are used at the level FullPublic only; at this level who borrows is known while the lease runs, and not kept.',
  );
  warn(
    kindOfResource(resource) === 'network' && terms.proxy.exitAllowed,
    'What borrowers do on the internet through this machine seems to come from you: you may be asked about it.',
  );
  warn(
    privacyLevel === 'PrivateNetwork' && namedNetworks(networks, privacyNames).length === 0,
    privacyNames.length === 0
      ? 'This node is in no private network: only your own nodes can have it until you join one.'
      : 'This node is in none of the networks that are named: only your own nodes can have it.',
  );
  warn(
    privacyLevel === 'PublicNetwork' && privacyNames.length > 0 && !privacyNames.includes(PUBLIC_NETWORK),
    `The one public network there is today is called ${PUBLIC_NETWORK}; the names given mean nobody.`,
  );
  warn(
    names.unknown.length > 0,
    `${listed(names.unknown)} ${names.unknown.length === 1 ? 'means' : 'mean'} nobody that this node knows.`,
  );
  warn(
    names.untrusted.length > 0,
    `${listed(names.untrusted)} ${names.untrusted.length === 1 ? 'is' : 'are'} named but not trusted, and stay${names.untrusted.length === 1 ? 's' : ''} outside until you trust them.`,
  );
  warn(
    terms.requiredProofs.length > 0 && side.rows.some(({ who, allocate }) => who === 'anonymous' && allocate),
    'Proofs name their node: borrowers on anonymous routes cannot show them and are refused.',
  );
  warn(
    !side.routes.includes('relay') && side.rows.some(({ who, connect }) => who !== 'anonymous' && connect),
    'Relays are refused: peers that find no direct way to this machine, such as behind some routers, cannot use it.',
  );
  return warnings;
};
