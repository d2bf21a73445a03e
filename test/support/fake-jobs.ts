import { createHash } from 'node:crypto';
import type {
  Call,
  ContainerDoctorState,
  ContainerView,
  ImagesState,
  ImageTransfer,
  JobOutputChunk,
  JobView,
  LanguageView,
  PayloadOf,
  Push,
  QueueState,
  Reply,
  RequestInputOf,
  ResponseOf,
  ResultVerdict,
} from '../../preload/contract/index.ts';

const MIB = 1024 ** 2;
const SHA_A = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const SHA_B = '60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752';

/** A job as the node shows it, with what a test wants different. */
export const sampleJob = (change: Partial<JobView> = {}): JobView => ({
  id: 'job-0000000000000001',
  name: 'Primes (sample)',
  kind: 'javascript',
  side: 'own',
  peerId: null,
  peerName: '',
  lease: null,
  moduleBytes: 812,
  moduleSha256: SHA_A,
  image: '',
  args: ['20'],
  state: 'running',
  stateReason: '',
  priority: 'normal',
  queuePosition: null,
  estimate: null,
  createdAtMs: Date.now() - 12_000,
  startedAtMs: Date.now() - 11_900,
  endedAtMs: null,
  end: null,
  restartsDone: 0,
  restartsMax: 0,
  health: 'none',
  promised: {
    cpuPercent: 50,
    memoryBytes: 64 * MIB,
    timeMsMax: 600_000,
    outputBytesMax: MIB,
    scratchBytesMax: 16 * MIB,
    pidsMax: null,
  },
  effectiveCpuPercent: 50,
  governor: 'duty-cycle',
  network: 'none',
  ports: [],
  measured: {
    cpuMs: 5_960,
    cpuPercentMean: 49.8,
    cpuPercentNow: 50.3,
    throttledPercentNow: null,
    memoryBytesNow: 21 * MIB,
    memoryBytesPeak: 22 * MIB,
    pids: null,
    readBytes: null,
    writtenBytes: null,
    sentBytes: 0,
    receivedBytes: 0,
    outputBytes: 310,
    startMs: 84,
  },
  outputs: [],
  moves: [],
  copies: null,
  ...change,
});
/** One that runs in a container. */
export const sampleContainerJob = (change: Partial<JobView> = {}): JobView => {
  const plain = sampleJob();
  return {
    ...plain,
    id: 'job-0000000000000002',
    name: 'Render frames',
    kind: 'container',
    image: 'python:3.13-slim',
    moduleBytes: 130 * MIB,
    moduleSha256: SHA_B,
    args: ['render.py', '--frames', '240'],
    priority: 'high',
    restartsDone: 1,
    restartsMax: 3,
    health: 'healthy',
    promised: { ...plain.promised, cpuPercent: 250, memoryBytes: 1024 * MIB, pidsMax: 256 },
    effectiveCpuPercent: 200,
    governor: 'engine',
    network: 'exit',
    ports: [8080],
    measured: {
      ...plain.measured,
      cpuPercentNow: 198,
      cpuPercentMean: 187,
      throttledPercentNow: 12,
      memoryBytesNow: 410 * MIB,
      memoryBytesPeak: 612 * MIB,
      pids: 9,
      readBytes: 88 * MIB,
      writtenBytes: 240 * MIB,
      sentBytes: 1_200_000,
      receivedBytes: 48_000_000,
    },
    ...change,
  };
};

export const sampleQueue = (change: Partial<QueueState> = {}): QueueState => ({
  aim: 'balanced',
  mode: 'open',
  queued: 2,
  queuedMax: 1000,
  running: 3,
  shares: [
    { who: 'own', name: 'This machine', running: 1, queued: 1, sharePercent: 38, fairPercent: 50 },
    { who: 'peer-attic', name: 'attic', running: 2, queued: 1, sharePercent: 62, fairPercent: 50 },
  ],
  decisions: { made: 1204, p50Micros: 21, p99Micros: 84 },
  ...change,
});
export const sampleLanguages = (): LanguageView[] => [
  {
    language: 'JavaScript',
    kind: 'javascript',
    image: '',
    command: [],
    extensions: ['.js', '.mjs', '.cjs'],
    ready: true,
    sentence: '',
  },
  {
    language: 'WebAssembly',
    kind: 'wasm',
    image: '',
    command: [],
    extensions: ['.wasm'],
    ready: true,
    sentence: '',
  },
  { language: 'Python', kind: 'python', image: '', command: [], extensions: ['.py'], ready: true, sentence: '' },
  {
    language: 'R',
    kind: 'container',
    image: 'r-base:4.5',
    command: ['Rscript'],
    extensions: ['.r', '.R'],
    ready: false,
    sentence: 'The image r-base:4.5 is not here; pull it on Containers, Images.',
  },
  {
    language: 'Julia',
    kind: 'container',
    image: 'julia:1.12',
    command: ['julia'],
    extensions: ['.jl'],
    ready: true,
    sentence: '',
  },
];

export const sampleContainer = (change: Partial<ContainerView> = {}): ContainerView => ({
  id: 'ab12'.repeat(16),
  role: 'job',
  job: sampleContainerJob().id,
  jobName: 'Render frames',
  image: 'python:3.13-slim',
  state: 'running',
  createdAtMs: Date.now() - 8 * 60_000,
  cpuPercentNow: 198,
  cpuPercentMax: 200,
  memoryBytes: 410 * MIB,
  memoryBytesMax: 1024 * MIB,
  pids: 9,
  pidsMax: 256,
  walls: [
    'Its root cannot be written.',
    'It has no capability and can gain none.',
    'It runs as user 65532.',
    'It has no network but a way out through this node’s exit.',
  ],
  ...change,
});
export const sampleTransfer = (change: Partial<ImageTransfer> = {}): ImageTransfer => ({
  id: 'transfer-1',
  reference: 'julia:1.12',
  what: 'pull',
  with: 'docker.io',
  state: 'running',
  doneBytes: 48 * MIB,
  totalBytes: 190 * MIB,
  savedBytes: 30 * MIB,
  sentence: 'Layer 2 of 5.',
  startedAtMs: Date.now() - 14_000,
  ...change,
});
export const sampleImages = (change: Partial<ImagesState> = {}): ImagesState => ({
  images: [
    {
      id: `sha256:${SHA_A}`,
      references: ['python:3.13-slim'],
      bytes: 130 * MIB,
      layers: 5,
      createdAtMs: Date.UTC(2026, 0, 2),
      usedAtMs: Date.now() - 8 * 60_000,
      ours: true,
      helper: false,
      jobs: 1,
      ownBytes: 52 * MIB,
    },
    {
      id: `sha256:${SHA_B}`,
      references: ['tools:1', 'registry.example.org/team/tools:1'],
      bytes: 610 * MIB,
      layers: 11,
      createdAtMs: Date.UTC(2025, 10, 20),
      usedAtMs: null,
      ours: false,
      helper: false,
      jobs: 0,
      ownBytes: 500 * MIB,
    },
    {
      id: `sha256:${'c'.repeat(64)}`,
      references: ['hypermesh-holder:9f0c2d71ab34'],
      bytes: MIB,
      layers: 1,
      createdAtMs: Date.UTC(2026, 0, 2),
      usedAtMs: null,
      ours: false,
      helper: true,
      jobs: 0,
      ownBytes: MIB,
    },
  ],
  usedBytes: 130 * MIB,
  policy: { quotaBytes: 8192 * MIB, allowed: ['python:*', 'julia:*'], others: 'own' },
  transfers: [],
  problem: '',
  ...change,
});
const doctorCheck = (id: string, title: string, sentence: string) => ({
  id,
  title,
  result: 'good' as const,
  sentence,
  fix: '',
  command: '',
  fixable: false,
  tookMs: 12,
});
export const sampleDoctor = (change: Partial<ContainerDoctorState> = {}): ContainerDoctorState => ({
  running: false,
  ranAtMs: Date.now() - 3 * 60_000,
  verdict: 'bad',
  sentence: 'Docker runs, but this user may not use its socket.',
  checks: [
    doctorCheck('engine', 'Engine', 'Docker 28.0 answers at /var/run/docker.sock.'),
    {
      ...doctorCheck('rights', 'Rights', 'This user may not open the socket.'),
      result: 'bad',
      fix: 'Put yourself into the group docker, then log in again.',
      command: 'sudo usermod -aG docker $USER',
    },
    {
      ...doctorCheck('leftovers', 'Left behind', '2 containers of jobs that are over are still there.'),
      result: 'warning',
      fix: 'They can be removed.',
      fixable: true,
    },
    {
      ...doctorCheck('limits-cpu', 'Processor limit', '30 % was promised, 29.6 % was measured.'),
      tookMs: 3120,
    },
  ],
  fixed: [],
  ...change,
});

export interface FakeJobs {
  jobs: JobView[];
  output: Map<string, JobOutputChunk[]>;
  queue: QueueState;
  languages: LanguageView[];
  containers: ContainerView[];
  /** Why there are no containers. */
  problem: string;
  images: ImagesState;
  doctor: ContainerDoctorState;
  /** What was uploaded, by hash. */
  content: Map<string, Uint8Array>;
  resultVerdict: ResultVerdict;
}
export const noJobs = (): FakeJobs => ({
  jobs: [],
  output: new Map(),
  queue: sampleQueue({ queued: 0, running: 0, shares: [], decisions: { made: 0, p50Micros: 0, p99Micros: 0 } }),
  languages: sampleLanguages(),
  containers: [sampleContainer()],
  problem: '',
  images: sampleImages(),
  doctor: sampleDoctor(),
  content: new Map(),
  resultVerdict: {
    passed: true,
    findings: [{ check: 'signature', passed: true, sentence: 'It was signed by the node that it names.' }],
    result: {
      job: sampleJob().id,
      signer: 'b3fa91c0a2d477be',
      inputSha256: SHA_A,
      resultSha256: SHA_B,
      exitCode: 0,
      endedAtMs: Date.UTC(2026, 0, 5, 9, 40),
      cpuMs: 5_960,
      memoryBytesPeak: 22 * MIB,
    },
  },
});

type JobCall = Extract<
  Call,
  `${'job' | 'queue' | 'languages' | 'content' | 'containers' | 'images' | 'containerDoctor'}:${string}`
>;
type JobHandlers = { [C in JobCall]?: (request: RequestInputOf<C>) => Reply<ResponseOf<C>> };

/** Content is answered in pieces of so many bytes, so that reading on is tested by small files. */
const READ_PIECE_BYTES = 64 * 1024;
const OUTPUT_PIECE_BYTES = 256 * 1024;

/** What a fake node answers about jobs, containers and images: rows that come and go, and nothing that runs. */
export const fakeJobsHandlers = (
  state: FakeJobs,
  push: <P extends Push>(name: P, payload: PayloadOf<P>) => void,
  paused: () => boolean,
): JobHandlers => {
  const ok = <T>(value: T): Reply<T> => ({ ok: true, value });
  const refused = (name: string, code: string, message: string): Reply<never> => ({
    ok: false,
    error: { name, code, message },
  });
  const jobOf = (id: string): JobView | undefined => state.jobs.find((job) => job.id === id);
  const jobUnknown = (id: string) =>
    refused('RuntimeError', 'JOB_UNKNOWN', `There is no job ${id}; the list of jobs shows those there are.`);
  const add = (change: Partial<JobView>): JobView => {
    const job = sampleJob({ id: `job-${String(state.jobs.length + 1).padStart(16, '0')}`, ...change });
    state.jobs = [job, ...state.jobs];
    push('job', job);
    return job;
  };
  const imagesChanged = (): ImagesState => {
    push('images', structuredClone(state.images));
    return state.images;
  };
  const transfer = (what: ImageTransfer['what'], reference: string, other: string): ImageTransfer => {
    const row = sampleTransfer({ id: `transfer-${state.images.transfers.length + 1}`, what, reference, with: other });
    state.images = { ...state.images, transfers: [row, ...state.images.transfers] };
    imagesChanged();
    return row;
  };
  const doctorChanged = (change: Partial<ContainerDoctorState>): Reply<ContainerDoctorState> => {
    state.doctor = { ...state.doctor, ...change };
    push('containerDoctor', structuredClone(state.doctor));
    return ok(state.doctor);
  };
  const uploads = new Map<string, Uint8Array[]>();
  return {
    'job:list': () => ok(state.jobs),
    'job:get': ({ id }) => {
      const job = jobOf(id);
      return job === undefined ? jobUnknown(id) : ok(job);
    },
    'job:start': (spec) => {
      if (paused())
        return refused('AllocationError', 'PAUSED', 'Lending is paused, so no job can start; resume first.');
      const job = add({
        name: spec.name,
        kind: spec.kind,
        args: [...(spec.args ?? [])],
        ...(spec.kind === 'container' && { image: spec.image }),
      });
      state.output.set(job.id, [{ id: job.id, stream: 'stdout', offset: 0, data: btoa('Counting primes for 20 s\n') }]);
      return ok(job);
    },
    'job:send': ({ spec, to = 'any', copies = 1 }) =>
      ok({
        jobs: Array.from({ length: copies }, () =>
          add({ name: spec.name, kind: spec.kind, side: 'sent', peerName: to === 'any' ? 'attic' : to }),
        ),
      }),
    'job:move': ({ id, to }) => {
      const job = jobOf(id);
      if (job === undefined) return jobUnknown(id);
      Object.assign(job, { state: 'moving', stateReason: `Its files go to ${to}.` } satisfies Partial<JobView>);
      push('job', { ...job });
      return ok({ ...job });
    },
    'job:cancel': ({ id }) => {
      const job = jobOf(id);
      if (job === undefined) return jobUnknown(id);
      Object.assign(job, {
        state: 'ended',
        endedAtMs: Date.now(),
        end: { why: 'cancelled' },
      } satisfies Partial<JobView>);
      push('job', { ...job });
      return ok({ ...job });
    },
    'job:remove': ({ id }) => {
      state.jobs = state.jobs.filter((job) => job.id !== id);
      push('jobRemoved', { id });
      return ok(null);
    },
    'job:output': ({ id, offset }) => {
      const from = Number(offset ?? 0);
      const chunks: JobOutputChunk[] = [];
      let nextOffset = from;
      // A real node answers with a bounded piece, too.
      for (const chunk of state.output.get(id) ?? []) {
        if (chunk.offset < from || nextOffset - from >= OUTPUT_PIECE_BYTES) continue;
        chunks.push(chunk);
        nextOffset = chunk.offset + atob(chunk.data).length;
      }
      return ok({ chunks, nextOffset, ended: jobOf(id)?.state === 'ended' });
    },
    'job:result': ({ id }) =>
      jobOf(id)?.state === 'ended'
        ? ok({ fileName: `${id}.hmresult`, bytes: btoa('signed') })
        : refused('RuntimeError', 'JOB_RUNNING', 'The job still runs; its result is signed when it ends.'),
    'job:verifyResult': () => ok(state.resultVerdict),
    'queue:state': () => ok(state.queue),
    'queue:set': (change) => {
      state.queue = {
        ...state.queue,
        ...(change.aim !== undefined && { aim: change.aim }),
        ...(change.mode !== undefined && { mode: change.mode }),
      };
      push('queue', state.queue);
      return ok(state.queue);
    },
    'queue:drain': () => {
      const asked = state.jobs.filter(({ side, state: now }) => side === 'lent' && now !== 'ended').length;
      return ok({ asked, stayed: 0 });
    },
    'languages:list': () => ok({ languages: state.languages }),
    'content:upload': ({ upload = '0123456789abcdef', data, done }) => {
      const parts = [...(uploads.get(upload) ?? []), Buffer.from(data, 'base64')];
      uploads.set(upload, parts);
      const whole = Buffer.concat(parts);
      if (!done) return ok({ upload, bytes: whole.length, sha256: null });
      uploads.delete(upload);
      const sha256 = createHash('sha256').update(whole).digest('hex');
      state.content.set(sha256, whole);
      return ok({ upload, bytes: whole.length, sha256 });
    },
    'content:read': ({ sha256, offset }) => {
      const content = state.content.get(sha256);
      if (content === undefined)
        return refused('ContentError', 'CONTENT_MISSING', 'That file is no longer kept; run the job again.');
      const from = Number(offset ?? 0);
      const piece = content.subarray(from, from + READ_PIECE_BYTES);
      return ok({
        data: Buffer.from(piece).toString('base64'),
        nextOffset: from + piece.length,
        bytes: content.length,
      });
    },
    'containers:list': () => ok({ containers: state.containers, problem: state.problem }),
    'containers:clean': () => {
      state.containers = state.containers.filter(({ state: now }) => now === 'running');
      return ok({ containers: 2, volumes: 1, networks: 0 });
    },
    'images:list': () => ok(state.images),
    'images:pull': ({ image, from }) => ok(transfer(from === undefined ? 'pull' : 'fetch', image, from ?? 'docker.io')),
    'images:push': ({ image, to }) => ok(transfer('push', image, to)),
    'images:cancel': ({ id }) => {
      const found = state.images.transfers.find((row) => row.id === id);
      if (found === undefined)
        return refused('ImageError', 'TRANSFER_UNKNOWN', 'There is no such transfer; it is over already.');
      const row: ImageTransfer = { ...found, state: 'cancelled', sentence: 'You stopped it.' };
      state.images = {
        ...state.images,
        transfers: state.images.transfers.map((other) => (other.id === id ? row : other)),
      };
      imagesChanged();
      return ok(row);
    },
    'images:remove': ({ image }) => {
      state.images = {
        ...state.images,
        images: state.images.images.filter(({ id, references }) => id !== image && !references.includes(image)),
      };
      return ok(imagesChanged());
    },
    'images:policy': (change) => {
      state.images = {
        ...state.images,
        policy: { ...state.images.policy, ...(change as Partial<ImagesState['policy']>) },
      };
      return ok(imagesChanged());
    },
    'containerDoctor:state': () => ok(state.doctor),
    'containerDoctor:run': () =>
      doctorChanged({
        running: true,
        checks: state.doctor.checks.map((check, index) => ({ ...check, result: index === 0 ? 'running' : 'waiting' })),
      }),
    'containerDoctor:cancel': () => doctorChanged({ running: false }),
    'containerDoctor:fix': ({ check: id }) => {
      const found = state.doctor.checks.find((check) => check.id === id);
      if (found === undefined || !found.fixable)
        return refused(
          'RuntimeError',
          'NOT_FIXABLE',
          'The doctor cannot do that by itself; the check says what to do.',
        );
      return doctorChanged({
        checks: state.doctor.checks.map((check) =>
          check.id === id
            ? { ...check, result: 'good', sentence: 'Nothing is left behind.', fix: '', fixable: false }
            : check,
        ),
        fixed: [{ atMs: Date.now(), sentence: 'Removed 2 containers that were left behind.' }, ...state.doctor.fixed],
      });
    },
  };
};
