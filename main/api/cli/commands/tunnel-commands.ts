import { type Command, Option } from 'commander';
import { privacyLevel, type RequestInputOf, tunnelProtocol } from '../../../../preload/contract/index.ts';
import { addDerivedCommand, commandAt, withExamples } from '../derive.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { collect, parseWhole } from '../options.ts';
import { readSecretFile } from '../secret-input.ts';
import type { Session } from '../session.ts';
import { parseDuration } from '../units.ts';

/** What the contract takes for one value. */
const VALUE_BYTES_MAX = 8 * 1024 * 1024;

const parsePort = (text: string): number => parseWhole(text, 0, 65_535, 'A port');

/** `[fd5e::1]:8080`, or the address alone with the port as the next word. @throws {CliError} `USAGE` */
const farService = (text: string, port: string | undefined): { address: string; port: number } => {
  const together = /^\[([0-9a-f:]+)\]:(\d{1,5})$/.exec(text);
  if (together !== null && port === undefined)
    return { address: together[1] ?? '', port: parseWhole(together[2] ?? '', 1, 65_535, 'A port') };
  if (port === undefined)
    throw new CliError({ code: 'USAGE' }, 'Where to? Write the address with its port, such as [fd5e:…]:8080.');
  return { address: text, port: parseWhole(port, 1, 65_535, 'A port') };
};

const protocolOption = (description: string): Option =>
  new Option('--protocol <name>', description).choices(tunnelProtocol.options).default('tcp');

const addExpose = (program: Command, session: Session): void => {
  const expose = program
    .command('expose')
    .description('Give a service of this machine a global address, for whom you say')
    .argument('<target>', 'a port of this machine, host:port, unix:/path, or job:<id>:<port>')
    .addOption(protocolOption('tcp, udp or http'))
    .option('--port <number>', "port at the global address; the target's without it", parsePort, 0)
    .option('--name <words>', 'your own word for it; nobody else sees it', '')
    .addOption(new Option('--privacy <level>', 'who may open it').choices(privacyLevel.options).default('P2P'))
    .option('--privacy-name <name>', 'a network, peer or @group that the level names (again for more)', collect)
    .option('--no-relays', 'only over direct paths')
    .action(
      async (
        target: string,
        flags: {
          protocol: RequestInputOf<'tunnels:expose'>['protocol'];
          port: number;
          name: string;
          privacy: RequestInputOf<'tunnels:expose'>['privacyLevel'];
          privacyName?: string[];
          relays: boolean;
        },
      ) => {
        session.show(
          'tunnels:expose',
          await session.call('tunnels:expose', {
            target,
            protocol: flags.protocol,
            port: flags.port,
            name: flags.name,
            privacyLevel: flags.privacy,
            privacyNames: flags.privacyName ?? [],
            relaysAllowed: flags.relays,
          }),
        );
      },
    );
  withExamples(expose, [
    'hypermesh expose 8080 --name photos --protocol http',
    'hypermesh expose 22 --privacy P2P --privacy-name attic',
    'hypermesh expose 192.168.1.20:631 --privacy Private',
  ]);
  addDerivedCommand(program, session, 'tunnels:unexpose');
};

const addReach = (program: Command, session: Session): void => {
  const reach = program
    .command('reach')
    .description('Bring a far service to a port of this machine')
    .argument('<address>', 'a global address with its port, [fd…]:8080, or the address alone')
    .argument('[port]', 'the port, where it does not stand with the address')
    .addOption(protocolOption('tcp, udp or http'))
    .option('--local-port <number>', 'where to listen; the same port where it is free', parsePort, 0)
    .option('--anonymous', 'through at least two relays')
    .action(
      async (
        address: string,
        port: string | undefined,
        flags: { protocol: RequestInputOf<'tunnels:reach'>['protocol']; localPort: number; anonymous?: true },
      ) => {
        session.show(
          'tunnels:reach',
          await session.call('tunnels:reach', {
            ...farService(address, port),
            protocol: flags.protocol,
            localPort: flags.localPort,
            route: flags.anonymous ? 'anonymous' : 'direct',
          }),
        );
      },
    );
  withExamples(reach, ['hypermesh reach [fd5e:…]:8080', 'hypermesh reach fd5e:… 53 --protocol udp --local-port 5353']);
  addDerivedCommand(program, session, 'tunnels:unreach');
  const test = commandAt(program, 'tunnels test')
    .description('Try a global address step by step: found, reached, let in')
    .argument('<address>', 'a global address with its port, [fd…]:8080, or the address alone')
    .argument('[port]', 'the port, where it does not stand with the address')
    .addOption(protocolOption('tcp, udp or http'))
    .action(
      async (
        address: string,
        port: string | undefined,
        { protocol }: { protocol: RequestInputOf<'tunnels:test'>['protocol'] },
      ) => {
        const found = await session.call('tunnels:test', { ...farService(address, port), protocol });
        session.show('tunnels:test', found);
        if (!found.allowed) session.exitCode = EXIT.failed;
      },
    );
  withExamples(test, ['hypermesh tunnels test [fd5e:…]:8080']).addHelpText(
    'after',
    `\nEnds with ${EXIT.failed} when it cannot be reached.`,
  );
};

const addProxy = (program: Command, session: Session): void => {
  withExamples(
    commandAt(program, 'proxy').description('Proxies of this machine into the mesh, and out through a leased network'),
    ['hypermesh proxy socks --port 1080', 'hypermesh proxy http --lease lease-3f2a'],
  );
  const kinds = {
    socks: 'Open a SOCKS5 proxy: TCP and UDP, names resolved far away',
    http: 'Open an HTTP proxy: CONNECT and plain requests',
    names: 'Open a web server where each far name is a host: http://photos.localhost:PORT',
  } as const;
  for (const kind of ['socks', 'http', 'names'] as const) {
    const proxy = commandAt(program, `proxy ${kind}`)
      .description(kinds[kind])
      .option('--port <number>', 'where to listen; any free one without it', parsePort, 0)
      .option('--lease <lease>', 'a lease of a network through which traffic leaves')
      .option('--username <name>', 'ask for this name', '')
      .option('--password-file <file>', 'ask for the password in this file, which only you can read')
      .action(async (flags: { port: number; lease?: string; username: string; passwordFile?: string }) => {
        const password = flags.passwordFile === undefined ? '' : await readSecretFile(flags.passwordFile);
        if ((flags.username === '') !== (password === ''))
          throw new CliError({ code: 'USAGE' }, '--username and --password-file go together.');
        session.show(
          'tunnels:proxy',
          await session.call('tunnels:proxy', {
            kind,
            localPort: flags.port,
            lease: flags.lease ?? null,
            username: flags.username,
            password,
          }),
        );
      });
    withExamples(proxy, [`hypermesh proxy ${kind} --port ${kind === 'socks' ? 1080 : 8118}`]);
  }
  addDerivedCommand(program, session, 'tunnels:unproxy');
};

const addVpn = (program: Command, session: Session): void => {
  withExamples(commandAt(program, 'vpn').description('Global addresses as ordinary IPv6 addresses of this machine'), [
    'hypermesh vpn up',
    'ping fd5e:…',
    'hypermesh vpn down',
  ]);
  for (const word of ['up', 'down'] as const) {
    const command = commandAt(program, `vpn ${word}`)
      .description(word === 'up' ? 'Let every program use global addresses' : 'Take the network device away')
      .action(async () => {
        const vpn = await session.call('tunnels:vpn', { up: word === 'up' });
        session.show('tunnels:vpn', vpn);
        if (word === 'up' && vpn.state !== 'up') session.exitCode = EXIT.failed;
      });
    withExamples(command, [`hypermesh vpn ${word}`]);
  }
};

const addMemory = (program: Command, session: Session): void => {
  withExamples(commandAt(program, 'mem').description('Borrowed memory as a store of keys and values'), [
    'hypermesh mem put lease-3f2a notes "bread, milk"',
    'hypermesh mem get lease-3f2a notes',
  ]);
  const put = commandAt(program, 'mem put')
    .description('Keep a value under a key in borrowed memory, encrypted before it leaves')
    .argument('<lease>', 'a lease of memory, or the beginning of its id')
    .argument('<key>', 'at most 256 characters')
    .argument('[value]', 'the value; without it, what is piped in')
    .option('--ttl <duration>', 'how long it is kept, such as 10m or 2h; as long as the lease without it')
    .action(async (lease: string, key: string, value: string | undefined, { ttl }: { ttl?: string }) => {
      const ttlMs = ttl === undefined ? null : parseDuration(ttl);
      if (ttl !== undefined && ttlMs === null)
        throw new CliError({ code: 'USAGE' }, `"${ttl.slice(0, 20)}" is no duration; write 30s, 10m or 2h.`);
      const bytes = value === undefined ? await session.terminal.readInput(VALUE_BYTES_MAX) : Buffer.from(value);
      if (bytes === null) throw new CliError({ code: 'USAGE' }, 'Give a value, or pipe one in.');
      session.show(
        'memory:put',
        await session.call('memory:put', { lease, key, value: Buffer.from(bytes).toString('base64'), ttlMs }),
      );
    });
  withExamples(put, [
    'hypermesh mem put lease-3f2a notes "bread, milk"',
    'hypermesh mem put lease-3f2a photo --ttl 2h < photo.jpg',
  ]);
  const get = commandAt(program, 'mem get')
    .description('Read a value from borrowed memory, byte for byte')
    .argument('<lease>', 'a lease of memory, or the beginning of its id')
    .argument('<key>', 'what it was kept under')
    .action(async (lease: string, key: string) => {
      const answer = await session.call('memory:get', { lease, key });
      if (session.json) session.printJson(answer);
      else if (answer.value === null) {
        session.note(`Nothing is kept under "${key.slice(0, 80)}".`);
        session.exitCode = EXIT.failed;
      } else session.terminal.writeOut(Buffer.from(answer.value, 'base64'));
    });
  withExamples(get, [
    'hypermesh mem get lease-3f2a notes',
    'hypermesh mem get lease-3f2a photo > photo.jpg',
  ]).addHelpText('after', `\nEnds with ${EXIT.failed} when there is nothing under that key.`);
  addDerivedCommand(program, session, 'memory:delete');
  addDerivedCommand(program, session, 'memory:stats');
  const mirror = commandAt(program, 'mem mirror')
    .description('Keep what is in borrowed memory at a second lender, too')
    .argument('<lease>', 'a lease of memory, or the beginning of its id')
    .argument('<second>', 'another lease of memory, at least as large; none ends the mirror')
    .action(async (lease: string, second: string) => {
      session.show(
        'memory:mirror',
        await session.call('memory:mirror', { lease, second: second === 'none' ? null : second }),
      );
    });
  withExamples(mirror, ['hypermesh mem mirror lease-3f2a lease-77aa', 'hypermesh mem mirror lease-3f2a none']);
  const bench = commandAt(program, 'mem bench')
    .description('Measure borrowed memory at 64 B, 4 KiB and 1 MiB')
    .argument('<lease>', 'a lease of memory, or the beginning of its id')
    .action(async (lease: string) => session.show('memory:bench', await session.call('memory:bench', { lease })));
  withExamples(bench, ['hypermesh mem bench lease-3f2a']);
};

const addExit = (program: Command, session: Session): void => {
  withExamples(commandAt(program, 'exit').description('Where traffic of borrowers may leave to'), [
    'hypermesh exit show',
    'hypermesh exit set list --allow "*.example.org:443"',
  ]);
  addDerivedCommand(program, session, 'exit:get');
  const set = commandAt(program, 'exit set')
    .description('Change where traffic of borrowers may leave to')
    .addArgument(
      program.createArgument('<mode>', 'all: everything public; list: only what is allowed').choices(['all', 'list']),
    )
    .option('--allow <place>', 'name, address or range with its port (again for more); replaces the list', collect)
    .action(async (mode: 'all' | 'list', { allow = [] }: { allow?: string[] }) => {
      session.show('exit:set', await session.call('exit:set', { mode, allowed: allow }));
    });
  withExamples(set, [
    'hypermesh exit set all',
    'hypermesh exit set list --allow "*.example.org:443" --allow "[2001:db8::/32]:*"',
  ]).addHelpText('after', '\nWhether any traffic may leave is in the terms: hypermesh share set network --exit on.');
};

/** `tunnels`, `expose`, `reach`, `resolve`, `proxy …`, `exit …`, `vpn …`, `mem …`. */
export const addTunnelCommands = (program: Command, session: Session): void => {
  addDerivedCommand(program, session, 'tunnels:state');
  addExpose(program, session);
  addReach(program, session);
  addDerivedCommand(program, session, 'tunnels:resolve');
  addProxy(program, session);
  addExit(program, session);
  addVpn(program, session);
  addMemory(program, session);
};
