import { isNodeError, type Logger, messageOf } from '../../../base/index.ts';
import type { Channel } from '../carriers/interface.ts';
import type { EndpointMetrics } from '../metrics.ts';
import type { ConnectionLimits, PeerBook } from '../standing/interface.ts';
import type { Establish } from './establish.ts';
import { createHandshakePlaces } from './handshake-places.ts';
import type { Life } from './life.ts';

export interface IncomingComponents {
  logger: Logger;
  /** Null: no metrics. */
  metrics: EndpointMetrics | null;
  life: Life;
  book: Pick<PeerBook, 'isBlockedAddress' | 'met' | 'offendAddress'>;
  establish: Establish;
}

/** @returns what takes channels that others began, as far as there are places. It never rejects but for bugs of our own */
export const createIncoming = (
  { logger, metrics, life, book, establish }: IncomingComponents,
  { limits }: { limits: Pick<ConnectionLimits, 'handshakesMax'> },
): ((channel: Channel) => Promise<void>) => {
  const places = createHandshakePlaces(limits);
  return async (channel) => {
    const { remoteAddress } = channel;
    const turnAway = (one: Channel, reason: 'banned' | 'busy'): void => {
      metrics?.incomingRefused.inc(1, { reason });
      one.abort();
    };
    if (!life.isRunning) {
      channel.abort();
      return;
    }
    if (book.isBlockedAddress(remoteAddress)) {
      turnAway(channel, 'banned');
      return;
    }
    const place = places.take(channel);
    if (place === null) {
      turnAway(channel, 'busy');
      return;
    }
    if (place.evicted !== null) turnAway(place.evicted, 'busy');
    try {
      const connection = await establish(channel, null, life.signal);
      book.met(connection.peer.peerId, remoteAddress, connection.remote);
    } catch (error) {
      const code = isNodeError(error) ? error.code : 'FAILED';
      metrics?.incomingRefused.inc(1, {
        reason: code === 'FULL' ? 'full' : code === 'BANNED' ? 'banned' : 'failed',
      });
      logger.debug('Incoming channel refused', { tier: channel.tier, code, problem: messageOf(error) });
      // Whoever it is has not said so: its place pays.
      if (isNodeError(error) && (error.data as { verdict?: string }).verdict === 'reject')
        book.offendAddress(remoteAddress, code === 'CERTIFICATE_REFUSED' ? 'badSignature' : 'handshakeRefused');
    } finally {
      place.leave();
    }
  };
};
