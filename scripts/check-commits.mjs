// Every commit message follows Conventional Commits 1.0.0 and our own limits (CONTRIBUTING.md).
import { run } from './setup/command.mjs';
import { root } from './setup/project.mjs';

/** So that `git log --oneline` fits a terminal. Commits from before this check are not rewritten for it. */
const SUBJECT_CHARS_MAX = 72;
/** Commits that were longer when the check found them. History is not rewritten, so they stay listed; none is added. */
const LONGER = ['a67a9c4'];
const SUBJECT =
  /^(build|chore|ci|docs|feat|fix|perf|refactor|revert|style|test)(\([a-z0-9-]+(, ?[a-z0-9-]+)*\))?!?: (.+)$/;

/**
 * @param {string} subject - first line of a commit message
 * @param {{ checkLength: boolean }} options
 * @returns {string | null} what is wrong with it; null: nothing
 */
export function subjectProblem(subject, { checkLength }) {
  const match = SUBJECT.exec(subject);
  if (match === null) return 'is not "type(scope): subject"';
  const text = match[4] ?? '';
  if (/^[A-Z][a-z]/.test(text)) return 'begins with a capital letter';
  if (text.endsWith('.')) return 'ends with a full stop';
  return checkLength && subject.length >= SUBJECT_CHARS_MAX
    ? `has ${subject.length} characters: stay under ${SUBJECT_CHARS_MAX}`
    : null;
}

/** @param {readonly string[]} range */
async function subjects(range) {
  const { stdout, code, stderr } = await run('git', ['log', '--no-merges', '--format=%h %s', ...range], { cwd: root });
  if (code !== 0) throw new Error(`git log: ${stderr.trim()}`);
  return stdout.split('\n').filter((line) => line !== '');
}

if (process.argv[1] === import.meta.filename) {
  const added = (
    await run('git', ['log', '--diff-filter=A', '--format=%H', '--', 'scripts/check-commits.mjs'], { cwd: root })
  ).stdout
    .trim()
    .split('\n')
    .at(-1);
  const since = new Set(await subjects(added ? [`${added}..HEAD`] : []));
  const all = await subjects([]);
  const problems = all.flatMap((line) => {
    const space = line.indexOf(' ');
    const problem = subjectProblem(line.slice(space + 1), {
      checkLength: since.has(line) && !LONGER.includes(line.slice(0, 7)),
    });
    return problem === null ? [] : [`${line.slice(0, space)} "${line.slice(space + 1)}" ${problem}`];
  });
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  if (problems.length === 0) process.stdout.write(`${all.length} commit messages are well formed.\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
