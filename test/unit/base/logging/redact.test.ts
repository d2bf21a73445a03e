import { describe, expect, it } from 'vitest';
import { createRedactor } from '../../../../main/base/index.ts';

const redactor = createRedactor('/home/ada');

describe('secrets', () => {
  it.each([
    'token',
    'apiToken',
    'api_token',
    'Authorization',
    'password',
    'recoveryPhrase',
    'seed',
    'SEED_HEX',
    'privateKey',
    'key',
    'set-cookie',
    'clientSecret',
    'mnemonic',
  ])('are not shown in a field called %s', (name) => {
    expect(redactor.context({ outer: { [name]: 'abc' }, list: [{ [name]: ['abc', 7] }] })).toEqual({
      outer: { [name]: '[redacted]' },
      list: [{ [name]: '[redacted]' }],
    });
  });

  it('are not shown in text', () => {
    const shown = redactor.text(
      'GET http://user:hunter2@host/?token=abc123&x=1#token=abc123 authorization: Bearer eyJhbGciOi.J9 password="p4ss" 00112233445566778899aabbccddeeff Zm9vYmFyMTIzNDU2Nzg5MEFCQ0RFRkdISUpLTE1OT1A=',
    );
    expect(shown).toBe(
      'GET http://user:[redacted]@host/?token=[redacted]&x=1#token=[redacted] authorization: Bearer [redacted] password="[redacted]" [redacted] [redacted]',
    );
  });

  it('are told from digests by the name of the field', () => {
    const digest = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
    expect(redactor.context({ moduleSha256: digest, unnamed: digest })).toEqual({
      moduleSha256: digest,
      unnamed: '[redacted]',
    });
  });

  it.each([
    'asset:cpu:bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy',
    'alloc-0123456789abcdef',
    'public: /usr/lib/x86_64-linux-gnu/qt5/plugins/Platforms/file-with-a-long-name.so.5.15',
    'The data folder is held by another node; stop it first.',
  ])('are not seen in %s', (text) => {
    expect(redactor.text(text)).toBe(text);
  });
});

describe('home folders', () => {
  it.each([
    ['/home/ada/.local/share/hypermesh/x.db', '~/.local/share/hypermesh/x.db'],
    ['cannot open "/home/ada"', 'cannot open "~"'],
    ['/home/adalbert/x', '~/x'],
    ['/Users/grace/Library', '~/Library'],
    ['C:\\Users\\Grace\\AppData', '~\\AppData'],
    ['/srv/home/ada/x', '/srv~/x'],
  ])('%s is shown as %s', (text, shown) => {
    expect(redactor.text(text)).toBe(shown);
  });

  it('of a service at / is no secret, and /root is not /rootfs', () => {
    expect(createRedactor('/').text('/etc/hosts')).toBe('/etc/hosts');
    expect(createRedactor('/root').text('/root/x /rootfs/x')).toBe('~/x /rootfs/x');
  });
});

describe('any value', () => {
  it('becomes plain data', () => {
    const loop: Record<string, unknown> = { name: 'loop' };
    loop['self'] = loop;
    const broken = Object.defineProperty({}, 'field', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    expect(
      redactor.context({
        loop,
        broken,
        big: 2n ** 64n,
        nan: Number.NaN,
        none: undefined,
        when: new Date(0),
        bytes: new Uint8Array(5),
        run: () => 1,
        set: new Set([1, 'two']),
      }),
    ).toEqual({
      loop: { name: 'loop', self: '[circular]' },
      broken: { field: '[unreadable]' },
      big: '18446744073709551616',
      nan: 'NaN',
      none: null,
      when: '1970-01-01T00:00:00.000Z',
      bytes: '[5 bytes]',
      run: '[function]',
      set: [1, 'two'],
    });
  });

  it('keeps what an error tells', () => {
    const error = Object.assign(new Error('broke at /home/ada/x', { cause: new TypeError('why') }), { code: 'EIO' });
    const shown = redactor.context({ error })['error'] as Record<string, unknown>;
    expect(shown).toMatchObject({
      name: 'Error',
      message: 'broke at ~/x',
      code: 'EIO',
      cause: { name: 'TypeError', message: 'why' },
    });
    expect(shown['stack']).toContain('\\u{a}');
  });

  it('is bounded in length, breadth and depth', () => {
    const deep: Record<string, unknown> = {};
    let inner = deep;
    for (let i = 0; i < 100; i++) inner = inner['d'] = {};
    const shown = redactor.context({
      text: 'x '.repeat(50_000),
      list: Array.from({ length: 1000 }, (_, i) => i),
      deep,
    });
    expect(JSON.stringify(shown).length).toBeLessThan(5000);
    expect((shown['list'] as unknown[]).at(-1)).toBe('[950 more]');
    expect(JSON.stringify(shown['deep'])).toContain('[deeper left out]');
  });
});
