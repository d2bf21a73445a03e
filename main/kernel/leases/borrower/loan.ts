import { parseKeyId } from '../../../base/crypto/index.ts';
import { ask } from '../engine/ask.ts';
import { type LeaseEntry, sameBytes } from '../engine/lease-entry.ts';
import { leaseUnknown } from '../engine/lease-table.ts';
import type { EngineParts, LeaseSigner } from '../engine/ports.ts';
import { LeaseError } from '../errors.ts';
import { channelHash, encodeSession, SESSION_LABEL } from '../formats/index.ts';
import type { LeaseGrant, LeaseReceipt } from '../interface.ts';
import type { Link } from '../link.ts';
import type { LeaseAnswer, LeaseQuestion } from '../protocol.ts';

/** A receipt that both signed. */
export interface SignedReceipt {
  receipt: LeaseReceipt;
  record: Uint8Array;
  countersigned: Uint8Array;
}
/** A lease from another, as long as it lives. */
export interface Loan {
  readonly entry: LeaseEntry;
  /** What the keys of this lease alone are made from; null: this node signs with its own. */
  readonly secret: Uint8Array | null;
  signer: Promise<LeaseSigner> | null;
  grant: LeaseGrant | null;
  last: SignedReceipt | null;
  /** The circuit, or the connection where the lender was heard last. */
  link: Link | null;
  /** When the lender was heard last, monotonic. */
  heardAtMs: number;
  /** The lease began then by the monotonic clock; what was used before a restart lies before it. */
  beganAtMs: number | null;
  readonly timers: (() => void)[];
  readonly life: AbortController;
  readonly ended: PromiseWithResolvers<void>;
}

/** As it is after something was waited for. */
const linkNow = (loan: Loan): Link | null => loan.link;

/** Ways to the lender of a loan. */
export interface LenderAccess {
  signer(loan: Loan): Promise<LeaseSigner>;
  /** On which the lender knows whose lease it is. @throws {PeerError} {LinkError} {StreamError} {LeaseError} */
  link(loan: Loan, signal?: AbortSignal): Promise<Link>;
  ask(loan: Loan, question: LeaseQuestion): Promise<LeaseAnswer>;
}
export const createLenderAccess = ({
  keys,
  links,
  times,
  freshSigner,
}: Pick<EngineParts, 'keys' | 'links' | 'times' | 'freshSigner'>): LenderAccess => {
  /** Leases whose key was shown on a link. */
  const shown = new WeakMap<Link, Map<Loan, Promise<void>>>();

  const signer = async (loan: Loan): Promise<LeaseSigner> => {
    if (loan.secret !== null) return await (loan.signer ??= freshSigner(loan.secret));
    const node = keys.node();
    if (node === null)
      throw new LeaseError({ code: 'NOT_RUNNING' }, 'The keys of this node are locked; unlock them and try again.');
    return node.signer;
  };
  const show = async (loan: Loan, link: Link): Promise<void> => {
    const { far } = loan.entry.facts;
    if (far === null) throw leaseUnknown(loan.entry.id);
    const session = encodeSession({ lender: far, channel: channelHash(link.exportKey(SESSION_LABEL)) });
    const record = await (await signer(loan)).sign('lease-session', session);
    const answer = await ask(link, { kind: 'session', record }, { deadlineMs: times.askMs, signal: loan.life.signal });
    if (answer.kind !== 'ok')
      throw new LeaseError(
        { code: 'NOT_YOURS', lease: loan.entry.id, verdict: 'ignore' },
        'The lender does not take the key of this lease; end the lease and ask for another one.',
      );
  };
  const open = async (loan: Loan, signal: AbortSignal): Promise<Link> => {
    const { peerId, route, far } = loan.entry.facts;
    if (peerId === null) throw leaseUnknown(loan.entry.id);
    if (route === 'anonymous') {
      const made = loan.link ?? (await links.open({ peer: peerId, route }, { signal }));
      const taken = linkNow(loan) ?? made;
      // Two asked at once; the lender is to see one circuit of this lease.
      if (taken !== made) void made.close();
      return (loan.link = taken);
    }
    const link = await links.open({ peer: peerId, route: 'direct' }, { signal });
    if (link.party.kind !== 'peer' || !sameBytes(parseKeyId(link.party.keyId), far))
      throw new LeaseError(
        { code: 'NOT_YOURS', lease: loan.entry.id, verdict: 'reject' },
        'Another node answers where the lender was; end the lease and ask for another one.',
      );
    loan.link = link;
    return link;
  };
  const access: LenderAccess = {
    signer,
    link: async (loan, signal) => {
      const link = await open(
        loan,
        signal === undefined ? loan.life.signal : AbortSignal.any([signal, loan.life.signal]),
      );
      if (loan.secret === null) return link;
      let leases = shown.get(link);
      if (leases === undefined) shown.set(link, (leases = new Map()));
      let done = leases.get(loan);
      if (done === undefined) {
        done = show(loan, link);
        leases.set(loan, done);
        // What failed is tried again by the next one.
        done.catch(() => leases.delete(loan));
      }
      await done;
      return link;
    },
    ask: async (loan, question) => {
      const link = await access.link(loan);
      try {
        return await ask(link, question, { deadlineMs: times.askMs, signal: loan.life.signal });
      } catch (error) {
        // A circuit that broke is made anew by the next one who asks.
        if (loan.entry.facts.route === 'anonymous' && loan.link === link) {
          loan.link = null;
          void link.close();
        }
        throw error;
      }
    },
  };
  return access;
};
