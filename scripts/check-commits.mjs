// Every commit message follows Conventional Commits 1.0.0 and our own limits (CONTRIBUTING.md).
import { run } from './setup/command.mjs';
import { root } from './setup/project.mjs';

/** So that `git log --oneline` fits a terminal. */
const SUBJECT_CHARS_MAX = 72;
const SUBJECT =
  /^(build|chore|ci|docs|feat|fix|perf|refactor|revert|style|test)(\([a-z0-9-]+(, ?[a-z0-9-]+)*\))?!?: (.+)$/;

/**
 * @param {string} subject - first line of a commit message
 * @returns {string | null} what is wrong with it; null: nothing
 */
export function subjectProblem(subject) {
  const match = SUBJECT.exec(subject);
  if (match === null) return 'is not "type(scope): subject"';
  const text = match[4] ?? '';
  if (/^[A-Z][a-z]/.test(text)) return 'begins with a capital letter';
  if (text.endsWith('.')) return 'ends with a full stop';
  return subject.length >= SUBJECT_CHARS_MAX
    ? `has ${subject.length} characters: stay under ${SUBJECT_CHARS_MAX}`
    : null;
}

if (process.argv[1] === import.meta.filename) {
  const { stdout, code, stderr } = await run('git', ['log', '--no-merges', '--format=%h %s'], { cwd: root });
  if (code !== 0) throw new Error(`git log: ${stderr.trim()}`);
  const all = stdout.split('\n').filter((line) => line !== '');
  const problems = all.flatMap((line) => {
    const space = line.indexOf(' ');
    const problem = subjectProblem(line.slice(space + 1));
    return problem === null ? [] : [`${line.slice(0, space)} "${line.slice(space + 1)}" ${problem}`];
  });
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  if (problems.length === 0) process.stdout.write(`${all.length} commit messages are well formed.\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
