import { parseSync } from '@swc/core';

/** One thing that a file must not hold, and what belongs there instead. */
export interface Untidiness {
  line: number;
  problem: string;
}

/**
 * What a layer must not reach for by itself, and what it is handed instead (CONTRIBUTING.md). setImmediate is not among it: it lets
 * others run and tells no time.
 */
const REPLACEMENTS: Readonly<Record<string, string>> = {
  'Date.now': 'use clock.nowMs() of Outside',
  'new Date': 'use new Date(clock.nowMs())',
  'performance.now': 'use clock.monotonicMs() of Outside',
  setTimeout: 'use clock.sleep() of Outside',
  setInterval: 'use clock.sleep() of Outside in a loop',
  'Math.random': 'use random of Outside',
  'crypto.randomBytes': 'use random.bytes() of Outside',
  'crypto.randomUUID': 'use random of Outside',
  'crypto.randomInt': 'use random.below() of Outside',
  'crypto.getRandomValues': 'use random.bytes() of Outside',
  'process.hrtime': 'use clock.monotonicMs() of Outside',
  'process.env': 'settings come in the init object; only entries read the environment',
  fetch: 'take a client in the components object',
  console: 'use the Logger that the module is handed',
};

/** Names that bring the same in by an import. */
const IMPORTS: Readonly<Record<string, readonly string[]>> = {
  crypto: ['randomBytes', 'randomUUID', 'randomInt', 'randomFillSync', 'randomFill', 'getRandomValues'],
  timers: ['setTimeout', 'setInterval'],
  'timers/promises': ['setTimeout', 'setInterval'],
  perf_hooks: ['performance'],
  process: ['env', 'hrtime'],
};

/**
 * Files of main/ that are the outside world, or run in a process or thread of their own where nothing can be handed in: the entries,
 * the implementations of Outside, and the other ends of workers and job hosts.
 */
const MEETS_THE_WORLD =
  /^main\/([^/]+\.ts$|base\/(outside\/|system-outside\.ts$)|kernel\/runtime\/host\/|(.+\/)?[a-z-]*worker\.ts$)/;

/** Built up, so that this very file does not hold them. */
const UNFINISHED = new RegExp(
  `\\b(${['TO', 'FIX', 'X', 'HA'].map((start, index) => start + ['DO', 'ME', 'XX', 'CK'][index]).join('|')})\\b`,
);
const FOCUSED = /\b(it|test|describe|suite)\.only\(/;

const KEBAB_FILE = /^\.?[a-z0-9]+([-.][a-z0-9]+)*\.[a-z]+$/;

/**
 * Everything in one source file that our rules forbid and that no other check of ours sees. Pure.
 *
 * @param path - relative to the repository, with forward slashes
 * @param text - its content
 */
export const findUntidy = (path: string, text: string): Untidiness[] => {
  const found: Untidiness[] = [];
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (!KEBAB_FILE.test(name)) found.push({ line: 1, problem: `"${name}" is not kebab-case` });
  if (/^(utils?|helpers?|misc|common-utils)\.(ts|tsx|mjs)$/.test(name))
    found.push({ line: 1, problem: `"${name}" says nothing: name the thing in it` });
  text.split('\n').forEach((line, index) => {
    if (UNFINISHED.test(line))
      found.push({ line: index + 1, problem: 'a note that something is unfinished: finish it, or write an issue' });
    if (path.startsWith('test/') && FOCUSED.test(line))
      found.push({ line: index + 1, problem: 'a focused test keeps all others from running' });
  });
  if (/^main\/.+\.ts$/.test(path) && !MEETS_THE_WORLD.test(path)) found.push(...forbiddenUses(text));
  return found;
};

type Node = Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);
const identifier = (value: unknown): string | null =>
  isNode(value) && value['type'] === 'Identifier' && typeof value['value'] === 'string' ? value['value'] : null;

/** Keys of the syntax tree under which an identifier is only a name and reads nothing. */
const NAMES_ONLY: ReadonlySet<string> = new Set([
  'key',
  'property',
  'label',
  'id',
  'local',
  'imported',
  'exported',
  'orig',
  'typeName',
  'typeAnnotation',
  'typeArguments',
  'typeParams',
  'params',
  'left',
  'pattern',
  'pat',
]);

/** Uses of time, chance and the world, by the syntax tree, so that comments, texts and methods of the same name do not count. */
const forbiddenUses = (text: string): Untidiness[] => {
  const found: Untidiness[] = [];
  const tree = parseSync(text, { syntax: 'typescript', target: 'es2024' });
  const bytes = Buffer.from(text);
  // Positions of this parser count bytes and go on from file to file; the tree's own beginning is where this file begins, past the
  // comments and blank lines before its first statement.
  const firstCode = firstStatementOffset(text);
  const add = (node: Node, use: string, replacement: string): void => {
    const { start } = node['span'] as { start: number };
    const offset = start - tree.span.start + firstCode;
    found.push({ line: bytes.subarray(0, offset).toString().split('\n').length, problem: `${use}: ${replacement}` });
  };
  const visit = (value: unknown, under: string, span: Node): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item, under, span);
      return;
    }
    if (!isNode(value)) return;
    const node = value;
    const place = isNode(node['span']) ? node : span;
    const type = node['type'];
    if (type === 'ImportDeclaration') {
      const source = ((node['source'] as Node)['value'] as string).replace(/^node:/, '');
      for (const specifier of node['specifiers'] as Node[]) {
        const imported = identifier(specifier['imported']) ?? identifier(specifier['local']);
        if (imported !== null && node['typeOnly'] !== true && IMPORTS[source]?.includes(imported) === true)
          add(place, `${imported} of ${source}`, 'use Outside');
      }
      return;
    }
    if (type === 'MemberExpression') {
      const object = identifier(node['object']);
      const property = identifier(node['property']);
      const use = object === 'globalThis' && property !== null ? property : `${object}.${property}`;
      const replacement = own(REPLACEMENTS, use);
      if (replacement !== null) add(place, use, replacement);
    }
    if (
      type === 'NewExpression' &&
      identifier(node['callee']) === 'Date' &&
      (node['arguments'] as unknown[] | null | undefined)?.length === 0
    ) {
      add(place, 'new Date()', REPLACEMENTS['new Date'] ?? '');
    }
    const used = identifier(node);
    if (used !== null && !NAMES_ONLY.has(under)) {
      const replacement = own(REPLACEMENTS, used);
      if (replacement !== null) add(place, used, replacement);
    }
    for (const [key, child] of Object.entries(node)) if (key !== 'span') visit(child, key, place);
  };
  visit(tree.body, 'body', tree as unknown as Node);
  return found;
};

const own = (record: Readonly<Record<string, string>>, key: string): string | null =>
  Object.hasOwn(record, key) ? (record[key] ?? null) : null;

/** Bytes before the first statement: blank space and comments, which the tree leaves out. */
const firstStatementOffset = (text: string): number => {
  const before = /^(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/|#![^\n]*)*/.exec(text)?.[0] ?? '';
  return Buffer.byteLength(before);
};
