import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileTunHelper, helpersUnbuildable } from '../../../../../../scripts/setup/native-helpers.mjs';

// The helper's arguments alone; what it does with right ones is in test/compliance/vpn.test.ts.

const why = helpersUnbuildable();
describe.skipIf(why !== null)(`the helper of the VPN (${why ?? 'compiled here'})`, () => {
  let folder = '';
  let helper = '';
  let compiled: unknown = null;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hm-tun-'));
    helper = join(folder, 'hypermesh-tun');
    compiled = await compileTunHelper(helper);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const refusalOf = (args: readonly string[]): { status: number | null; error: unknown; sentence: unknown } => {
    const { status, stdout, stderr } = spawnSync(helper, args, { encoding: 'utf8', timeout: 5000, input: '' });
    expect(stdout).toBe('');
    const lines = stderr.trim().split('\n');
    expect(lines).toHaveLength(1);
    const said = JSON.parse(lines[0]!) as { error: unknown; sentence: unknown };
    return { status, ...said };
  };
  const refused = (args: readonly string[]): void => {
    const refusal = refusalOf(args);
    expect([refusal.status, refusal.error, typeof refusal.sentence]).toEqual([2, 'BAD_ARGUMENT', 'string']);
  };

  it('compiles without a warning', () => {
    expect(compiled).toEqual({ code: 0, stdout: '', stderr: '' });
  });
  it.each([
    [[]],
    [['hm0']],
    [['hm0', '1500']],
    [['hm0', '1500', 'fd00::1', 'more']],
    [['', '1500', 'fd00::1']],
    [['hm', '1500', 'fd00::1']],
    [['hm1000', '1500', 'fd00::1']],
    [['hm0 ', '1500', 'fd00::1']],
    [['hm-1', '1500', 'fd00::1']],
    [['hm%d', '1500', 'fd00::1']],
    [['eth0', '1500', 'fd00::1']],
    [['lo', '1500', 'fd00::1']],
    [['../hm0', '1500', 'fd00::1']],
    [['hm0', '1279', 'fd00::1']],
    [['hm0', '65536', 'fd00::1']],
    [['hm0', '99999', 'fd00::1']],
    [['hm0', '-1500', 'fd00::1']],
    [['hm0', '01500', 'fd00::1']],
    [['hm0', '1500x', 'fd00::1']],
    [['hm0', '4294968796', 'fd00::1']],
    [['hm0', '', 'fd00::1']],
    [['hm0', '1500', '']],
    [['hm0', '1500', 'fe80::1']],
    [['hm0', '1500', 'fc00::1']],
    [['hm0', '1500', '::1']],
    [['hm0', '1500', '2001:db8::1']],
    [['hm0', '1500', '10.0.0.1']],
    [['hm0', '1500', 'fd00::1/8']],
    [['hm0', '1500', 'fd00::1%lo']],
    [['hm0', '1500', `fd00::${'1'.repeat(500)}`]],
  ])('refuses %j', (args) => refused(args));

  it('refuses whatever else it is given, and never falls', () => {
    const text = fc.string({ unit: 'binary', maxLength: 80 }).filter((part) => !part.includes('\0'));
    const name = fc.oneof(text, fc.constantFrom('hm0', 'hm99'));
    const mtu = fc.oneof(text, fc.integer().map(String), fc.constant('1500'));
    const address = fc.oneof(text, fc.ipV6(), fc.ipV4());
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), name, mtu, address, (others, device, size, own) => {
        refused(others.length === 3 ? [...others, 'x'] : others);
        // One of the three is wrong: no right ones are ever given here, as this test may run as root.
        if (!(/^hm\d{1,3}$/.test(device) && /^[1-9]\d{3,4}$/.test(size) && /^fd/i.test(own)))
          refused([device, size, own]);
      }),
      { numRuns: 20 },
    );
  });
});
