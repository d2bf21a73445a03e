// The layer rule over the sources, where it must hold, and over test/fixtures/layers/, where every single rule must be seen to fail.
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { outputTail, run } from './setup/command.mjs';
import { pinnedNode, root } from './setup/project.mjs';

const configPath = join(root, '.dependency-cruiser.cjs');
const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');

/**
 * @typedef {{ rule: { name: string }, from: string, to: string, cycle?: Array<{ name: string }> }} Violation
 */

/**
 * @param {string} folder - what the rules' paths are relative to
 * @returns {Promise<{ modules: number, violations: Violation[] }>}
 */
async function cruise(folder) {
  const result = await run(
    pinnedNode(),
    [cruiser, 'main', 'preload', 'renderer', '--config', configPath, '--output-type', 'json'],
    { cwd: folder },
  );
  try {
    const { summary } = JSON.parse(result.stdout);
    return { modules: summary.totalCruised, violations: summary.violations };
  } catch {
    throw new Error(`dependency-cruiser gave no result:\n${outputTail(result)}`);
  }
}

/** @param {Violation} violation */
function describe({ rule, from, to, cycle }) {
  return `${rule.name}: ${from} → ${cycle ? cycle.map(({ name }) => name).join(' → ') : to}`;
}

const problems = [];
/** @type {Array<{ name: string }>} */
const rules = createRequire(import.meta.url)(configPath).forbidden;

const sources = await cruise(root);
// With a parser that cannot read TypeScript the cruiser reads nothing and is content.
if (sources.modules === 0) problems.push('No file of main/, preload/ or renderer/ was read: the check checks nothing.');
problems.push(...sources.violations.map(describe));

// The rules see imports; a folder that nobody imports yet is seen here.
const layers = rules.flatMap(({ name }) => /^([a-z]+)-imports-down-only$/.exec(name)?.[1] ?? []);
for (const entry of readdirSync(join(root, 'main'), { withFileTypes: true })) {
  if (entry.isDirectory() && !layers.includes(entry.name))
    problems.push(`every-folder-has-a-layer: main/${entry.name}/ is not in the order of .dependency-cruiser.cjs`);
}

const fixture = await cruise(join(root, 'test/fixtures/layers'));
const fired = new Set(fixture.violations.map(({ rule }) => rule.name));
for (const { name } of rules)
  if (!fired.has(name)) problems.push(`The rule ${name} was not seen to fail in test/fixtures/layers/.`);
for (const violation of fixture.violations) {
  if (violation.from.endsWith('/allowed.ts'))
    problems.push(`Forbidden although it is right, in test/fixtures/layers/: ${describe(violation)}`);
}

for (const problem of problems) process.stderr.write(`${problem}\n`);
if (problems.length === 0)
  process.stdout.write(
    `${sources.modules} files keep ${rules.length} rules, each of which was seen to fail in its fixture.\n`,
  );
process.exitCode = problems.length === 0 ? 0 : 1;
