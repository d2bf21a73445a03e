import type { Call, JobView } from '../../../preload/contract/index.ts';
import { assert, type JobId, parseJobId } from '../../base/index.ts';
import type { Leases, Link } from '../../kernel/leases/index.ts';
import type { Containers } from '../../kernel/runtime/containers/index.ts';
import type { ContentStore } from '../../kernel/runtime/content/index.ts';
import type { ContainerDoctor } from '../../kernel/runtime/doctor/index.ts';
import type { Images } from '../../kernel/runtime/images/index.ts';
import type { Runtime } from '../../kernel/runtime/index.ts';
import type { RemoteJobs } from '../../kernel/runtime/remote/index.ts';
import { verifyJobResult } from '../../kernel/runtime/results/index.ts';
import { parsePeerId } from '../../transport/stoq/index.ts';
import type { NetworkControl, NodeControl } from '../interface.ts';
import { defined } from './defined.ts';
import { RequestError } from './errors.ts';
import type { Handlers } from './handler-map.ts';

export interface JobHandlerComponents {
  runtime: Runtime;
  remoteJobs: RemoteJobs;
  content: ContentStore;
  images: Images;
  containers: Containers;
  containerDoctor: ContainerDoctor;
  leases: Pick<Leases, 'links'>;
  network: Pick<NetworkControl, 'peer' | 'peers' | 'connections'>;
  node: Pick<NodeControl, 'status'>;
}
type JobCall = Extract<
  Call,
  `${'job' | 'queue' | 'languages' | 'content' | 'containers' | 'images' | 'containerDoctor'}:${string}`
>;

/** As many as `job:list` answers with. */
const LISTED_MAX = 200;
/** Bytes in one answer of `content:read`. */
const READ_BYTES_MAX = 4 * 1024 * 1024;

/** The contract has checked the text by then; the brand is what is missing. */
const jobIdOf = (text: string): JobId => {
  const id = parseJobId(text);
  assert(id !== null, 'the contract lets only job ids through');
  return id;
};

/** The runtime knows for whom a job runs by id alone: the name is the owner's, and may change while it runs. */
export const withPeerName = (network: Pick<NetworkControl, 'peers'>, job: JobView): JobView =>
  job.peerId === null || job.peerName !== ''
    ? job
    : { ...job, peerName: network.peers(false).find(({ peerId }) => peerId === job.peerId)?.name ?? '' };

export const createJobHandlers = ({
  runtime,
  remoteJobs,
  content,
  images,
  containers,
  containerDoctor,
  leases,
  network,
  node,
}: JobHandlerComponents): Pick<Handlers, JobCall> => {
  const refuseWhenStopping = (): void => {
    if (node.status().state === 'stopping')
      throw new RequestError(
        { code: 'STOPPING' },
        'The node is stopping and starts no new jobs; start it again with `hypermesh start`.',
      );
  };
  /** Whoever knows the job: those elsewhere first, as they are asked by a look into a map. */
  const keeperOf = async (id: JobId): Promise<Pick<Runtime, 'get' | 'cancel' | 'remove' | 'output'>> =>
    (await remoteJobs.get(id)) === null
      ? runtime
      : {
          get: async (job) => (await remoteJobs.get(job)) ?? (await runtime.get(job)),
          cancel: (job) => remoteJobs.cancel(job),
          remove: (job) => remoteJobs.remove(job),
          output: (job, offset) => remoteJobs.output(job, offset),
        };
  /** A link to a peer that the owner named, and the name to tell it by. */
  const linkTo = async (named: string): Promise<{ link: Link; name: string }> => {
    const { peerId, name } = network.peer(named);
    const id = parsePeerId(peerId);
    assert(id !== null, 'Known peers have peer ids.');
    return { link: await leases.links.open({ peer: id, route: 'direct' }), name: name === '' ? peerId : name };
  };

  const named = (job: JobView): JobView => withPeerName(network, job);

  return {
    'job:start': (spec) => {
      refuseWhenStopping();
      return runtime.submit(spec);
    },
    'job:send': async (request) => {
      refuseWhenStopping();
      if (network.connections() === null)
        throw new RequestError(
          { code: 'NOT_RUNNING' },
          'This node talks to no others now, so it cannot send a job; `hypermesh net status` says why.',
        );
      if (request.quorum > request.copies)
        throw new RequestError(
          { code: 'BAD_REQUEST', field: 'quorum' },
          `${request.quorum} of ${request.copies} copies can never agree; ask for as many copies as must agree, or more.`,
        );
      return { jobs: await remoteJobs.send(request) };
    },
    'job:list': async () => {
      const all: JobView[] = [...(await runtime.list()), ...(await remoteJobs.list())];
      return all
        .sort((a, b) => b.createdAtMs - a.createdAtMs || a.id.localeCompare(b.id))
        .slice(0, LISTED_MAX)
        .map(named);
    },
    'job:get': async ({ id }) => named(await (await keeperOf(jobIdOf(id))).get(jobIdOf(id))),
    'job:cancel': async ({ id }) => named(await (await keeperOf(jobIdOf(id))).cancel(jobIdOf(id))),
    'job:remove': async ({ id }) => {
      await (await keeperOf(jobIdOf(id))).remove(jobIdOf(id));
      return null;
    },
    'job:output': async ({ id, offset }) => (await keeperOf(jobIdOf(id))).output(jobIdOf(id), offset),
    'job:move': ({ id, to }) => remoteJobs.move(jobIdOf(id), to),
    'job:result': async ({ id }) => {
      const { fileName, bytes } = await remoteJobs.result(jobIdOf(id));
      return { fileName, bytes: Buffer.from(bytes).toString('base64') };
    },
    'job:verifyResult': ({ file }) => verifyJobResult(new Uint8Array(Buffer.from(file, 'base64'))),
    'queue:state': () => runtime.queue(),
    'queue:set': (change) => runtime.setQueue(defined(change)),
    'queue:drain': ({ seconds }) =>
      runtime.drain('Its owner needs the machine, for an update, a sleep or a stop.', seconds * 1000),
    'languages:list': () => ({ languages: runtime.languages() }),

    'content:upload': ({ upload, data, done }) =>
      content.upload(upload ?? null, new Uint8Array(Buffer.from(data, 'base64')), done),
    'content:read': async ({ sha256, offset }) => {
      const bytes = (await content.sizeOf(sha256)) ?? 0;
      const stream = await content.open(sha256, Math.min(offset, bytes));
      const pieces: Uint8Array[] = [];
      let length = 0;
      for await (const piece of stream as AsyncIterable<Uint8Array>) {
        pieces.push(piece.subarray(0, READ_BYTES_MAX - length));
        length = Math.min(READ_BYTES_MAX, length + piece.length);
        if (length === READ_BYTES_MAX) break;
      }
      return { data: Buffer.concat(pieces).toString('base64'), nextOffset: Math.min(offset, bytes) + length, bytes };
    },

    'containers:list': () => containers.list(),
    'containers:clean': () => containers.clean(),
    'images:list': () => images.state(),
    'images:pull': async ({ image, from }) => {
      if (from === undefined) return await images.pull(image);
      const { link, name } = await linkTo(from);
      return await images.fetch(image, link, name);
    },
    'images:push': async ({ image, to }) => {
      const { link, name } = await linkTo(to);
      return await images.push(image, link, name);
    },
    'images:cancel': ({ id }) => images.cancel(id),
    'images:remove': async ({ image }) => {
      await images.remove(image);
      return await images.state();
    },
    'images:policy': (change) => images.setPolicy(defined(change)),
    'containerDoctor:state': () => containerDoctor.state(),
    'containerDoctor:run': () => containerDoctor.run(),
    'containerDoctor:cancel': () => containerDoctor.cancel(),
    'containerDoctor:fix': ({ check }) => containerDoctor.fix(check),
  };
};
