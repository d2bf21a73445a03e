import { readFile } from 'node:fs/promises';
import { AskError, shownText } from './ask-engine.ts';
import {
  START_SLOW_MS,
  TEST_CPU_MS,
  TEST_CPU_PERCENT,
  TEST_CPU_SETTLE_MS,
  TEST_CPU_TOLERANCE_POINTS,
  TEST_CPU_WINDOW_MS,
  TEST_MEMORY_BYTES,
  TEST_MEMORY_BYTES_TRIED,
  TEST_PIDS,
  TEST_PIDS_TRIED,
  TEST_TMP_BYTES,
  TEST_TMP_BYTES_TRIED,
} from './constants.ts';
import { sizeText, type Finding } from './examined.ts';
import { makeProbeImage, runProbe, type ProbeContext, type ProbeCounters, type ProbeRun } from './probe-container.ts';

/** Why nothing is measured, or the image to measure with. */
export const examineTestImage = async (
  context: Pick<ProbeContext, 'ask' | 'mark' | 'signal'>,
  program: string | null,
): Promise<{ finding: Finding; image: string | null }> => {
  const without = (sentence: string): { finding: Finding; image: null } => ({
    finding: { result: 'skipped', sentence },
    image: null,
  });
  if (program === null) return without('Not measured: this build has no test program.');
  let bytes: Buffer;
  try {
    bytes = await readFile(program);
  } catch {
    return without('Not measured: the test program was not built here; it takes gcc and a build on Linux.');
  }
  try {
    const image = await makeProbeImage(context, bytes);
    return { finding: { result: 'good', sentence: 'The engine takes an image that was made here.' }, image };
  } catch (error) {
    if (
      !(error instanceof AskError) ||
      ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ABORTED'].includes(error.code)
    )
      throw error;
    const full = /no space left/i.test(error.message);
    return {
      finding: {
        result: 'bad',
        problem: full ? 'full' : 'refused',
        sentence: full
          ? 'The engine has no room for an image of 1 MiB.'
          : `The engine does not take an image: ${shownText(error.message)}.`,
        fix: full ? 'Make room on the disk of the engine.' : 'Look at the log of the engine.',
        command: full ? 'docker image prune --all' : '',
      },
      image: null,
    };
  }
};

const numberIn = (run: ProbeRun, name: string): number | null => {
  const text = run.printed.get(name)?.at(-1);
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
};
const silent = (what: string): Finding => ({
  result: 'bad',
  problem: 'silent',
  sentence: `The test container ended without having told about ${what}.`,
  fix: 'Look at the log of the engine.',
});

/** Everything that one look inside shows. */
export const examineInside = async (context: ProbeContext, image: string): Promise<Record<InsideCheck, Finding>> => {
  const words = ['look', 'tmp', String(TEST_TMP_BYTES_TRIED), 'pids', String(TEST_PIDS_TRIED)];
  const run = await runProbe(context, image, words, { cpuPercent: 100 });
  return {
    'limits-start': startOf(run),
    'limits-pids': pidsOf(run),
    'limits-network': networkOf(run),
    'limits-root': rootOf(run),
    'limits-rights': insideRightsOf(run),
    'limits-tmp': tmpOf(run),
  };
};
export type InsideCheck =
  | 'limits-start'
  | 'limits-pids'
  | 'limits-network'
  | 'limits-root'
  | 'limits-rights'
  | 'limits-tmp';

const startOf = ({ startMs }: ProbeRun): Finding => {
  const sentence = `A container is made and started within ${Math.round(startMs)} ms.`;
  if (startMs < START_SLOW_MS) return { result: 'good', sentence };
  return {
    result: 'warning',
    problem: 'slow',
    sentence,
    fix: 'See whether the disk of the engine is slow or busy, and which storage driver it has.',
  };
};

const pidsOf = (run: ProbeRun): Finding => {
  const pids = numberIn(run, 'pids');
  if (pids === null) return silent('its processes');
  if (pids <= TEST_PIDS)
    return { result: 'good', sentence: `Of ${TEST_PIDS} processes that were allowed, it could start ${pids}.` };
  return {
    result: 'bad',
    problem: 'not-held',
    sentence: `Only ${TEST_PIDS} processes were allowed, and it started ${pids}: a job could bring this machine down with them.`,
    fix: 'Switch the controller pids on, and update the engine.',
  };
};

const networkOf = (run: ProbeRun): Finding => {
  const interfaces = run.printed.get('interface');
  if (interfaces === undefined) return silent('its network');
  const sockets = run.printed.get('socket') ?? [];
  // Tunnels that the kernel makes in every new network space lead nowhere while they are down.
  const others = interfaces.filter(
    (name) => !/^(lo|tunl0|sit0|ip6tnl0|ip6_vti0|ip_vti0|gre0|gretap0|erspan0|ip6gre0)$/.test(name),
  );
  if (others.length === 0 && sockets.length === 0)
    return {
      result: 'good',
      sentence: 'Inside there is no network but the loopback interface, and no socket of the engine.',
    };
  return {
    result: 'bad',
    problem: 'open',
    sentence: `Inside, though none was asked for, there is ${[...others.map((name) => `the interface ${name}`), ...sockets].slice(0, 4).join(', ')}.`,
    fix: 'See what adds networks or mounts to every container: hooks of the engine, or its default settings.',
  };
};

const rootOf = (run: ProbeRun): Finding => {
  const kept = run.printed.get('kept')?.length ?? 0;
  const written = run.printed.get('written') ?? [];
  if (kept + written.length === 0) return silent('its files');
  if (written.length === 0)
    return {
      result: 'good',
      sentence: `Its image is read-only: nothing could be written in ${kept} places that were tried.`,
    };
  return {
    result: 'bad',
    problem: 'written',
    sentence: `It could write ${written.slice(0, 4).join(', ')}, though its image is to be read-only.`,
    fix: 'See what makes the engine leave the image writable; update it.',
  };
};

const insideRightsOf = (run: ProbeRun): Finding => {
  const value = (name: string): string => run.printed.get(name)?.[0] ?? '';
  if (value('CapEff') === '') return silent('its rights');
  const wrong = [
    /^0+$/.test(value('CapEff')) && /^0+$/.test(value('CapPrm')) && /^0+$/.test(value('CapBnd'))
      ? null
      : `capabilities ${value('CapEff')}`,
    value('NoNewPrivs') === '1' ? null : 'it may gain rights',
    value('Seccomp') === '2' ? null : 'its system calls are not filtered',
    value('Uid').split(/\s+/)[0] === '65532' ? null : `it runs as user ${value('Uid').split(/\s+/)[0]}`,
  ].filter((one) => one !== null);
  if (wrong.length === 0)
    return {
      result: 'good',
      sentence: 'Inside it has no capability, can gain no right, and its system calls are filtered.',
    };
  return {
    result: 'bad',
    problem: 'rights',
    sentence: `Inside it has more rights than it was given: ${wrong.join(', ')}.`,
    fix: 'See what gives containers rights by default in the settings of the engine; update it.',
  };
};

const tmpOf = (run: ProbeRun): Finding => {
  const bytes = numberIn(run, 'tmp-bytes');
  if (bytes === null) return silent('its scratch space');
  if (bytes === 0)
    return {
      result: 'bad',
      problem: 'no-scratch',
      sentence: 'It could not write into its scratch space at all.',
      fix: 'See whether the engine can mount tmpfs.',
    };
  if (bytes <= TEST_TMP_BYTES)
    return {
      result: 'good',
      sentence: `Of ${sizeText(TEST_TMP_BYTES)} of scratch space, it could fill ${sizeText(bytes)}.`,
    };
  return {
    result: 'bad',
    problem: 'not-held',
    sentence: `It wrote ${sizeText(bytes)} into a scratch space of ${sizeText(TEST_TMP_BYTES)}.`,
    fix: 'Update the engine: it ignores the size of tmpfs.',
  };
};

export const examineMemory = async (context: ProbeContext, image: string): Promise<Finding> => {
  const run = await runProbe(context, image, ['memory', String(TEST_MEMORY_BYTES_TRIED)], { cpuPercent: 100 });
  const taken = numberIn(run, 'memory') ?? 0;
  if (taken <= TEST_MEMORY_BYTES && run.exitCode !== 0)
    return {
      result: 'good',
      sentence: `It was ended for taking more than ${sizeText(TEST_MEMORY_BYTES)} of memory, at ${sizeText(taken)}${
        run.outOfMemory ? '' : ', though the engine does not say why'
      }.`,
    };
  return {
    result: 'bad',
    problem: 'not-held',
    sentence: `It took ${sizeText(taken)} of memory though only ${sizeText(TEST_MEMORY_BYTES)} were allowed.`,
    fix: 'Switch the controller memory on, and its swap accounting, in the command line of the kernel.',
  };
};

export const examineCpu = async (context: ProbeContext, image: string): Promise<Finding> => {
  const { clock, signal } = context;
  const read: { first: ProbeCounters | null; last: ProbeCounters | null } = { first: null, last: null };
  const run = await runProbe(context, image, ['burn', String(TEST_CPU_MS)], {
    cpuPercent: TEST_CPU_PERCENT,
    during: async (counters) => {
      await clock.sleep(TEST_CPU_SETTLE_MS, signal);
      read.first = await counters();
      await clock.sleep(TEST_CPU_WINDOW_MS, signal);
      read.last = await counters();
    },
  });
  const { first, last } = read;
  const cpuMs = numberIn(run, 'burn-cpu-ms');
  const wallMs = numberIn(run, 'burn-wall-ms');
  const own = cpuMs === null || wallMs === null || wallMs === 0 ? null : (cpuMs / wallMs) * 100;
  // The counters of the kernel count; where the engine does not hand them out, what the program took by its own clock.
  const counted =
    first === null || last === null || last.atMs <= first.atMs || last.cpuNs <= first.cpuNs
      ? null
      : ((last.cpuNs - first.cpuNs) / 1e6 / (last.atMs - first.atMs)) * 100;
  const percent = counted ?? own;
  if (percent === null) return silent('its share of the processor');
  const sentence = `Computing without end at a share of ${TEST_CPU_PERCENT} %, it got ${percent.toFixed(1)} % by ${
    counted === null ? 'its own clock' : 'the counters of the kernel'
  }.`;
  if (percent > TEST_CPU_PERCENT + TEST_CPU_TOLERANCE_POINTS)
    return {
      result: 'bad',
      problem: 'not-held',
      sentence,
      fix: 'Switch the controller cpu on, with quotas (CONFIG_CFS_BANDWIDTH) in the kernel.',
    };
  if (percent < TEST_CPU_PERCENT - 2 * TEST_CPU_TOLERANCE_POINTS)
    return {
      result: 'warning',
      problem: 'starved',
      sentence: `${sentence} Other programs take the processor before it.`,
      fix: 'Ask again when the machine is less busy; if it stays so, lend less.',
    };
  return { result: 'good', sentence };
};
