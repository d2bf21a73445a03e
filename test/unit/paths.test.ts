import { describe, expect, it } from 'vitest';
import { findProgramPaths } from '../../main/paths.ts';

describe('the helpers of the VPN and of container jobs', () => {
  it.each([
    ['file:///home/me/hypermesh/main/cli.ts', '/home/me/hypermesh/out/helpers/hypermesh-tun'],
    ['file:///home/me/hypermesh/out/main/cli.js', '/home/me/hypermesh/out/helpers/hypermesh-tun'],
    // A right can only be given to a real file: not in the archive, nor among what was unpacked from it.
    ['file:///usr/lib/hypermesh/resources/app.asar/out/main/index.js', '/usr/lib/hypermesh/helpers/hypermesh-tun'],
    [
      'file:///usr/lib/hypermesh/resources/app.asar.unpacked/out/main/cli.js',
      '/usr/lib/hypermesh/helpers/hypermesh-tun',
    ],
  ])('of %s is %s', (entry, helper) => {
    expect(findProgramPaths(entry).tunHelper).toBe(helper);
    expect(findProgramPaths(entry).holderHelper).toBe(helper.replace('hypermesh-tun', 'hypermesh-holder'));
  });
});
