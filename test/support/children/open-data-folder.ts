import { openDataFolder } from '../../../main/base/data-folder/index.ts';

// Opens the data folder named on the command line, says how it went in one line of JSON, and holds it until it is killed.
try {
  const folder = await openDataFolder({}, { path: process.argv[2]! });
  if (process.argv[3] === 'announce') {
    await folder.announce({
      pid: process.pid,
      url: 'http://[::1]:9470/',
      token: 'secret-of-the-test',
      mode: 'headless',
      startedAtMs: 1,
      version: '0.1.0',
    });
  }
  process.stdout.write(`${JSON.stringify({ ok: true })}\n`);
  setInterval(() => undefined, 60_000);
} catch (error) {
  const { name, code, message, data } = error as Error & { code: string; data: unknown };
  process.stdout.write(`${JSON.stringify({ ok: false, name, code, message, data })}\n`);
}
