import { expect, it } from 'vitest';
import { stateOfValidator } from '../../../../main/kernel/consensus/validator-state.ts';

const well = { signed: 100, blocks: 100, missedProposals: 0, leftOut: 0 };
const there = { down: false, power: 10 };

it.each<[string, Parameters<typeof stateOfValidator>[0], Partial<typeof there>, string, RegExp]>([
  ['signs', well, {}, 'signing', /signed 100 of the last 100/],
  ['is new to this node', null, {}, 'signing', /Too few blocks/],
  ['was seen for four blocks', { ...well, signed: 0, blocks: 4 }, {}, 'signing', /Too few blocks/],
  ['signs nothing', { ...well, signed: 0 }, {}, 'silent', /off, or cannot be reached/],
  ['signs four of five', { ...well, signed: 80 }, {}, 'signing', /80 of the last 100/],
  ['signs fewer', { ...well, signed: 79 }, {}, 'slow', /79 of the last 100/],
  ['proposes a quarter too late', { ...well, missedProposals: 26 }, {}, 'slow', /26 times/],
  ['leaves out four, which may be chance', { ...well, leftOut: 4 }, {}, 'signing', /signed/],
  ['leaves out five', { ...well, leftOut: 5 }, {}, 'censoring', /^5 transactions .* had room/],
  ['lost its power', well, { down: true, power: 0 }, 'out', /join again/],
])('one that %s', (_, report, place, state, sentence) => {
  const found = stateOfValidator(report, { ...there, ...place });
  expect(found.state).toBe(state);
  expect(found.sentence).toMatch(sentence);
});
