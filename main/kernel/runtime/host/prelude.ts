/**
 * JavaScript that makes the globals of a script, inside the engine. A function of the host's raw functions, the
 * arguments, stdin and variables; it hands out wrappers, so that a script never holds a raw one. What it needs of the language is
 * taken before the script can change it.
 */
export const PRELUDE = String.raw`(function (host, args, stdinBytes, env) {
  'use strict';
  const { stringify } = JSON;
  const { isArray } = Array;
  const { getPrototypeOf, keys, freeze, defineProperty } = Object;
  const toText = String;
  const DEPTH_MAX = 4, ITEMS_MAX = 100, TIMERS_MAX = 10000;

  const format = (value, depth, seen) => {
    if (typeof value === 'string') return depth === 0 ? value : stringify(value);
    if (typeof value === 'bigint') return value + 'n';
    if (typeof value === 'symbol') return toText(value);
    if (typeof value === 'function') return '[Function ' + (toText(value.name) || 'anonymous') + ']';
    if (typeof value !== 'object' || value === null) return toText(value);
    if (value instanceof Error) return describe(value);
    if (seen.includes(value)) return '[Circular]';
    if (depth >= DEPTH_MAX) return isArray(value) ? '[Array]' : '[Object]';
    const inside = [...seen, value];
    const show = (part) => format(part, depth + 1, inside);
    if (ArrayBuffer.isView(value) && !(value instanceof DataView) || isArray(value)) {
      const shown = [];
      for (let i = 0; i < value.length && i < ITEMS_MAX; i++) shown.push(show(value[i]));
      if (value.length > ITEMS_MAX) shown.push('… ' + (value.length - ITEMS_MAX) + ' more');
      return (isArray(value) ? '' : value.constructor.name + ' ') + '[' + shown.join(', ') + ']';
    }
    if (value instanceof Map) return 'Map {' + [...value].slice(0, ITEMS_MAX).map(([k, v]) => show(k) + ' => ' + show(v)).join(', ') + '}';
    if (value instanceof Set) return 'Set {' + [...value].slice(0, ITEMS_MAX).map(show).join(', ') + '}';
    if (value instanceof Date) return isNaN(value) ? 'Invalid Date' : value.toISOString();
    if (value instanceof RegExp) return toText(value);
    if (value instanceof Promise) return 'Promise {}';
    const names = keys(value);
    const shown = names.slice(0, ITEMS_MAX).map((key) => (/^[A-Za-z_$][\w$]*$/.test(key) ? key : stringify(key)) + ': ' + show(value[key]));
    if (names.length > ITEMS_MAX) shown.push('… ' + (names.length - ITEMS_MAX) + ' more');
    return shown.length === 0 ? '{}' : '{ ' + shown.join(', ') + ' }';
  };
  const line = (parts) => {
    try { return parts.map((part) => format(part, 0, [])).join(' ') + '\n'; }
    catch (error) { return '[could not be shown]\n'; }
  };
  /** What an error says, whatever was thrown and however it resists. */
  const describe = (error) => {
    try {
      if (error instanceof Error) {
        const stack = toText(error.stack || '').trimEnd();
        return toText(error.name) + ': ' + toText(error.message) + (stack === '' ? '' : '\n' + stack);
      }
      return 'Uncaught ' + format(error, 1, []);
    } catch (again) { return 'Uncaught exception that cannot be shown'; }
  };

  /** UTF-8 bytes of text, or the bytes themselves, as a buffer of their own. */
  const toBuffer = (data) => {
    if (typeof data === 'string') return host.encode(data);
    if (data instanceof ArrayBuffer) return data;
    if (ArrayBuffer.isView(data)) return data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
    throw new TypeError('give a string, an ArrayBuffer or a typed array');
  };
  const define = (name, value) => defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });

  define('print', (...parts) => host.write(1, line(parts)));
  const out = (...parts) => host.write(1, line(parts));
  const err = (...parts) => host.write(2, line(parts));
  define('console', { log: out, info: out, debug: out, error: err, warn: err, trace: err });
  define('args', freeze([...args]));
  define('env', freeze({ ...env }));
  define('stdin', freeze({ text: () => host.decode(stdinBytes), bytes: () => new Uint8Array(stdinBytes.slice(0)), lines: () => { const text = host.decode(stdinBytes); const all = text.split(/\r?\n/); if (all.at(-1) === '') all.pop(); return all; } }));
  define('stdout', freeze({ write: (data) => host.writeBytes(1, toBuffer(data)) }));
  define('stderr', freeze({ write: (data) => host.writeBytes(2, toBuffer(data)) }));
  define('scratch', freeze({
    readFile: (path) => new Uint8Array(host.readFile(toText(path))),
    readText: (path) => host.decode(host.readFile(toText(path))),
    writeFile: (path, data) => host.writeFile(toText(path), toBuffer(data)),
    list: () => host.listFiles(),
    remove: (path) => host.removeFile(toText(path)),
  }));
  define('exit', (code) => host.exit(code === undefined ? 0 : Number(code)));
  define('performance', freeze({ now: () => host.now() }));
  define('crypto', freeze({
    getRandomValues: (array) => {
      if (!ArrayBuffer.isView(array) || array.byteLength > 65536) throw new TypeError('give a typed array of at most 65536 bytes');
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(new Uint8Array(host.random(array.byteLength)));
      return array;
    },
  }));
  define('TextEncoder', class TextEncoder { get encoding() { return 'utf-8'; } encode(text = '') { return new Uint8Array(host.encode(toText(text))); } });
  define('TextDecoder', class TextDecoder { get encoding() { return 'utf-8'; } decode(data) { return data === undefined ? '' : host.decode(toBuffer(data)); } });
  define('queueMicrotask', (callback) => { Promise.resolve().then(callback); });

  const timers = new Map();
  let lastTimer = 0;
  const schedule = (callback, ms, rest, every) => {
    if (typeof callback !== 'function') throw new TypeError('a timer needs a function');
    if (timers.size >= TIMERS_MAX) throw new RangeError('more than ' + TIMERS_MAX + ' timers');
    const wait = Math.max(every ? 1 : 0, Number(ms) || 0);
    const id = ++lastTimer;
    timers.set(id, { callback, rest, every: every ? wait : null });
    host.timer(id, wait);
    return id;
  };
  define('setTimeout', (callback, ms, ...rest) => schedule(callback, ms, rest, false));
  define('setInterval', (callback, ms, ...rest) => schedule(callback, ms, rest, true));
  const clear = (id) => { if (timers.delete(id)) host.clearTimer(id); };
  define('clearTimeout', clear);
  define('clearInterval', clear);
  const fire = (id) => {
    const timer = timers.get(id);
    if (timer === undefined) return;
    if (timer.every === null) timers.delete(id);
    else host.timer(id, timer.every);
    timer.callback(...timer.rest);
  };
  return { fire, describe };
})`;
