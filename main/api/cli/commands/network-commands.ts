import type { Command } from 'commander';
import type { NetworkSettings, RequestInputOf } from '../../../../preload/contract/index.ts';
import { addDerivedCommand, commandAt, parseNumber, withExamples } from '../derive.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { type OnOff, onOff, parseWhole } from '../options.ts';
import { askNewPassphrase, readPipedSecret, readSecretFile } from '../secret-input.ts';
import type { Session } from '../session.ts';
import { peerLabel, viewPingSummary, viewRoundTrip } from '../views-network.ts';

/** Longest link there is, with room for what editors put around it. */
const LINK_BYTES_MAX = 8 * 1024;

interface SetFlags {
  enabled?: OnOff;
  port?: number;
  ipv4?: OnOff;
  loopbackOnly?: OnOff;
  localDiscovery?: OnOff;
  portMapping?: OnOff;
  relay?: OnOff;
  open?: OnOff;
  bootstrap?: string[];
  clearBootstrap?: true;
  connectionsMax?: number;
}
const addSet = (program: Command, session: Session): void => {
  const set = commandAt(program, 'net set')
    .description('Change network settings; those left out stay')
    .addOption(onOff('--enabled', 'whether this node talks to others at all'))
    .option('--port <number>', 'UDP and TCP port; 0: any free one', (text) => parseWhole(text, 0, 65_535, 'A port'))
    .addOption(onOff('--ipv4', 'IPv4 as well, where a network has nothing else'))
    .addOption(onOff('--loopback-only', 'talk to nodes on this machine only'))
    .addOption(onOff('--local-discovery', 'find nodes on the local network by multicast DNS'))
    .addOption(onOff('--port-mapping', 'ask the router to open ports'))
    .addOption(onOff('--relay', "carry other nodes' connections, within the level of the network"))
    .addOption(onOff('--open', 'let in peers without a common private network'))
    .option('--bootstrap <address...>', 'first peers, each an address that ends in /p2p/<peer id>; replaces the list')
    .option('--clear-bootstrap', 'no first peers')
    .option('--connections-max <count>', 'connections at once', (text) =>
      parseWhole(text, 4, 10_000, 'A number of connections'),
    )
    .action(async (flags: SetFlags) => {
      const { bootstrap, clearBootstrap, port, connectionsMax } = flags;
      if (bootstrap !== undefined && clearBootstrap)
        throw new CliError({ code: 'USAGE' }, '--bootstrap and --clear-bootstrap exclude each other.');
      const switches = ['enabled', 'ipv4', 'loopbackOnly', 'localDiscovery', 'portMapping', 'relay', 'open'] as const;
      const change: Partial<NetworkSettings> = {
        ...(port !== undefined && { port }),
        ...(connectionsMax !== undefined && { connectionsMax }),
        ...(bootstrap !== undefined && { bootstrap }),
        ...(clearBootstrap && { bootstrap: [] }),
      };
      for (const name of switches) if (flags[name] !== undefined) change[name] = flags[name] === 'on';
      if (Object.keys(change).length === 0)
        throw new CliError(
          { code: 'USAGE' },
          'Nothing was to be changed; see hypermesh net set --help for what can be.',
        );
      session.show('network:configure', await session.call('network:configure', change));
    });
  withExamples(set, [
    'hypermesh net set --port 4001',
    'hypermesh net set --local-discovery off',
    'hypermesh net set --enabled off',
  ]);
};

const addDoctor = (program: Command, session: Session): void => {
  const doctor = commandAt(program, 'net doctor')
    .description('Test the network now: interfaces, ports, address, NAT, relays, discovery; and say what to do')
    .action(async () => {
      const answer = await session.call('network:doctor', {});
      session.show('network:doctor', answer);
      if (answer.findings.some(({ state }) => state === 'problem')) session.exitCode = EXIT.failed;
    });
  withExamples(doctor, ['hypermesh net doctor', 'hypermesh net doctor --json']).addHelpText(
    'after',
    `\nEnds with ${EXIT.failed} when there is a problem.`,
  );
};

const addCreate = (program: Command, session: Session): void => {
  const create = commandAt(program, 'net create')
    .description('Make or join a private network by its name and secret; who has both is in')
    .argument('<name>', 'what all its nodes call it')
    .option('--secret-file <file>', 'the secret, from a file that only you can read')
    .option('--no-secret', 'a secret that nobody knows and only invites carry')
    .action(async (name: string, { secretFile, secret }: { secretFile?: string; secret: boolean }) => {
      if (!secret && secretFile !== undefined)
        throw new CliError({ code: 'USAGE' }, '--secret-file and --no-secret exclude each other.');
      const given = !secret
        ? null
        : secretFile !== undefined
          ? await readSecretFile(secretFile)
          : ((await readPipedSecret(session.terminal)) ??
            (await askNewPassphrase(
              session.terminal,
              'Secret of the network',
              'pipe the secret to this command, name a file with --secret-file, or let invites carry it: --no-secret',
              12,
            )));
      session.show('network:create', await session.call('network:create', { name, secret: given }));
    });
  withExamples(create, [
    'hypermesh net create home',
    'hypermesh net create home --secret-file secret.txt',
    'hypermesh net create home --no-secret',
  ]).addHelpText(
    'after',
    '\nThe secret has 12 characters at least and is never given on the command line, which others can read.',
  );
};

const addPeers = (program: Command, session: Session): void => {
  addDerivedCommand(program, session, 'network:peers');
  withExamples(commandAt(program, 'peer').description('One peer: what is known of it, and what to do with it'), [
    'hypermesh peer show attic',
    'hypermesh peer ping attic',
  ]);
  addDerivedCommand(program, session, 'network:peer');
  addDerivedCommand(program, session, 'network:add');
  const trust = commandAt(program, 'peer trust')
    .description('Trust a peer by a name, or name it otherwise; trusted peers are kept connected')
    .argument('<peer>', 'a peer id, the beginning of one, or a name')
    .option('--name <text>', 'what to call it from now on')
    .addOption(onOff('--trusted', 'off takes the trust back and leaves the name').default('on'))
    .action(async (peer: string, { name, trusted }: { name?: string; trusted: OnOff }) => {
      const request: RequestInputOf<'network:trust'> = {
        peer,
        trusted: trusted === 'on',
        ...(name !== undefined && { name }),
      };
      session.show('network:trust', await session.call('network:trust', request));
    });
  withExamples(trust, ['hypermesh peer trust 12D3KooWAbc --name attic', 'hypermesh peer trust attic --trusted off']);
  for (const name of [
    'network:ban',
    'network:unban',
    'network:connect',
    'network:disconnect',
    'network:forget',
  ] as const)
    addDerivedCommand(program, session, name);
  addPing(program, session);
  addDerivedCommand(program, session, 'network:trace');
};

const addPing = (program: Command, session: Session): void => {
  const ping = commandAt(program, 'peer ping')
    .description('Measure round trips to a peer, connecting to it first if need be')
    .argument('<peer>', 'a peer id, the beginning of one, or a name')
    .option('--count <number>', 'how many, 1 to 100', (text) => parseWhole(text, 1, 100, 'A count'), 4)
    .option('--interval <seconds>', 'time between two; 0.2 at least', parseNumber, 1)
    .action(async (peer: string, { count, interval }: { count: number; interval: number }) => {
      if (interval < 0.2 || interval > 60) throw new CliError({ code: 'USAGE' }, '--interval takes 0.2 to 60 seconds.');
      if (session.json) {
        const answer = await session.call('network:ping', { peer, count });
        session.show('network:ping', answer);
        if (answer.roundTripsMs.every((ms) => ms === null)) session.exitCode = EXIT.failed;
        return;
      }
      const stopped = new AbortController();
      const stopInterrupt = session.terminal.onInterrupt(() => stopped.abort());
      const roundTripsMs: (number | null)[] = [];
      try {
        for (let sent = 0; sent < count && !stopped.signal.aborted; sent += 1) {
          if (sent > 0) await session.clock.sleep(interval * 1000, stopped.signal).catch(() => undefined);
          if (stopped.signal.aborted) break;
          const answer = await session.call('network:ping', { peer, count: 1 });
          if (sent === 0) session.print(`${await describePeer(session, answer.peerId)}\n`);
          const ms = answer.roundTripsMs[0] ?? null;
          roundTripsMs.push(ms);
          session.print(viewRoundTrip(sent + 1, ms, answer.path, session.style));
        }
      } finally {
        stopInterrupt();
      }
      session.print(viewPingSummary({ roundTripsMs }, session.style));
      if (roundTripsMs.every((ms) => ms === null)) session.exitCode = EXIT.failed;
    });
  withExamples(ping, ['hypermesh peer ping attic', 'hypermesh peer ping attic --count 10 --interval 0.5']).addHelpText(
    'after',
    `\nCtrl-C stops it with its summary. Ends with ${EXIT.failed} when nothing answered.`,
  );
};
const describePeer = async (session: Session, peerId: string): Promise<string> => {
  const peer = await session.call('network:peer', { peer: peerId });
  return `Round trips to ${peerLabel(peer)} (${peerId}):`;
};

const addJoin = (program: Command, session: Session): void => {
  const join = program
    .command('join')
    .description('Follow an invite: join its private network and connect to whoever made it')
    .argument('[link]', 'begins with hypermesh:join/; without one it is read from the input')
    .action(async (link: string | undefined) => {
      let given = link;
      if (given === undefined) {
        const piped = await session.terminal.readInput(LINK_BYTES_MAX);
        if (piped !== null) given = Buffer.from(piped).toString('utf8').trim();
        else given = (await session.terminal.readLine('Link of the invite: ')) ?? undefined;
      }
      if (given === undefined || given === '')
        throw new CliError({ code: 'USAGE' }, 'There is no link; give it after join, or pipe it to this command.');
      const answer = await session.call('network:join', { link: given });
      session.show('network:join', answer);
      if (answer.problem !== null) session.exitCode = EXIT.failed;
    });
  withExamples(join, ['hypermesh join hypermesh:join/…', 'hypermesh join < invite.txt']).addHelpText(
    'after',
    '\nA link lets whoever has it in: where others use this machine too, pipe it in.',
  );
};

/** `net …`, `peers`, `peer …`, `invite`, `join`. */
export const addNetworkCommands = (program: Command, session: Session): void => {
  withExamples(commandAt(program, 'net').description('How this node stands in the network, and its private networks'), [
    'hypermesh net status',
    'hypermesh net doctor',
  ]);
  addDerivedCommand(program, session, 'network:state');
  addSet(program, session);
  addDoctor(program, session);
  addCreate(program, session);
  addDerivedCommand(program, session, 'network:leave');
  addPeers(program, session);
  addDerivedCommand(program, session, 'network:invite');
  addJoin(program, session);
};
