import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import { cgroupCandidates } from '../../../../../main/kernel/runtime/governor/cgroup.ts';
import {
  chooseGovernor,
  createCgroupGovernor,
  createDutyCycleGovernor,
} from '../../../../../main/kernel/runtime/governor/index.ts';
import { cpuGovernorCompliance } from '../../../../compliance/cpu-governor.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';

const { clock } = createSystemOutside();
const logger = createSilentLogger();
const dutyCycle = () => createDutyCycleGovernor({ clock, platform: process.platform });
const cgroup = async () => {
  const governor = createCgroupGovernor({ clock, logger, fallback: dutyCycle() });
  return (await governor.probe()) ? governor : null;
};

cpuGovernorCompliance('duty cycle', async () => dutyCycle());
cpuGovernorCompliance('cgroup', cgroup);

describe('cgroupCandidates', () => {
  it('finds v2 before v1, own siblings before ancestors', () => {
    const mounts = [
      '30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate',
      '31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
      '32 24 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
    ].join('\n');
    expect(
      cgroupCandidates(mounts, '4:cpu,cpuacct:/user\n0::/user.slice/user@1000.service/app.slice/app.scope\n'),
    ).toEqual([
      { base: '/sys/fs/cgroup/user.slice/user@1000.service/app.slice', version: 2 },
      { base: '/sys/fs/cgroup/user.slice/user@1000.service', version: 2 },
      { base: '/sys/fs/cgroup/user.slice', version: 2 },
      { base: '/sys/fs/cgroup', version: 2 },
      { base: '/sys/fs/cgroup/cpu,cpuacct/user', version: 1 },
      { base: '/sys/fs/cgroup/cpu,cpuacct', version: 1 },
    ]);
  });

  it('finds none in nothing', () => {
    expect(cgroupCandidates('', '')).toEqual([]);
    expect(cgroupCandidates('garbage - here\nno', 'no:colons\n::')).toEqual([]);
  });
});

describe('the cgroup governor', () => {
  it('removes empty groups that a crash left, and its folder at the end', async (context) => {
    const governor = await cgroup();
    if (governor === null) return context.skip('no group can be made by this user on this machine');
    const folders = cgroupCandidates(
      readFileSync('/proc/self/mountinfo', 'utf8'),
      readFileSync('/proc/self/cgroup', 'utf8'),
    ).map(({ base }) => join(base, 'hypermesh'));
    const folder = folders.find((path) => existsSync(path))!;
    mkdirSync(join(folder, 'pid-999999999'));
    const again = (await cgroup())!;
    expect(readdirSync(folder).filter((name) => name.startsWith('pid-999999999'))).toEqual([]);
    again.close();
    expect(existsSync(dirname(folder))).toBe(true);
  });
});

describe('chooseGovernor', () => {
  it('takes the first kind that works and is allowed', async () => {
    expect((await chooseGovernor({ clock, logger, platform: process.platform }, ['duty-cycle'])).kind).toBe(
      'duty-cycle',
    );
    expect((await chooseGovernor({ clock, logger, platform: 'win32' }, ['duty-cycle'])).kind).toBe('none');
    expect((await chooseGovernor({ clock, logger, platform: process.platform }, [])).kind).toBe('none');
  });
});
