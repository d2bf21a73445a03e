import { fileURLToPath } from 'node:url';
import { connect } from 'node:tls';
import type { Handshaker } from '../../main/transport/stoq/handshake/interface.ts';
import type { Address, PeerId } from '../../main/transport/stoq/interface.ts';
import { startChild } from '../support/child.ts';
import { createHandshakeSide, type HandshakeSide } from '../support/stoq/handshake-side.ts';
import { percentile, type Figure } from './figure.ts';

const SAMPLES = 25;
const WARM_UP = 4;

/** TCP, TLS 1.3 and one byte back, by Node alone. @returns ms */
const plainTls = (port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const startMs = performance.now();
    const socket = connect({ host: '::1', port, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
    socket.once('error', reject);
    socket.once('data', () => {
      resolve(performance.now() - startMs);
      socket.destroy();
    });
  });

interface Sample {
  /** From an open channel until the other end has proved that it has believed us, by a byte. */
  handshakeMs: number;
  /** From the dial of the carrier on. */
  connectMs: number;
  resumed: boolean;
}
const meet = async (
  side: HandshakeSide,
  carrier: 'quic' | 'tls',
  address: Address,
  peer: PeerId,
  handshaker: Handshaker,
): Promise<Sample> => {
  const startMs = performance.now();
  const channel = await side.carriers[carrier].dial(address, { signal: AbortSignal.timeout(10_000) });
  try {
    const stream = await channel.openStream();
    const openMs = performance.now();
    const { resumed } = await handshaker.initiate(channel, stream, side.options({ expected: peer }));
    if ((await stream.read(1)) === null) throw new Error('the other end refused');
    const endMs = performance.now();
    return { handshakeMs: endMs - openMs, connectMs: endMs - startMs, resumed };
  } finally {
    channel.abort();
  }
};

/**
 * Handshakes between two processes over loopback, beside those of Node's TLS 1.3 (one ECDSA signature, no client certificate) in
 * turn. Cold: neither end knows the other's certificate. Threads have run before, as on a node that has peers.
 */
export const benchStoqHandshake = async (): Promise<Figure[]> => {
  const child = startChild(fileURLToPath(new URL('../support/children/answer-handshakes.ts', import.meta.url)), []);
  const side = createHandshakeSide(1);
  try {
    const peer = (await child.nextLine()) as PeerId;
    const places = new Map<string, string>();
    while (!places.has('plain')) {
      const [name, place] = (await child.nextLine()).split(' ') as [string, string];
      places.set(name, place);
    }
    const figures: Figure[] = [];
    const plain: number[] = [];
    const remembering = side.freshHandshaker();
    const all = new Map<string, Sample[]>();
    for (let n = -WARM_UP; n < SAMPLES; n++) {
      const plainMs = await plainTls(Number(places.get('plain')));
      if (n >= 0) plain.push(plainMs);
      for (const carrier of ['quic', 'tls'] as const)
        for (const kind of ['fresh', 'resumed'] as const) {
          const handshaker = kind === 'fresh' ? side.freshHandshaker() : remembering;
          const sample = await meet(side, carrier, places.get(`${carrier}-${kind}`) as Address, peer, handshaker);
          if (n < 0) continue;
          if (sample.resumed !== (kind === 'resumed'))
            throw new Error(`${carrier}, ${kind}: resumed ${sample.resumed}`);
          all.set(`${carrier}-${kind}`, [...(all.get(`${carrier}-${kind}`) ?? []), sample]);
        }
    }
    const peerMs = percentile(plain, 0.5);
    for (const carrier of ['quic', 'tls'] as const)
      for (const kind of ['fresh', 'resumed'] as const) {
        const samples = all.get(`${carrier}-${kind}`) ?? [];
        const limitMs = kind === 'fresh' ? 60 : 10;
        const add = (what: string, p: number, values: readonly number[], target: string, reached?: boolean): void => {
          const value = percentile(values, p);
          figures.push({
            name: `STOQ ${what}, ${carrier}, ${kind === 'fresh' ? 'cold, both signatures' : 'resumed'}, p${p * 100}`,
            unit: 'ms',
            value,
            peer: { name: 'TCP and TLS 1.3 of Node', value: peerMs },
            ratio: value / peerMs,
            target,
            ...(reached === undefined ? {} : { reached }),
          });
        };
        const own = samples.map(({ handshakeMs }) => handshakeMs);
        add('handshake', 0.5, own, `< ${limitMs} ms`, percentile(own, 0.5) < limitMs);
        add('handshake', 0.1, own, 'for information');
        add('handshake', 0.9, own, 'for information');
        add(
          'dial and handshake',
          0.5,
          samples.map(({ connectMs }) => connectMs),
          'for information',
        );
      }
    return figures;
  } finally {
    await side.stop();
    await child.kill();
  }
};
