/**
 * JavaScript that tries to reach every target that it finds in `stdin`, one as JSON a line, by everything that runtimes of JavaScript
 * are known to have, and prints `{"index":…,"reached":…,"how":…}` for each. It is told to hide nothing: what it finds is the result.
 */
export const PROBE_SCRIPT = String.raw`
const outer = (() => { try { return print.constructor.constructor('return this')() } catch { return globalThis } })();
const has = (name) => outer[name] ?? globalThis[name];
const load = async (name) => {
  try { return await import(name) } catch {}
  try { return has('require')(name) } catch {}
  try { return has('process').getBuiltinModule(name) } catch {}
  try { return has('process').mainModule.require(name) } catch {}
  return null;
};
const within = (promise, ms) => Promise.race([promise, new Promise((resolve) => setTimeout(resolve, ms, null))]);
const net = await load('node:net') ?? await load('net');
const fs = await load('node:fs') ?? await load('fs');
const std = has('std') ?? await load('std');
const os = has('os') ?? await load('os');
const place = (host, port) => (host.includes(':') ? '[' + host + ']' : host) + ':' + port;
const tries = {
  fetch: async ({ host, port }) => typeof has('fetch') === 'function' && (await within(has('fetch')('http://' + place(host, port) + '/'), 2000)) !== null,
  XMLHttpRequest: async ({ host, port }) => {
    if (typeof has('XMLHttpRequest') !== 'function') return false;
    const request = new (has('XMLHttpRequest'))();
    request.open('GET', 'http://' + place(host, port) + '/', false);
    request.send();
    return true;
  },
  WebSocket: async ({ host, port }) => {
    if (typeof has('WebSocket') !== 'function') return false;
    const socket = new (has('WebSocket'))('ws://' + place(host, port) + '/');
    return (await within(new Promise((resolve) => { socket.onopen = socket.onmessage = () => resolve(true) }), 1000)) === true;
  },
  'node:net': async ({ host, port }) => net !== null && (await within(new Promise((resolve) => net.connect({ host, port }, () => resolve(true)).on('error', () => resolve(null))), 2000)) === true,
  popen: async ({ host, port }) => !!std && typeof std.popen === 'function' && std.popen('echo | nc -w 2 ' + host + ' ' + port, 'r') !== null,
};
const files = {
  scratch: (path) => scratch.readFile(path),
  'scratch, upwards': (path) => scratch.readFile('../../../../../../../../..' + path),
  'scratch, relative': (path) => scratch.readFile(path.slice(1)),
  'node:fs': (path) => fs.readFileSync(path),
  'std.loadFile': (path) => std.loadFile(path) ?? (() => { throw 0 })(),
  'os.open': (path) => { if (os.open(path, 0) < 0) throw 0 },
};
for (const [index, line] of stdin.lines().entries()) {
  const target = JSON.parse(line);
  const how = [];
  if (target.path === null) {
    for (const [name, attempt] of Object.entries(tries)) { try { if (await attempt(target)) how.push(name) } catch {} }
  } else {
    for (const [name, attempt] of Object.entries(files)) { try { attempt(target.path); how.push(name) } catch {} }
    try { await import(target.path); how.push('import of the path') } catch {}
  }
  print(JSON.stringify({ index, reached: how.length > 0, how: how.join(', ') }));
}
`;
