import { createSocket } from 'node:dgram';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import {
  encodePcpMap,
  encodePmpMap,
  readPcpAnswer,
  readPmpAnswer,
} from '../../../../../main/transport/stoq/reach/nat-pmp.ts';
import { createPortMapper, type PortMapper } from '../../../../../main/transport/stoq/reach/port-mapper.ts';
import {
  describeGateway,
  mapOverUpnp,
  readDescription,
  unmapOverUpnp,
} from '../../../../../main/transport/stoq/reach/upnp.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
const never = new AbortController().signal;

/** A router on loopback that answers what it likes. @returns false where the port is taken */
const router = (answer: (request: Buffer) => Buffer | null, older = false): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.on('error', () => resolve(false));
    socket.on('message', (request, from) => {
      // Requests of the older version are shorter: a router of the newer one alone does not know them.
      const reply = request.length === 60 || older ? answer(request) : null;
      if (reply !== null) socket.send(reply, from.port, from.address);
    });
    socket.bind(5351, '127.0.0.1', () => {
      closing.push(() => new Promise<void>((done) => socket.close(() => done())));
      resolve(true);
    });
  });
const mapper = (protocols: ('pcp' | 'nat-pmp')[]): PortMapper => {
  const made = createPortMapper(
    { outside: createSystemOutside(), logger: createSilentLogger(), metrics: null },
    {
      protocols,
      ports: () => [{ protocol: 'udp', port: 7000 }],
      gateways: async () => ({ v4: '127.0.0.1', v6: null }),
      askMs: [200, 400],
    },
  );
  closing.push(() => made.stop());
  return made;
};
/** PCP's answer with changes. */
const pcp = (request: Buffer, change: (answer: Buffer) => void = () => undefined): Buffer => {
  const answer = Buffer.from(request);
  answer[1] = 129;
  answer.writeUInt32BE(600, 4);
  answer.writeUInt16BE(40_000, 42);
  answer.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 7], 44);
  change(answer);
  return answer;
};

describe('a router that is asked for ports', () => {
  it('maps, and is asked to take it away at the end', async () => {
    const lifetimes: number[] = [];
    expect(
      await router((request) => {
        lifetimes.push(request.readUInt32BE(4));
        return pcp(request);
      }),
    ).toBe(true);
    const one = mapper(['pcp']);
    await one.check();
    expect(one.mappings()).toMatchObject([{ externalHost: '203.0.113.7', externalPort: 40_000, by: 'pcp' }]);
    await one.stop();
    expect(lifetimes).toEqual([7200, 0]);
  });
  it.each([
    ['hangs', () => null],
    ['answers nonsense', () => Buffer.from('nonsense, and more than enough of it to look like an answer, really')],
    ['refuses', (request: Buffer) => pcp(request, (answer) => (answer[3] = 2))],
    ['answers for another nonce', (request: Buffer) => pcp(request, (answer) => (answer[24]! ^= 1))],
    ['answers for another port', (request: Buffer) => pcp(request, (answer) => answer.writeUInt16BE(1, 40))],
    ['gives port 0', (request: Buffer) => pcp(request, (answer) => answer.writeUInt16BE(0, 42))],
    ['cuts its answer short', (request: Buffer) => pcp(request).subarray(0, 40)],
  ] as const)('and %s opens nothing, and holds nothing up', async (_name, answer) => {
    expect(await router(answer)).toBe(true);
    const one = mapper(['pcp', 'nat-pmp']);
    const beganMs = performance.now();
    await one.check();
    expect(one.mappings()).toEqual([]);
    expect(performance.now() - beganMs).toBeLessThan(8000);
  });
  it('and speaks the older version alone is asked in that', async () => {
    expect(
      await router((request) => {
        if (request[0] !== 0) return Buffer.from([0, 128, 0, 1, 0, 0, 0, 9]);
        if (request[1] === 0) return Buffer.from([0, 128, 0, 0, 0, 0, 0, 9, 203, 0, 113, 7]);
        const answer = Buffer.alloc(16);
        answer[1] = 128 + request[1]!;
        answer.set(request.subarray(4, 6), 8);
        answer.writeUInt16BE(40_001, 10);
        answer.writeUInt32BE(600, 12);
        return answer;
      }, true),
    ).toBe(true);
    const one = mapper(['pcp', 'nat-pmp']);
    await one.check();
    expect(one.mappings()).toMatchObject([{ externalPort: 40_001, by: 'nat-pmp' }]);
  });
  it('never breaks a reader', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        readPcpAnswer(bytes);
        readPmpAnswer(bytes);
      }),
      { numRuns: 2000 },
    );
    expect(encodePmpMap('udp', 7000, 7000, 7200)).toHaveLength(12);
    expect(encodePcpMap('tcp', '192.168.1.2', 7000, { host: null, port: 0 }, 0, new Uint8Array(12))).toHaveLength(60);
  });
});

describe('UPnP', () => {
  const serve = async (
    answer: (url: string, body: string) => { status: number; text: string } | null,
  ): Promise<URL> => {
    const server: Server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const reply = answer(request.url ?? '', body);
        if (reply === null) {
          const pour = (): void => {
            if (!response.destroyed) response.write('<x>'.repeat(10_000), () => setImmediate(pour));
          };
          pour();
          return;
        }
        response.statusCode = reply.status;
        response.end(reply.text);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    });
    return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/desc.xml`);
  };
  const description = (type: string, control: string): string =>
    `<root><device><serviceList><service><serviceType>urn:schemas-upnp-org:service:${type}</serviceType><controlURL>${control}</controlURL></service></serviceList></device></root>`;
  const fault = (code: number) => ({ status: 500, text: `<errorCode>${code}</errorCode>` });

  it('takes another port where one is in use, and a mapping without an end where the router knows no other', async () => {
    const asked: string[] = [];
    const location = await serve((url, body) => {
      if (url === '/desc.xml') return { status: 200, text: description('WANIPConnection:1', '/control') };
      const action = /<u:(\w+)/.exec(body)?.[1] ?? '';
      const port = /<NewExternalPort>(\d+)/.exec(body)?.[1] ?? '';
      const lease = /<NewLeaseDuration>(\d+)/.exec(body)?.[1] ?? '';
      asked.push(`${action} ${port} ${lease}`.trim());
      if (action === 'AddPortMapping' && port === '7000') return fault(718);
      if (action === 'AddPortMapping' && lease !== '0') return fault(725);
      if (action === 'DeletePortMapping') return fault(714);
      return { status: 200, text: '<r><NewExternalIPAddress>203.0.113.7</NewExternalIPAddress></r>' };
    });
    const gateway = await describeGateway(location, never);
    expect(gateway.localHost).toBe('127.0.0.1');
    const wanted = { protocol: 'udp', internalPort: 7000, externalPort: 7000, lifetimeS: 7200 } as const;
    expect(await mapOverUpnp(gateway, wanted, never)).toEqual({
      externalHost: '203.0.113.7',
      externalPort: 7001,
      lifetimeS: 0,
    });
    // One that is not there is taken away.
    await unmapOverUpnp(gateway, 'udp', 7001, never);
    expect(asked).toEqual([
      'AddPortMapping 7000 7200',
      'AddPortMapping 7001 7200',
      'AddPortMapping 7001 0',
      'GetExternalIPAddress',
      'DeletePortMapping 7001',
    ]);
  });
  it('goes nowhere but to the router itself, and knows nothing but what maps ports', () => {
    const location = new URL('http://192.168.1.1:5000/desc.xml');
    expect(readDescription(description('WANIPConnection:2', 'http://192.168.1.9/x'), location)).toEqual([]);
    expect(readDescription(description('WANIPConnection:2', 'file:///etc/passwd'), location)).toEqual([]);
    expect(readDescription(description('Printer:1', '/x'), location)).toEqual([]);
    expect(readDescription(description('WANIPConnection:2', '/a?b&amp;c'), location)[0]!.controlUrl.href).toBe(
      'http://192.168.1.1:5000/a?b&c',
    );
    fc.assert(
      fc.property(fc.string(), (text) => void readDescription(description('WANIPConnection:1', text), location)),
    );
  });
  it('does not read without end, and believes no address that is none', async () => {
    const endless = await serve(() => null);
    await expect(describeGateway(endless, never)).rejects.toMatchObject({ code: 'NOT_MAPPED' });
    const liar = await serve((url) =>
      url === '/desc.xml'
        ? { status: 200, text: description('WANIPConnection:2', '/control') }
        : {
            status: 200,
            text: '<r><NewReservedPort>7000</NewReservedPort><NewExternalIPAddress>evil.example</NewExternalIPAddress></r>',
          },
    );
    const wanted = { protocol: 'tcp', internalPort: 7000, externalPort: 7000, lifetimeS: 7200 } as const;
    await expect(mapOverUpnp(await describeGateway(liar, never), wanted, never)).rejects.toMatchObject({
      code: 'NOT_MAPPED',
    });
  });
});
