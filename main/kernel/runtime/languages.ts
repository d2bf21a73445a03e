import type { JobKind, LanguageView } from '../../../preload/contract/index.ts';

interface Language {
  language: string;
  kind: JobKind;
  image: string;
  command: readonly string[];
  extensions: readonly string[];
}
/** Images are official ones of their projects, named by version, so that a job finds next year what it finds today. */
const LANGUAGES: readonly Language[] = [
  { language: 'WebAssembly', kind: 'wasm', image: '', command: [], extensions: ['.wasm'] },
  { language: 'JavaScript', kind: 'javascript', image: '', command: [], extensions: ['.js', '.mjs'] },
  { language: 'Python', kind: 'python', image: '', command: [], extensions: ['.py'] },
  {
    language: 'Python with packages',
    kind: 'container',
    image: 'python:3.13-slim',
    command: ['python3'],
    extensions: ['.py'],
  },
  {
    language: 'JavaScript on Node',
    kind: 'container',
    image: 'node:24-slim',
    command: ['node'],
    extensions: ['.js', '.mjs', '.cjs'],
  },
  { language: 'Julia', kind: 'container', image: 'julia:1.12', command: ['julia'], extensions: ['.jl'] },
  { language: 'R', kind: 'container', image: 'r-base:4.5.1', command: ['Rscript'], extensions: ['.R', '.r'] },
  // Compiled first, into /tmp, where programs may be run.
  {
    language: 'Rust',
    kind: 'container',
    image: 'rust:1.90-slim',
    command: ['sh', '-c', 'rustc -O -o /tmp/program "$0" && exec /tmp/program "$@"'],
    extensions: ['.rs'],
  },
  {
    language: 'C',
    kind: 'container',
    image: 'gcc:15',
    command: ['sh', '-c', 'cc -O2 -o /tmp/program "$0" -lm && exec /tmp/program "$@"'],
    extensions: ['.c'],
  },
  {
    language: 'C++',
    kind: 'container',
    image: 'gcc:15',
    command: ['sh', '-c', 'c++ -O2 -o /tmp/program "$0" && exec /tmp/program "$@"'],
    extensions: ['.cc', '.cpp', '.cxx'],
  },
];

/** What runs each language here. @param ready - of a kind, by its driver */
export const languageViews = (ready: (kind: JobKind) => { ok: boolean; sentence: string }): LanguageView[] =>
  LANGUAGES.map(({ language, kind, image, command, extensions }) => {
    const found = ready(kind);
    return {
      language,
      kind,
      image,
      command: [...command],
      extensions: [...extensions],
      ready: found.ok,
      sentence: found.ok && image !== '' ? `The image ${image} is fetched when it is first needed.` : found.sentence,
    };
  });
