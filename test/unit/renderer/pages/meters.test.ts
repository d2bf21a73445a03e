import { describe, expect, it } from 'vitest';
import { type MeterRow, withGaps } from '../../../../renderer/pages/home/meters.tsx';

const row = (atS: number): MeterRow => ({
  atS,
  cpu: 10,
  cpuLent: 5,
  memory: 20,
  memoryLent: null,
  network: 0,
  networkLent: 0,
  disk: 0,
});

describe('withGaps', () => {
  it('leaves a run of samples as it is, a late one included', () =>
    expect(withGaps([row(1), row(2), row(5)]).map(({ atS, cpu }) => [atS, cpu])).toEqual([
      [1, 10],
      [2, 10],
      [5, 10],
    ]));

  it('draws nothing across a time that nobody measured', () =>
    expect(withGaps([row(1), row(30)]).map(({ atS, cpu, disk }) => [atS, cpu, disk])).toEqual([
      [1, 10, 0],
      [2, null, null],
      [30, 10, 0],
    ]));

  it('has nothing to add to nothing', () => expect(withGaps([])).toEqual([]));
});
