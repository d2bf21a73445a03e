import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { expect, test } from './fixtures.ts';

interface Bridge {
  call(name: unknown, request?: unknown): Promise<unknown>;
  subscribe(name: unknown, listener: unknown): () => void;
}

test('garbage from the page is answered with codes, and the node lives on', async ({ account }) => {
  const app = await account.start();
  await app.waitFor('node:ready');
  const page = await app.page();
  const codeOf = (name: unknown, request: unknown): Promise<unknown> =>
    page.evaluate(
      async ([asked, with_]) => {
        const { hypermesh } = globalThis as unknown as { hypermesh: Bridge };
        const reply = (await hypermesh.call(asked, with_)) as { ok: boolean; error?: { code: string } };
        return reply.ok ? 'ok' : reply.error?.code;
      },
      [name, request] as const,
    );

  expect(await codeOf('node:status', {})).toBe('ok');
  for (const name of ['', 'nope', 'constructor', '__proto__', 'toString', 7, null, ['node:status'], { a: 1 }])
    expect(await codeOf(name, {}), JSON.stringify(name)).toBe('UNKNOWN_CALL');
  for (const request of [null, 7, 'text', [], { unknown: 1 }, { atMs: 'soon' }])
    expect(await codeOf('share:preview', request), JSON.stringify(request)).toBe('BAD_REQUEST');
  expect(await codeOf('share:set', { resource: 'cpu', percentMax: 101 })).toBe('BAD_REQUEST');
  expect(await codeOf('share:set', { resource: 'plutonium', percentMax: 1 })).toBe('BAD_REQUEST');
  expect(await codeOf('share:setGrid', { resource: 'cpu', cells: Array.from({ length: 167 }, () => 5) })).toBe(
    'BAD_REQUEST',
  );
  expect(await codeOf('job:start', { name: 'x', kind: 'wasm', module: '!!' })).toBe('BAD_REQUEST');

  const rest = await page.evaluate(async () => {
    const { hypermesh } = globalThis as unknown as { hypermesh: Bridge };
    const function_ = (await hypermesh.call('node:status', () => 1)) as { error?: { code: string } };
    let thrown = '';
    try {
      hypermesh.subscribe(7, 'no function');
    } catch (error) {
      thrown = String(error);
    }
    hypermesh.subscribe('no such push', () => undefined)();
    return {
      function: function_.error?.code,
      thrown,
      keys: Object.keys(hypermesh).sort(),
      frozen: Object.isFrozen(hypermesh),
    };
  });
  expect(rest).toEqual({
    function: 'BAD_REQUEST',
    thrown: expect.stringContaining('subscribe takes'),
    keys: ['call', 'subscribe'],
    frozen: true,
  });
  expect(await codeOf('node:status', {})).toBe('ok');
});

test('more calls at once than a page could need are refused, and the others answered', async ({ account }) => {
  const app = await account.start();
  await app.waitFor('node:ready');
  const counts = await (await app.page()).evaluate(async () => {
    const { hypermesh } = globalThis as unknown as { hypermesh: Bridge };
    const replies = (await Promise.all(Array.from({ length: 2000 }, () => hypermesh.call('node:status', {})))) as {
      ok: boolean;
      error?: { code: string };
    }[];
    return {
      all: replies.length,
      other: replies.filter((reply) => !reply.ok && reply.error?.code !== 'BAD_REQUEST').length,
      ok: replies.filter((reply) => reply.ok).length,
    };
  });
  expect(counts.all).toBe(2000);
  expect(counts.other).toBe(0);
  expect(counts.ok).toBeGreaterThanOrEqual(256);
});

test('pushes come once asked for, and end when they are not wanted any more', async ({ account }) => {
  const app = await account.start();
  await app.waitFor('node:ready');
  const page = await app.page();
  const received = await page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const { hypermesh } = globalThis as unknown as { hypermesh: Bridge };
        const stop = hypermesh.subscribe('live', (sample: { atMs: number }) => {
          stop();
          resolve(sample.atMs);
        });
      }),
  );
  expect(received).toBeGreaterThan(0);
});

test('the page cannot leave, open windows, reach the network or ask for permissions', async ({ account }) => {
  const app = await account.start();
  await app.waitFor('node:ready');
  const page = await app.page();
  const before = page.url();
  const tried = await page.evaluate(async () => {
    const fetched = await fetch('https://example.org/').then(
      () => 'fetched',
      () => 'refused',
    );
    const image = await new Promise((resolve) => {
      const element = new Image();
      element.addEventListener('load', () => resolve('loaded'));
      element.addEventListener('error', () => resolve('refused'));
      element.src = 'https://example.org/x.png';
    });
    let evaluated = 'refused';
    try {
      evaluated = String(new Function('return "evaluated"')());
    } catch {
      // As it should be.
    }
    const frame = document.createElement('iframe');
    frame.src = 'https://example.org/';
    document.body.append(frame);
    const script = document.createElement('script');
    script.textContent = 'globalThis.inlineRan = true';
    document.body.append(script);
    const notification = await Notification.requestPermission().catch(() => 'denied');
    const camera = await navigator.mediaDevices?.getUserMedia({ video: true }).then(
      () => 'granted',
      () => 'refused',
    );
    return {
      fetched,
      image,
      evaluated,
      inline: 'inlineRan' in globalThis,
      opened: window.open('https://example.org.evil.example/') === null ? 'refused' : 'opened',
      notification,
      camera,
      node: typeof (globalThis as { require?: unknown }).require + typeof (globalThis as { process?: unknown }).process,
      secure: isSecureContext,
    };
  });
  expect(tried).toEqual({
    fetched: 'refused',
    image: 'refused',
    evaluated: 'refused',
    inline: false,
    opened: 'refused',
    notification: 'denied',
    camera: 'refused',
    node: 'undefinedundefined',
    secure: true,
  });
  for (const address of [
    'https://example.org/',
    'file:///etc/passwd',
    'app://other/index.html',
    'data:text/html,hello',
  ]) {
    await leave(page, address);
    expect(page.url()).toBe(before);
  }
  expect(await app.windows()).toHaveLength(1);
  // Asked of the page itself: Playwright goes on waiting for navigations that were refused.
  expect(await page.evaluate(() => document.querySelector('h1')?.textContent)).toBe('What this is');
});

/** Tries to go elsewhere as a script in the page would, and gives the refusal time to have failed. */
const leave = async (page: Page, address: string): Promise<void> => {
  await page.evaluate((to) => {
    window.location.href = to;
  }, address);
  // A call across the border comes back only after the navigation was decided in the main process.
  await page.evaluate(() => (globalThis as unknown as { hypermesh: Bridge }).hypermesh.call('node:status', {}));
};

// Source only: asks Electron itself, which only the source build lets in.
test('the window runs in the sandbox, walled off from Electron', { tag: '@source' }, async ({ account }) => {
  const app = await account.start();
  await app.waitFor('node:ready');
  const preferences = await app.electron?.evaluate(({ BrowserWindow }) => {
    const contents = BrowserWindow.getAllWindows()[0]?.webContents as unknown as
      | { getLastWebPreferences(): Record<string, unknown> }
      | undefined;
    return contents?.getLastWebPreferences();
  });
  expect(preferences).toMatchObject({
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    webviewTag: false,
  });
});

test('the page runs in a sandbox of the system', { tag: '@installed' }, async ({ account }) => {
  const app = await account.start();
  await app.waitFor('node:ready');
  await app.page();
  const renderers = await processesOf('--type=renderer');
  expect(renderers.length).toBeGreaterThan(0);
  for (const { pid, status } of renderers) {
    // 2: a filter decides over each system call (proc(5)). Namespaces of its own, and no right gained by running a program.
    expect(/^Seccomp:\s+(\d)$/m.exec(status)?.[1]).toBe('2');
    expect(/^NoNewPrivs:\s+(\d)$/m.exec(status)?.[1]).toBe('1');
    for (const kind of ['user', 'pid', 'net'])
      expect(await readlink(`/proc/${pid}/ns/${kind}`), kind).not.toBe(await readlink(`/proc/self/ns/${kind}`));
  }
});

/** Processes of the installed program whose command line holds `argument`. */
const processesOf = async (argument: string): Promise<{ pid: number; status: string }[]> => {
  const found: { pid: number; status: string }[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (command.startsWith('/usr/lib/hypermesh/') && command.includes(argument))
      found.push({ pid: Number(name), status: await readFile(`/proc/${name}/status`, 'utf8') });
  }
  return found;
};
