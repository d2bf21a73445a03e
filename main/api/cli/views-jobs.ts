import type {
  Call,
  ContainerDoctorState,
  ContainerView,
  DoctorCheck,
  ImageTransfer,
  ImageView,
  ImagesState,
  JobView,
  LanguageView,
  QueueState,
  ResponseOf,
  ResultVerdict,
} from '../../../preload/contract/index.ts';
import { type Style, formatFields, formatTable, printable, wrap } from './table.ts';
import { formatBytes, formatCount, formatDuration, formatPercent, formatTime, withLocalTimes } from './units.ts';
import { peerLabel } from './views-network.ts';

type JobCall = Extract<
  Call,
  `${'job' | 'queue' | 'languages' | 'content' | 'containers' | 'images' | 'containerDoctor'}:${string}`
>;
type Field = [string, string];

const text = (value: string): string => withLocalTimes(printable(value));
const maybe = (value: number | null, format: (value: number) => string): string =>
  value === null ? 'not measured' : format(value);

/** How a job ended, in a word or two. */
const describeEnd = (job: JobView): string => {
  const { end } = job;
  if (end === null) return job.queuePosition === null ? job.state : `queued, ${job.queuePosition}. in line`;
  switch (end.why) {
    case 'exited':
      return end.exitCode === 0 ? 'done' : `exit ${end.exitCode}`;
    case 'limit':
      return `${end.limit} limit`;
    case 'owner':
      return 'ended by owner';
    case 'moved':
      return `moved to ${text(end.to)}`;
    default:
      return end.why;
  }
};
/** Where it runs, or for whom. */
const describeSide = ({ side, peerId, peerName }: JobView): string => {
  if (side === 'own') return 'here';
  const peer = peerId === null ? 'somebody unknown' : peerLabel({ name: peerName, peerId });
  return side === 'sent' ? `at ${peer}` : `for ${peer}`;
};

const viewJobs = (jobs: JobView[], style: Style): string =>
  jobs.length === 0
    ? 'No jobs yet; try: hypermesh run program.wasm\n'
    : formatTable(
        [
          { title: 'JOB' },
          { title: 'NAME', shrinksTo: 10 },
          { title: 'KIND' },
          { title: 'WHERE', shrinksTo: 8 },
          { title: 'STATE' },
          { title: 'STARTED' },
          { title: 'PROMISED', right: true },
          { title: 'MEASURED', right: true },
          { title: 'MEMORY', right: true },
        ],
        jobs.map((job) => [
          job.id,
          text(job.name),
          job.kind,
          describeSide(job),
          describeEnd(job),
          job.startedAtMs === null ? '' : formatTime(job.startedAtMs),
          formatPercent(job.promised.cpuPercent),
          job.measured.cpuPercentMean === null ? '?' : formatPercent(job.measured.cpuPercentMean),
          job.measured.memoryBytesPeak === null ? '?' : formatBytes(job.measured.memoryBytesPeak),
        ]),
        style,
      );

const programFields = (job: JobView): Field[] => [
  [
    'Kind',
    job.image === ''
      ? `${job.kind}, ${formatBytes(job.moduleBytes)}, sha256 ${job.moduleSha256}`
      : `${job.kind} of ${text(job.image)}, ${formatBytes(job.moduleBytes)}`,
  ],
  ['Arguments', job.args.map((arg) => JSON.stringify(arg)).join(' ') || 'none'],
];
const stateFields = (job: JobView): Field[] => {
  const { end, estimate, measured } = job;
  return [
    ['State', describeEnd(job)],
    ...(end !== null && 'message' in end ? ([['Why', text(end.message)]] as Field[]) : []),
    ...(job.stateReason === '' ? [] : ([['Now', text(job.stateReason)]] as Field[])),
    ['Created', formatTime(job.createdAtMs)],
    ...(job.startedAtMs === null
      ? []
      : ([
          [
            'Started',
            formatTime(job.startedAtMs) +
              (measured.startMs === null ? '' : `, after ${formatDuration(measured.startMs)}`),
          ],
        ] as Field[])),
    ...(job.endedAtMs === null ? [] : ([['Ended', formatTime(job.endedAtMs)]] as Field[])),
    ...(estimate === null || end !== null
      ? []
      : ([
          [
            'Usually',
            `${formatDuration(estimate.ms)}, nine of ten within ${formatDuration(estimate.highMs)} (of ${formatCount(estimate.samples, 'job')} like it)`,
          ],
        ] as Field[])),
    ...(job.restartsMax === 0
      ? []
      : ([['Started again', `${job.restartsDone} of at most ${formatCount(job.restartsMax, 'time')}`]] as Field[])),
    ...(job.health === 'none' ? [] : ([['Health', job.health]] as Field[])),
  ];
};
const measuredFields = (job: JobView): Field[] => {
  const { measured, promised } = job;
  const mean = measured.cpuPercentMean === null ? 'not measured' : `measured ${formatPercent(measured.cpuPercentMean)}`;
  const disk =
    measured.readBytes === null || measured.writtenBytes === null
      ? []
      : ([['Disk', `read ${formatBytes(measured.readBytes)}, wrote ${formatBytes(measured.writtenBytes)}`]] as Field[]);
  return [
    [
      'Processor',
      // What it may take now and who holds it there are over when the job is.
      job.endedAtMs === null
        ? `promised ${promised.cpuPercent} % of a core, may take ${formatPercent(job.effectiveCpuPercent)}, ${mean} (now ${maybe(measured.cpuPercentNow, formatPercent)}), held by ${job.governor}`
        : `promised ${promised.cpuPercent} % of a core, ${mean}`,
    ],
    ...(measured.throttledPercentNow === null || job.endedAtMs !== null
      ? []
      : ([['Held back', `${formatPercent(measured.throttledPercentNow)} of the last seconds`]] as Field[])),
    ['Processor time', maybe(measured.cpuMs, formatDuration)],
    ['Memory', `promised ${formatBytes(promised.memoryBytes)}, peak ${maybe(measured.memoryBytesPeak, formatBytes)}`],
    ...(promised.pidsMax === null
      ? []
      : ([['Processes', `${measured.pids ?? '?'} of at most ${promised.pidsMax}`]] as Field[])),
    ...disk,
    ...(job.network === 'none' && job.ports.length === 0
      ? []
      : ([
          [
            'Network',
            `${job.network === 'exit' ? 'out by the exit' : 'no way out'}${job.ports.length === 0 ? '' : `, listens on ${job.ports.join(', ')}`}; sent ${formatBytes(measured.sentBytes)}, received ${formatBytes(measured.receivedBytes)}`,
          ],
        ] as Field[])),
    ['Output', `${formatBytes(measured.outputBytes)} of at most ${formatBytes(promised.outputBytesMax)}`],
    ['Time limit', formatDuration(promised.timeMsMax)],
  ];
};
const placeFields = (job: JobView): Field[] => [
  ['Where', describeSide(job)],
  ...(job.lease === null ? [] : ([['Lease', job.lease]] as Field[])),
  ...(job.priority === 'normal' ? [] : ([['Priority', job.priority]] as Field[])),
  ...job.moves.map(
    ({ atMs, from, to, pauseMs, movedBytes }): Field => [
      'Moved',
      `${formatTime(atMs)} from ${text(from)} to ${text(to)}, ${formatBytes(movedBytes)}, ${formatDuration(pauseMs)} without an answer`,
    ],
  ),
  ...(job.copies === null
    ? []
    : ([
        ['Copies', `${text(job.copies.sentence)} (${job.copies.jobs.join(', ')})`],
        ...(job.copies.wrong.length === 0 ? [] : [['Wrong', job.copies.wrong.join(', ')]]),
      ] as Field[])),
];
const viewJob = (job: JobView, style: Style): string => {
  const fields = formatFields(
    [
      ['Job', style.bold(job.id)],
      ['Name', text(job.name)],
      ...programFields(job),
      ...placeFields(job),
      ...stateFields(job),
      ...measuredFields(job),
    ],
    style,
  );
  if (job.outputs.length === 0) return fields;
  return `${fields}\n${formatTable(
    [
      { title: 'FILE', shrinksTo: 12 },
      { title: 'SIZE', right: true },
      { title: 'SHA-256', shrinksTo: 16 },
    ],
    job.outputs.map(({ path, bytes, sha256 }) => [text(path), formatBytes(bytes), sha256]),
    style,
  )}`;
};
const viewSent = ({ jobs }: ResponseOf<'job:send'>, style: Style): string => viewJobs(jobs, style);

const viewVerdict = ({ passed, findings, result }: ResultVerdict, style: Style): string => {
  const list = findings
    .map(
      ({ check, passed: held, sentence }) =>
        `${held ? style.good('holds') : style.bad('fails')}  ${check}: ${text(sentence)}\n`,
    )
    .join('');
  if (!passed || result === null) return `${list}${style.bad('This file does not hold.')}\n`;
  return `${list}\n${formatFields(
    [
      ['Job', result.job],
      ['Signed by', result.signer],
      ['Input', result.inputSha256],
      ['Result', result.resultSha256],
      ['Exit code', result.exitCode === null ? 'none: it did not end by itself' : String(result.exitCode)],
      ['Ended', formatTime(result.endedAtMs)],
      ['Processor time', maybe(result.cpuMs, formatDuration)],
      ['Memory', `peak ${maybe(result.memoryBytesPeak, formatBytes)}`],
    ],
    style,
  )}`;
};

const AIMS: Record<QueueState['aim'], string> = {
  speed: 'short and urgent work first',
  efficiency: 'packed as densely as fits',
  balanced: 'everybody gets the same share',
  throughput: 'most jobs done in an hour',
};
const viewQueue = (queue: QueueState, style: Style): string => {
  const fields = formatFields(
    [
      ['Aim', `${queue.aim}: ${AIMS[queue.aim]}`],
      [
        'Mode',
        queue.mode === 'open'
          ? 'open: takes new work'
          : 'finish: takes no new work; what runs goes on to its end, then the node stops',
      ],
      ['Waiting', `${queue.queued} of at most ${queue.queuedMax}`],
      ['Running', formatCount(queue.running, 'job')],
      [
        'Decisions',
        queue.decisions.made === 0
          ? 'none yet'
          : `${queue.decisions.made}, half within ${Math.round(queue.decisions.p50Micros)} µs, 99 of 100 within ${Math.round(queue.decisions.p99Micros)} µs`,
      ],
    ],
    style,
  );
  if (queue.shares.length === 0) return fields;
  return `${fields}\n${formatTable(
    [
      { title: 'FOR', shrinksTo: 10 },
      { title: 'RUNNING', right: true },
      { title: 'WAITING', right: true },
      { title: 'USED', right: true },
      { title: 'FAIR', right: true },
    ],
    queue.shares.map(({ who, name, running, queued, sharePercent, fairPercent }) => [
      name === '' ? (who === 'own' ? 'yourself' : text(who)) : text(name),
      String(running),
      String(queued),
      formatPercent(sharePercent),
      formatPercent(fairPercent),
    ]),
    style,
  )}`;
};
const viewLanguages = ({ languages }: { languages: LanguageView[] }, style: Style): string =>
  formatTable(
    [{ title: 'LANGUAGE' }, { title: 'RUNS IN', shrinksTo: 12 }, { title: 'FILES' }, { title: 'READY', shrinksTo: 20 }],
    languages.map(({ language, kind, image, extensions, ready, sentence }) => [
      language,
      image === '' ? `${kind} sandbox` : text(image),
      extensions.join(' '),
      ready ? style.good('yes') : text(sentence),
    ]),
    style,
  );

const SHORT_CHARS = 12;
const shortId = (id: string): string => id.replace(/^sha256:/, '').slice(0, SHORT_CHARS);
const ofMax = (now: string | null, max: string | null): string =>
  now === null ? (max === null ? '' : `at most ${max}`) : max === null ? now : `${now} of ${max}`;
const viewContainers = (
  { containers, problem }: { containers: ContainerView[]; problem: string },
  style: Style,
): string => {
  if (problem !== '') return `${wrap(text(problem), style.columns, 0)}\nTry: hypermesh doctor containers\n`;
  if (containers.length === 0) return 'This node has nothing in the container engine.\n';
  return formatTable(
    [
      { title: 'CONTAINER' },
      { title: 'ROLE' },
      { title: 'JOB', shrinksTo: 10 },
      { title: 'IMAGE', shrinksTo: 10 },
      { title: 'STATE' },
      { title: 'PROCESSOR', right: true },
      { title: 'MEMORY', right: true },
      { title: 'PROCESSES', right: true },
    ],
    containers.map((one) => [
      shortId(one.id),
      one.role,
      one.job === null ? '' : text(one.jobName === '' ? one.job : one.jobName),
      text(one.image),
      one.state,
      ofMax(
        one.cpuPercentNow === null ? null : formatPercent(one.cpuPercentNow),
        one.cpuPercentMax === null ? null : formatPercent(one.cpuPercentMax),
      ),
      ofMax(
        one.memoryBytes === null ? null : formatBytes(one.memoryBytes),
        one.memoryBytesMax === null ? null : formatBytes(one.memoryBytesMax),
      ),
      ofMax(one.pids === null ? null : String(one.pids), one.pidsMax === null ? null : String(one.pidsMax)),
    ]),
    style,
  );
};
const imageLabel = ({ references, id }: ImageView): string =>
  references.length === 0 ? shortId(id) : references.map(text).join(', ');
const viewTransfer = (one: ImageTransfer, style: Style): string =>
  formatFields(
    [
      ['Transfer', one.id],
      ['Image', text(one.reference)],
      [one.what === 'push' ? 'To' : 'From', text(one.with)],
      [
        'State',
        `${one.state}, ${formatBytes(one.doneBytes)}${one.totalBytes === null ? '' : ` of ${formatBytes(one.totalBytes)}`}${one.savedBytes === 0 ? '' : `, ${formatBytes(one.savedBytes)} were there already`}`,
      ],
      ...(one.sentence === '' ? [] : ([['Now', text(one.sentence)]] as Field[])),
    ],
    style,
  );
const OTHERS: Record<ImagesState['policy']['others'], string> = {
  refused: 'borrowers may bring no other',
  own: 'your own nodes may bring others',
  all: 'borrowers may bring others',
};
const viewImages = (state: ImagesState, style: Style): string => {
  const { images, usedBytes, policy, transfers, problem } = state;
  const table =
    problem !== ''
      ? `${wrap(text(problem), style.columns, 0)}\nTry: hypermesh doctor containers\n`
      : images.length === 0
        ? 'The engine has no images; try: hypermesh image pull python:3.13-slim\n'
        : formatTable(
            [
              { title: 'IMAGE', shrinksTo: 14 },
              { title: 'ID' },
              { title: 'SIZE', right: true },
              { title: 'ITS OWN', right: true },
              { title: 'JOBS', right: true },
              { title: 'LAST USED' },
              { title: 'WHOSE' },
            ],
            images.map((image) => [
              imageLabel(image),
              shortId(image.id),
              formatBytes(image.bytes),
              formatBytes(image.ownBytes),
              String(image.jobs),
              image.usedAtMs === null ? 'never' : formatTime(image.usedAtMs),
              image.ours ? "this node's" : image.helper ? "HyperMesh's own" : 'yours',
            ]),
            style,
          );
  const fields = formatFields(
    [
      ['Room', `${formatBytes(usedBytes)} of ${formatBytes(policy.quotaBytes)} for images that this node brought`],
      [
        'Allowed',
        `${policy.allowed.length === 0 ? 'no image by name' : policy.allowed.map(text).join(', ')}; ${OTHERS[policy.others]}`,
      ],
    ],
    style,
  );
  return `${table}\n${fields}${transfers.map((one) => `\n${viewTransfer(one, style)}`).join('')}`;
};

/** Under the result of a check. */
const SET_IN = '      ';
const mark = ({ result }: DoctorCheck, style: Style): string => {
  switch (result) {
    case 'good':
      return style.good('good');
    case 'warning':
      return style.careful('look');
    case 'bad':
      return style.bad('bad');
    default:
      return style.faint(result);
  }
};
const viewDoctor = (state: ContainerDoctorState, style: Style): string => {
  if (state.checks.length === 0) return 'Never examined; try: hypermesh doctor containers\n';
  const lines = state.checks.map((check) => {
    const more = [check.fix === '' ? '' : text(check.fix), check.command === '' ? '' : `$ ${check.command}`]
      .filter((line) => line !== '')
      .map((line) => `${SET_IN}${wrap(line, style.columns, SET_IN.length)}\n`)
      .join('');
    return `${mark(check, style)}  ${style.bold(text(check.title))}\n${SET_IN}${wrap(text(check.sentence), style.columns, SET_IN.length)}\n${more}`;
  });
  const fixed = state.fixed
    .map(({ atMs, sentence }) => `Put right on ${formatTime(atMs)}: ${text(sentence)}\n`)
    .join('');
  return `${lines.join('')}\n${fixed}${wrap(text(state.sentence), style.columns, 0)}\n`;
};

export const jobViews: { readonly [C in JobCall]: (value: ResponseOf<C>, style: Style) => string } = {
  'job:start': viewJob,
  'job:send': viewSent,
  'job:list': viewJobs,
  'job:get': viewJob,
  'job:cancel': viewJob,
  'job:move': viewJob,
  'job:remove': () => 'Removed.\n',
  'job:output': ({ chunks }) => chunks.map(({ data }) => Buffer.from(data, 'base64').toString('utf8')).join(''),
  'job:result': ({ fileName }) => `${fileName}\n`,
  'job:verifyResult': viewVerdict,
  'queue:state': viewQueue,
  'queue:set': viewQueue,
  'queue:drain': ({ asked, stayed }) =>
    asked === 0
      ? 'No work of others runs here.\n'
      : stayed === 0
        ? `${formatCount(asked, 'job')} of others left.\n`
        : `${formatCount(asked, 'job')} of others ${asked === 1 ? 'was' : 'were'} asked to leave, and ${stayed} stayed: their borrowers found no other room, or did not answer. They go on here.\n`,
  'languages:list': viewLanguages,
  'content:upload': ({ sha256, bytes }) => `${sha256 ?? 'not whole yet'}, ${formatBytes(bytes)}\n`,
  'content:read': ({ data }) => Buffer.from(data, 'base64').toString('utf8'),
  'containers:list': viewContainers,
  'containers:clean': ({ containers, volumes, networks }) =>
    `Removed ${formatCount(containers, 'container')}, ${formatCount(volumes, 'volume')} and ${formatCount(networks, 'network')}.\n`,
  'images:list': viewImages,
  'images:pull': viewTransfer,
  'images:push': viewTransfer,
  'images:cancel': viewTransfer,
  'images:remove': viewImages,
  'images:policy': viewImages,
  'containerDoctor:state': viewDoctor,
  'containerDoctor:run': viewDoctor,
  'containerDoctor:cancel': viewDoctor,
  'containerDoctor:fix': viewDoctor,
};
