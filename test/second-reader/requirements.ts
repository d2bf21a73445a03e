/** Requirements, written from docs/formats/proof.md ("Requirements") and what the pages of the four proofs say of them. */
import { decode, encode, type Fields, type Value } from './cbor.ts';
import { Reader, same } from './fields.ts';
import type { Combined } from './proof.ts';
import { demand } from './refusal.ts';
import type { Plot } from './space.ts';

const malformed = 'PROOF_MALFORMED';

/** What a proof must show where nothing else is agreed. */
export const defaults = {
  v: 1,
  kinds: ['space', 'stake', 'work', 'time'],
  maxAgeMs: null as number | null,
  space: { bytesMin: 1_048_576, windowLabelsMin: 32_768, answersMin: 64, openingsMin: 80, answerMsMax: 3_600_000 },
  stake: { certificate: 'any', stakeMicroMin: '0' },
  work: { multiplicationsMin: 1_073_741_824, rowsMin: 32, multiplicationsPerSecondMin: 0 },
  time: { stepsMin: 1_048_576, segments: 12 as number | 'whole', skewMsMax: 60_000 },
};

/** Requirements of a lease or an allocation. */
export type Requirements = typeof defaults;

/** Read requirements: the same fields as the default ones, with other values. */
export function readRequirements(bytes: Uint8Array): Requirements {
  demand(bytes.length <= 1024, malformed, 'requirements too large');
  const value = decode(bytes, malformed);
  const fields = new Reader(value, Object.keys(defaults).join(' '), malformed);
  fields.whole('v', 1, 1);
  const kinds = fields.list('kinds');
  const inOrder = defaults.kinds.filter((kind) => kinds.includes(kind));
  demand(same(encode(kinds), encode(inOrder)), malformed, 'kinds');
  if (fields.value('maxAgeMs') !== null) fields.whole('maxAgeMs');
  for (const part of ['space', 'stake', 'work', 'time'] as const) {
    const names = Object.keys(defaults[part]);
    const numbers = new Reader(fields.value(part), names.join(' '), malformed);
    for (const name of names) if (!isOther(name, numbers.value(name))) numbers.whole(name);
  }
  return value as Fields as unknown as Requirements;
}

/** Whether a field that is not a number has a value that it may have. */
function isOther(name: string, value: Value): boolean {
  if (name === 'segments') return value === 'whole';
  if (typeof value !== 'string') return false;
  if (name === 'certificate') return /^(any|selfMade|issued)$/.test(value);
  return name === 'stakeMicroMin' && /^(0|[1-9][0-9]{0,29})$/.test(value);
}

/** Compare a proof that holds with what is required of it. */
export function checkRequirements(combined: Combined, required: Requirements, nowMs: number): void {
  const { space, stakeMicro, work, time } = combined;
  const { kinds, maxAgeMs } = required;
  demand(maxAgeMs === null || nowMs - time.finishedAtMs <= maxAgeMs, 'TOO_OLD', 'proof of time');
  if (kinds.includes('space')) {
    for (const plot of space) {
      checkPlotSize(plot, required);
      demand(plot.answers >= required.space.answersMin, 'TOO_FEW_ANSWERS', `${plot.answers}`);
    }
    const bytes = space.reduce((sum, plot) => sum + plot.bytes, 0);
    demand(bytes >= required.space.bytesMin, 'TOO_LITTLE_SPACE', `${bytes} bytes`);
  }
  if (kinds.includes('stake')) {
    const least = BigInt(required.stake.stakeMicroMin);
    demand(stakeMicro >= least, 'STAKE_TOO_LOW', `${stakeMicro}`);
    demand(least === 0n, 'STAKE_UNFOUNDED', 'this reader has no ledger of stakes');
    demand(required.stake.certificate !== 'issued', 'CERTIFICATE_NOT_ENOUGH', 'self-made');
  }
  if (kinds.includes('work')) {
    const { multiplicationsMin, rowsMin, multiplicationsPerSecondMin } = required.work;
    demand(work.multiplications >= multiplicationsMin, 'TOO_LITTLE_WORK', `${work.multiplications}`);
    demand(work.openings >= rowsMin, 'TOO_FEW_ROWS', `${work.openings}`);
    demand((work.multiplications * 1e6) / work.busyUs >= multiplicationsPerSecondMin, 'TOO_SLOW', `${work.busyUs}`);
  }
  if (kinds.includes('time')) demand(time.steps >= required.time.stepsMin, 'TOO_FEW_STEPS', `${time.steps}`);
}

/** Whether the windows of a plot are large enough, and its opening shows enough. */
export function checkPlotSize({ windowLabels, openings }: Plot, required: Requirements): void {
  demand(windowLabels >= required.space.windowLabelsMin, 'WINDOW_TOO_SMALL', `${windowLabels}`);
  demand(openings >= required.space.openingsMin, 'TOO_FEW_OPENINGS', `${openings}`);
}
