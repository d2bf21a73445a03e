import type { LeaseView } from '../../../../preload/contract/index.ts';
import type { LeaseEntry } from './lease-entry.ts';

/** What faces see of a lease. */
export const viewOf = (
  { id, side, state, facts, totals, endedAtMs }: LeaseEntry,
  now: { effective: number; used: number | null },
  peerName: string,
): LeaseView => ({
  id,
  side,
  resource: facts.resource,
  unit: facts.unit,
  amount: facts.amount,
  state,
  reason: state === 'running' ? '' : facts.reason,
  code: facts.code === '' ? null : facts.code,
  peerId: facts.peerId,
  peerName,
  allocationType: facts.allocationType,
  route: facts.route,
  address: facts.address,
  purpose: facts.purpose,
  requestedAtMs: facts.requestedAtMs,
  startedAtMs: facts.startedAtMs,
  endsAtMs: facts.endsAtMs,
  endedAtMs,
  tickMs: facts.tickMs,
  effective: now.effective,
  measured: now.used,
  unitSeconds: totals.unitSeconds,
  sentBytes: totals.sentBytes,
  receivedBytes: totals.receivedBytes,
  receiptsSigned: totals.sequence,
  owedMicro: totals.owedMicro.toString(),
  priceMicro: facts.priceMicro.toString(),
});
