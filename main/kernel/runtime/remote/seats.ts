import { isNodeError, type JobId, messageOf } from '../../../base/index.ts';
import { type KeyId, keyIdBytesOf, keyIdText } from '../../../base/crypto/index.ts';
import type { PeerId } from '../../../transport/stoq/index.ts';
import type { LeaseView, OfferView } from '../../../../preload/contract/index.ts';
import { type LeaseId, type Leases, parseLeaseId } from '../../leases/index.ts';
import { SLOT_BYTES, SLOT_MILLICORES } from './constants.ts';
import { RemoteJobError } from './errors.ts';
import type { OrderFacts, Seat } from './order-facts.ts';
import { amountFor, resourceFor, type SentSpec } from './sent-spec.ts';

/** What a job looks for a lease with. */
export interface Wanted extends Pick<OrderFacts, 'spec' | 'minutes' | 'priceMicroMax' | 'route'> {
  to: string;
  /** Owners that do not count: those who said no, and those of the other copies. */
  without: ReadonlySet<string>;
}
/** Finds offers and takes leases for jobs. */
export interface SeatTaker {
  /** Asks for a lease. It is a row when this resolves, with the job's id as its purpose. @throws {RemoteJobError} `NO_OFFERS` {LeaseError} */
  take(id: JobId, wanted: Wanted): Promise<Seat>;
  /** Resolves when it runs, with who signs there. @throws {RemoteJobError} `REFUSED_THERE` with why it does not */
  settled(seat: Seat, signal: AbortSignal): Promise<Seat>;
  /** Ends one that was taken for a job. */
  give(seat: Seat, reason: string): Promise<void>;
  /** Leases that run and were taken for this job. */
  takenFor(id: JobId): Promise<Seat[]>;
  isOver(lease: LeaseId): Promise<{ over: boolean; reason: string }>;
}

/** Until its lease runs. */
const UNKNOWN = '' as KeyId;
/** Leases of one answer of `list`. */
const PAGE = 100;

/** With less it can do too: a job that names no share takes what there is. */
const amountsFor = (spec: SentSpec): { want: number; least: number } => {
  const want = amountFor(spec);
  if (spec.cpuPercent !== undefined) return { want, least: want };
  if (spec.kind !== 'container') return { want, least: SLOT_MILLICORES };
  return { want, least: Math.max(1, Math.ceil((spec.memoryBytes + spec.scratchBytesMax) / SLOT_BYTES)) };
};

export const createSeatTaker = (
  leases: Pick<Leases, 'search' | 'request' | 'settled' | 'end' | 'get' | 'list' | 'find' | 'borrowed'>,
): SeatTaker => {
  const meant = (to: string, { peerId, peerName, id }: OfferView): boolean => {
    const text = to.trim();
    return (
      text === 'any' ||
      peerId === text ||
      (peerName !== '' && peerName.toLowerCase() === text.toLowerCase()) ||
      (/^[0-9a-f]{4,64}$/.test(text) && id.startsWith(text))
    );
  };
  const choose = async ({
    to,
    spec,
    priceMicroMax,
    without,
  }: Wanted): Promise<{ offer: OfferView; amount: number }> => {
    const kind = resourceFor(spec);
    const { want, least } = amountsFor(spec);
    const query = { kind, amountMin: least, priceMicroMax: BigInt(priceMicroMax), trustedOnly: false };
    let found: OfferView[] = [];
    for (const fresh of [false, true]) {
      const { offers } = await leases.search({ ...query, fresh });
      found = offers.filter((offer) => meant(to, offer));
      const offer = found.find(({ peerId }) => !without.has(peerId));
      if (offer !== undefined) return { offer, amount: Math.min(want, offer.amountMax) };
    }
    throw new RemoteJobError(
      { code: 'NO_OFFERS', wanted: least, found: found.length },
      found.length > 0
        ? 'Everybody who lends enough for this job runs a copy of it already, or said no; ask for fewer copies, or later.'
        : `Nobody${to.trim() === 'any' ? '' : ` called ${to.trim()}`} lends ${least} of ${kind} to this node at this price now; \`hypermesh offers\` shows what there is.`,
    );
  };
  const named = async (to: string): Promise<Seat | null> => {
    if (!/^lease-?[0-9a-f]*$/.test(to.trim())) return null;
    const lease = parseLeaseId(to.trim()) ?? (await leases.find(to.trim()));
    const { view, lender } = leases.borrowed(lease);
    const route = view.route === 'anonymous' ? 'anonymous' : 'direct';
    const signer = keyIdText(keyIdBytesOf(lender.keys));
    return { lease, own: false, peerId: lender.peerId, peerName: view.peerName, signer, route };
  };
  return {
    take: async (id, wanted) => {
      const known = await named(wanted.to);
      if (known !== null) {
        if (!wanted.without.has(known.peerId)) return known;
        throw new RemoteJobError(
          { code: 'NO_OFFERS', wanted: 1, found: 1 },
          'The owner of that lease runs this job already; copies need different owners.',
        );
      }
      const { offer, amount } = await choose(wanted);
      const view = await leases.request({
        offer: offer.id,
        amount,
        minutes: Math.min(wanted.minutes, offer.minutesMax),
        priceMicroMax: BigInt(wanted.priceMicroMax),
        route: wanted.route,
        purpose: id,
      });
      const peerId = offer.peerId as PeerId;
      return {
        lease: view.id as LeaseId,
        own: true,
        peerId,
        peerName: offer.peerName,
        signer: UNKNOWN,
        route: wanted.route,
      };
    },
    settled: async (seat, signal) => {
      const { lease } = seat;
      const { state, reason, code } = await leases.settled(lease, { signal });
      if (state !== 'running')
        throw new RemoteJobError(
          { code: 'REFUSED_THERE', there: code ?? 'LEASE_ENDED' },
          reason === '' ? 'The lease for the job did not begin.' : reason,
        );
      return { ...seat, signer: keyIdText(keyIdBytesOf(leases.borrowed(lease).lender.keys)) };
    },
    give: async ({ lease, own }, reason) => {
      if (!own) return;
      try {
        await leases.end(lease, reason);
      } catch (error) {
        // One that is not known is over.
        if (!isNodeError(error)) throw new Error(messageOf(error), { cause: error });
      }
    },
    takenFor: async (id) => {
      const found: Seat[] = [];
      for (let after: LeaseId | null = null; ; ) {
        const page: LeaseView[] = await leases.list({ side: 'borrowed', live: true, after });
        for (const { id: lease, purpose, peerId, peerName, route } of page)
          if (purpose === id && peerId !== null)
            found.push({
              lease: lease as LeaseId,
              own: true,
              peerId: peerId as PeerId,
              peerName,
              signer: UNKNOWN,
              route: route === 'anonymous' ? 'anonymous' : 'direct',
            });
        const last = page.at(-1);
        if (last === undefined || page.length < PAGE) return found;
        after = last.id as LeaseId;
      }
    },
    isOver: async (lease) => {
      try {
        const { state, reason } = await leases.get(lease);
        return { over: state === 'ending' || state === 'ended' || state === 'refused', reason };
      } catch (error) {
        if (!isNodeError(error)) throw error;
        return { over: true, reason: error.message };
      }
    },
  };
};
