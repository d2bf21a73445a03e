import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NodeError } from '../../../../../../../main/base/index.ts';
import { serveDoor } from '../../../../../../../main/kernel/runtime/drivers/container/holder/doors.ts';
import { DOOR } from '../../../../../../../main/kernel/runtime/drivers/container/holder/frames.ts';
import type { JobNetwork, JobPipe } from '../../../../../../../main/kernel/runtime/drivers/interface.ts';
import { createManualClock } from '../../../../../../support/manual-clock.ts';

class Refused extends NodeError<{ code: 'DESTINATION_REFUSED' }> {
  override readonly name = 'Refused';
}

/** One end of a connection: gives these pieces, keeps what it is told. */
const pipeOf = (pieces: readonly Uint8Array[], open = false): JobPipe & { told: () => Buffer; state: string[] } => {
  const left = [...pieces];
  const told: Uint8Array[] = [];
  const state: string[] = [];
  let wake: (() => void) | null = null;
  return {
    state,
    told: () => Buffer.concat(told),
    read: async () => {
      const next = left.shift();
      if (next !== undefined) return next;
      if (open && !state.includes('reset')) await new Promise<void>((resolve) => (wake = resolve));
      if (state.includes('reset')) throw new Error('reset');
      return null;
    },
    write: async (bytes) => void told.push(Uint8Array.from(bytes)),
    finish: async () => void state.push('finished'),
    reset: () => {
      state.push('reset');
      wake?.();
    },
  };
};
const networkOf = (answer: (host: string, port: number) => JobPipe): JobNetwork & { asked: string[] } => {
  const asked: string[] = [];
  return {
    asked,
    connect: async (host, port) => {
      asked.push(`${host} ${port}`);
      return answer(host, port);
    },
  };
};
const refusing = (): JobNetwork & { asked: string[] } =>
  networkOf(() => {
    throw new Refused({ code: 'DESTINATION_REFUSED' }, 'The owner lets no job go there.');
  });
const serve = async (
  door: number,
  said: readonly Uint8Array[],
  network: JobNetwork,
): Promise<ReturnType<typeof pipeOf>> => {
  const pipe = pipeOf(said);
  await serveDoor({ clock: createManualClock(), network }, door, pipe, new AbortController().signal);
  return pipe;
};
const text = (value: string): Uint8Array => Buffer.from(value, 'latin1');
/** The same bytes in pieces of any length. */
const cut = (bytes: Uint8Array, length: number): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / length) }, (_, index) =>
    bytes.subarray(index * length, (index + 1) * length),
  );

describe('the SOCKS door', () => {
  const hello = Uint8Array.of(5, 1, 0);
  const named = Buffer.concat([hello, Uint8Array.of(5, 1, 0, 3, 11), text('example.com'), Uint8Array.of(1, 187)]);
  it.each([1, 3, 1000])('leads to a name, in pieces of %i bytes, with what was said too early', async (length) => {
    const far = pipeOf([text('answer')]);
    const network = networkOf(() => far);
    const pipe = await serve(DOOR.socks, cut(Buffer.concat([named, text('early')]), length), network);
    expect(network.asked).toEqual(['example.com 443']);
    expect(pipe.told()).toEqual(Buffer.concat([Uint8Array.of(5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0), text('answer')]));
    expect(far.told().toString()).toBe('early');
    expect([pipe.state, far.state]).toEqual([['finished'], ['finished']]);
  });
  it.each([
    ['10.1.2.3 80', Uint8Array.of(5, 1, 0, 1, 10, 1, 2, 3, 0, 80)],
    ['fd00:0:0:0:0:0:0:1 80', Uint8Array.of(5, 1, 0, 4, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80)],
  ])('leads to %s', async (asked, request) => {
    const network = networkOf(() => pipeOf([]));
    await serve(DOOR.socks, [hello, request], network);
    expect(network.asked).toEqual([asked]);
  });
  it.each([
    ['a destination that the rules refuse', [named], [5, 0, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0]],
    ['another command', [hello, Uint8Array.of(5, 2, 0, 1, 1, 2, 3, 4, 0, 80)], [5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0]],
    [
      'another kind of address',
      [hello, Uint8Array.of(5, 1, 0, 9, 1, 2, 3, 4, 0, 80)],
      [5, 0, 5, 8, 0, 1, 0, 0, 0, 0, 0, 0],
    ],
    ['port 0', [hello, Uint8Array.of(5, 1, 0, 1, 1, 2, 3, 4, 0, 0)], [5, 0, 5, 8, 0, 1, 0, 0, 0, 0, 0, 0]],
    [
      'a name with a line in it',
      [hello, Uint8Array.of(5, 1, 0, 3, 3), text('a\nb'), Uint8Array.of(0, 80)],
      [5, 0, 5, 8, 0, 1, 0, 0, 0, 0, 0, 0],
    ],
    ['authentication', [Uint8Array.of(5, 1, 2)], [5, 0xff]],
    ['an older version', [Uint8Array.of(4, 1, 0, 80)], []],
  ])('refuses %s', async (_, said, answer) => {
    const pipe = await serve(DOOR.socks, said, refusing());
    expect([...pipe.told()]).toEqual(answer);
    expect(pipe.state).toEqual(['finished', 'reset']);
  });
});

describe('the HTTP door', () => {
  it('tunnels with CONNECT', async () => {
    const far = pipeOf([text('answer')]);
    const network = networkOf(() => far);
    const pipe = await serve(DOOR.http, [text('CONNECT [fd00::1]:443 HTTP/1.1\r\nHost: x\r\n\r\nearly')], network);
    expect(network.asked).toEqual(['fd00::1 443']);
    expect(pipe.told().toString()).toBe('HTTP/1.1 200 Connection established\r\n\r\nanswer');
    expect(far.told().toString()).toBe('early');
  });
  it('passes a request on as the server has to hear it', async () => {
    const far = pipeOf([text('answer')]);
    const network = networkOf(() => far);
    const said =
      'POST http://example.com?q=1 HTTP/1.1\r\nHost: example.com\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: secret\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nbody';
    const pipe = await serve(DOOR.http, cut(text(said), 7), network);
    expect(network.asked).toEqual(['example.com 80']);
    expect(far.told().toString()).toBe(
      'POST /?q=1 HTTP/1.1\r\nHost: example.com\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody',
    );
    expect(pipe.told().toString()).toBe('answer');
  });
  it('says in a sentence why it refuses', async () => {
    const pipe = await serve(DOOR.http, [text('GET http://10.0.0.1:8080/ HTTP/1.1\r\n\r\n')], refusing());
    expect(pipe.told().toString()).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n[^]*The owner lets no job go there\.\n$/);
  });
  it.each([
    ['a path alone', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['another scheme', 'GET https://example.com/ HTTP/1.1\r\n\r\n', 400],
    ['somebody in the address', 'GET http://me@example.com/ HTTP/1.1\r\n\r\n', 400],
    ['a port that is none', 'CONNECT example.com:70000 HTTP/1.1\r\n\r\n', 400],
    ['no port', 'CONNECT example.com HTTP/1.1\r\n\r\n', 400],
    ['what is no request', '\x16\x03\x01\r\n\r\n', 400],
    ['a head without an end', 'GET http://example.com/ HTTP/1.1\r\nX: '.padEnd(20_000, 'x'), 431],
  ])('refuses %s', async (_, said, status) => {
    const network = networkOf(() => pipeOf([]));
    const pipe = await serve(DOOR.http, [text(said)], network);
    expect(pipe.told().toString()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(network.asked).toEqual([]);
  });
});

describe.each([
  ['SOCKS', DOOR.socks],
  ['HTTP', DOOR.http],
])('the %s door', (_, door) => {
  it('ends whatever is said, and asks for no host that is none', async () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(...['CONNECT a:1 HTTP/1.1\r\n\r\n', 'GET http://', '\r\n\r\n', '\u0005\u0001\u0000'].map(text)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        const network = networkOf(() => pipeOf([]));
        const pipe = await serve(
          door,
          pieces.filter(({ length }) => length > 0),
          network,
        );
        expect(pipe.state.length).toBeGreaterThan(0);
        for (const asked of network.asked) expect(asked).toMatch(/^[A-Za-z0-9_.:-]{1,253} [1-9]\d{0,4}$/);
      }),
    );
  });
  it('waits ten seconds for a wish, and no longer', async () => {
    const clock = createManualClock();
    const pipe = pipeOf([], true);
    const over = serveDoor({ clock, network: refusing() }, door, pipe, new AbortController().signal);
    await clock.advance(10_001);
    await over;
    expect(pipe.state).toContain('reset');
  });
});
