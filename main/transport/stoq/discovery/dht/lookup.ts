import type { Clock } from '../../../../base/index.ts';
import type { PeerId } from '../../interface.ts';
import { DHT_ALPHA, DHT_ASKED_MAX, DHT_K, DHT_SLOW_MS } from '../constants.ts';
import { compareDistance, type DhtKey } from './key.ts';
import type { Claim, LookupAnswer } from './messages.ts';

/** Requests under way at once, those that are slow included. */
const ASKING_MAX = 3 * DHT_ALPHA;

export interface LookupInit {
  target: DhtKey;
  /** Whom to begin with, closest first. */
  start: readonly Claim[];
  /** @throws anything: the peer is passed over */
  ask(claim: Claim, signal: AbortSignal): Promise<LookupAnswer>;
  /** Called for every answer, in the order in which they come. @returns whether that is enough */
  onAnswer(claim: Claim, answer: LookupAnswer): boolean | Promise<boolean>;
  signal: AbortSignal;
  paths?: number;
}

interface Candidate {
  claim: Claim;
  path: number;
  state: 'new' | 'asking' | 'slow' | 'answered' | 'failed';
}

/**
 * Looks for the peers closest to a key along disjoint paths (Baumgart and Mies, "S/Kademlia", 2007): every peer is asked on the path
 * that it was first told of on, so that a liar spoils the path that it is on and no other. One request is under way on each; one that
 * takes longer than {@link DHT_SLOW_MS} does not hold up its path. Ends when the `k` closest have answered, or earlier.
 *
 * @returns those that answered, closest first, at most `k`
 * @throws `signal.reason` when aborted
 */
export const lookup = async (
  { clock }: { clock: Clock },
  { target, start, ask, onAnswer, signal, paths = DHT_ALPHA }: LookupInit,
): Promise<Claim[]> => {
  const candidates: Candidate[] = [];
  const known = new Set<PeerId>();
  const stop = new AbortController();
  const inner = AbortSignal.any([signal, stop.signal]);
  let asked = 0;
  let ended = false;
  let wake: () => void = () => undefined;

  const add = (claim: Claim, path: number): void => {
    if (known.has(claim.peer)) return;
    known.add(claim.peer);
    let low = 0;
    let high = candidates.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = candidates[middle];
      if (other !== undefined && compareDistance(target, other.claim.id, claim.id) < 0) low = middle + 1;
      else high = middle;
    }
    candidates.splice(low, 0, { claim, path, state: 'new' });
  };
  for (const [index, claim] of start.entries()) add(claim, index % paths);

  const run = async (candidate: Candidate): Promise<void> => {
    candidate.state = 'asking';
    asked += 1;
    const cancelSlow = clock.after(DHT_SLOW_MS, () => {
      candidate.state = 'slow';
      wake();
    });
    try {
      const answer = await ask(candidate.claim, inner);
      if (ended) return;
      candidate.state = 'answered';
      // A lookup that began with one or two peers has nothing to keep apart yet.
      const used = new Set(candidates.map(({ path }) => path));
      for (const [index, claim] of answer.closer.entries())
        add(claim, used.size < paths ? index % paths : candidate.path);
      if (await onAnswer(candidate.claim, answer)) ended = true;
    } catch {
      // Whoever asks knows why and has counted it; here it means that there is no answer.
      candidate.state = 'failed';
    } finally {
      cancelSlow();
      wake();
    }
  };

  /** The closest that may still be asked, one per free path. */
  const next = (): Candidate | null => {
    const counts = { asking: 0, all: 0 };
    const busy = new Set<number>();
    for (const { state, path } of candidates) {
      if (state === 'asking') busy.add(path);
      if (state === 'asking' || state === 'slow') counts.all += 1;
    }
    if (counts.all >= ASKING_MAX || asked >= DHT_ASKED_MAX) return null;
    let place = 0;
    for (const candidate of candidates) {
      if (candidate.state === 'failed') continue;
      if (place++ >= DHT_K) return null;
      if (candidate.state === 'new' && !busy.has(candidate.path)) return candidate;
    }
    return null;
  };

  try {
    for (;;) {
      signal.throwIfAborted();
      if (ended) break;
      for (let candidate = next(); candidate !== null; candidate = next()) void run(candidate);
      if (!candidates.some(({ state }) => state === 'asking' || state === 'slow')) break;
      await new Promise<void>((resolve) => {
        wake = resolve;
        signal.addEventListener('abort', wake, { once: true });
        if (signal.aborted) resolve();
      });
      signal.removeEventListener('abort', wake);
    }
  } finally {
    ended = true;
    stop.abort(new Error('The lookup has ended.'));
  }
  return candidates
    .filter(({ state }) => state === 'answered')
    .slice(0, DHT_K)
    .map(({ claim }) => claim);
};
