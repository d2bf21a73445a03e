import { createInterface } from 'node:readline';
import { createSystemOutside } from '../../../main/base/index.ts';
import { createPortMapper, type MappingProtocol } from '../../../main/transport/stoq/reach/port-mapper.ts';
import { createSilentLogger } from '../silent-logger.ts';

// A host that asks its router for ports: protocols, then ports as `udp:7000`. Lines in: `check`, `stop`. Lines out: mappings.
const [protocols = '', ...wanted] = process.argv.slice(2);
const kept: Parameters<typeof createSilentLogger>[0] = [];
const mapper = createPortMapper(
  { outside: createSystemOutside(), logger: createSilentLogger(kept), metrics: null },
  {
    protocols: protocols.split(',') as MappingProtocol[],
    ports: () =>
      wanted.map((text) => {
        const [protocol, port] = text.split(':');
        return { protocol: protocol as 'udp' | 'tcp', port: Number(port) };
      }),
  },
);
const say = (): void => {
  process.stdout.write(
    `${JSON.stringify({ mappings: mapper.mappings(), why: kept.splice(0).map(({ context }) => context['reason']) })}\n`,
  );
};
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'stop') {
    await mapper.stop();
    say();
    break;
  }
  await mapper.check();
  say();
}
