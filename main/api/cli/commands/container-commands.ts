import { type Command, Option } from 'commander';
import type { ContainerDoctorState, ImageTransfer, PayloadOf, Push } from '../../../../preload/contract/index.ts';
import { addDerivedCommand, commandAt, withExamples } from '../derive.ts';
import { EXIT } from '../exit-codes.ts';
import { collect, parseAmount } from '../options.ts';
import type { Session } from '../session.ts';
import { formatBytes } from '../units.ts';

/** Pushes tell; this only covers one that was lost with a connection. */
const LOOK_AGAIN_MS = 2_000;

/** Looks at something whenever a push tells that it may have changed, until it is over or Ctrl-C. @returns whether it was interrupted */
const until = async <P extends Push>(
  session: Session,
  push: P,
  look: (payload: PayloadOf<P> | null) => Promise<boolean>,
): Promise<boolean> => {
  const client = await session.client();
  let wake = Promise.withResolvers<PayloadOf<P> | null>();
  let interrupted = false;
  const end = client.subscribe(push, (payload) => wake.resolve(payload));
  const stopInterrupt = session.terminal.onInterrupt(() => {
    interrupted = true;
    wake.resolve(null);
  });
  try {
    await client.subscribed();
    for (let payload: PayloadOf<P> | null = null; !interrupted && !(await look(payload)); ) {
      const timeout = new AbortController();
      payload = await Promise.race([
        wake.promise,
        session.clock.sleep(LOOK_AGAIN_MS, timeout.signal).then(
          () => null,
          () => null,
        ),
      ]);
      timeout.abort(new Error('woken'));
      wake = Promise.withResolvers();
    }
    return interrupted;
  } finally {
    stopInterrupt();
    end();
  }
};

/** Follows a transfer of an image; Ctrl-C stops it. */
const followTransfer = async (session: Session, begun: ImageTransfer): Promise<ImageTransfer> => {
  let now = begun;
  let said = '';
  const interrupted = await until(session, 'images', async (state) => {
    const transfers = (state ?? (await session.call('images:list', {}))).transfers;
    now = transfers.find(({ id }) => id === begun.id) ?? now;
    const line = `${formatBytes(now.doneBytes)}${now.totalBytes === null ? '' : ` of ${formatBytes(now.totalBytes)}`}`;
    if (!session.json && line !== said && now.state === 'running') session.note(line);
    said = line;
    return now.state !== 'running';
  });
  if (!interrupted) return now;
  session.exitCode = EXIT.interrupted;
  return await session.call('images:cancel', { id: begun.id });
};

const addTransfers = (program: Command, session: Session): void => {
  const show = async (name: 'images:pull' | 'images:push', begun: ImageTransfer): Promise<void> => {
    const done = await followTransfer(session, begun);
    session.show(name, done);
    if (done.state !== 'done' && session.exitCode === EXIT.ok) session.exitCode = EXIT.failed;
  };
  const pull = commandAt(program, 'image pull')
    .description('Fetch an image from its registry, or from a peer, layer by layer, each checked by its digest')
    .argument('<image>', 'an image, such as python:3.13-slim')
    .option('--from <peer>', 'a peer that has it, in place of the registry')
    .action(async (image: string, { from }: { from?: string }) =>
      show('images:pull', await session.call('images:pull', { image, ...(from !== undefined && { from }) })),
    );
  withExamples(pull, ['hypermesh image pull python:3.13-slim', 'hypermesh image pull tools:1 --from attic']);
  const push = commandAt(program, 'image push')
    .description('Send an image to a peer that lets you, only the layers that it lacks')
    .argument('<image>', 'an image that the engine has')
    .argument('<peer>', 'a peer, by name or id')
    .action(async (image: string, to: string) => show('images:push', await session.call('images:push', { image, to })));
  withExamples(push, ['hypermesh image push tools:1 attic']);
  const policy = commandAt(program, 'image allow')
    .description('Which images may be run, and how much room they have; shows both')
    .argument('[patterns...]', 'names, such as python:* or registry.example.org/team/*; they replace the list')
    .option('--none', 'empty the list')
    .addOption(new Option('--others <who>', 'who may bring other images').choices(['refused', 'own', 'all']))
    .option('--quota <amount>', 'room for images that this node brought, such as 20GB', parseAmount)
    .action(async (patterns: string[], flags: { none?: true; others?: 'refused' | 'own' | 'all'; quota?: number }) =>
      session.show(
        'images:policy',
        await session.call('images:policy', {
          ...((patterns.length > 0 || flags.none) && { allowed: patterns }),
          ...(flags.others !== undefined && { others: flags.others }),
          ...(flags.quota !== undefined && { quotaBytes: flags.quota }),
        }),
      ),
    );
  withExamples(policy, [
    'hypermesh image allow',
    "hypermesh image allow 'python:*' 'tools:*' --others own",
    'hypermesh image allow --quota 20GB',
  ]);
};

const addDoctor = (program: Command, session: Session): void => {
  const doctor = commandAt(program, 'doctor containers')
    .description('Examine the container engine: rights, version, and limits measured in a real container')
    .option('--last', 'show what was found last, without looking again')
    .option('--fix <check>', 'let the doctor put right what this check found (again for more)', collect)
    .action(async ({ last, fix = [] }: { last?: true; fix?: string[] }) => {
      let state: ContainerDoctorState = await session.call('containerDoctor:state', {});
      if (last === undefined) {
        if (!state.running) state = await session.call('containerDoctor:run', {});
        const follow = async (): Promise<boolean> => {
          let said = '';
          return await until(session, 'containerDoctor', async (payload) => {
            state = payload ?? (await session.call('containerDoctor:state', {}));
            const now = state.checks.find(({ result }) => result === 'running')?.title ?? '';
            if (!session.json && now !== '' && now !== said) session.note(now);
            said = now;
            return !state.running;
          });
        };
        let interrupted = await follow();
        for (const check of fix) {
          if (interrupted) break;
          state = await session.call('containerDoctor:fix', { check });
          interrupted = await follow();
        }
        if (interrupted) {
          state = await session.call('containerDoctor:cancel', {});
          session.exitCode = EXIT.interrupted;
        }
      }
      session.show('containerDoctor:state', state);
      if (state.verdict === 'bad' && session.exitCode === EXIT.ok) session.exitCode = EXIT.failed;
    });
  withExamples(doctor, [
    'hypermesh doctor containers',
    'hypermesh doctor containers --last',
    'hypermesh doctor containers --fix leftovers',
  ]).addHelpText('after', `\nEnds with ${EXIT.failed} when containers cannot run.`);
};

/** `container …`, `image …`, `doctor containers`. */
export const addContainerCommands = (program: Command, session: Session): void => {
  withExamples(commandAt(program, 'container').description('What this node has in the container engine'), [
    'hypermesh container list',
  ]);
  withExamples(commandAt(program, 'image').description('Images that jobs can run in'), [
    'hypermesh image list',
    'hypermesh image pull python:3.13-slim',
  ]);
  for (const name of ['containers:list', 'containers:clean', 'images:list', 'images:remove'] as const)
    addDerivedCommand(program, session, name);
  addTransfers(program, session);
  addDoctor(program, session);
};
