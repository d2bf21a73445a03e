import type { Command } from 'commander';

export const shells = ['bash', 'zsh', 'fish'] as const;

interface Node {
  /** Words so far, such as `share set`. */
  path: string;
  words: { name: string; about: string }[];
}

/** Every command with the words that may follow it. */
const walk = (command: Command, path: string): Node[] => {
  const children = command.commands.map((child) => ({ name: child.name(), about: child.description() }));
  const flags = command.options
    .filter(({ hidden, long }) => !hidden && long != null)
    .map(({ long, description }) => ({ name: long ?? '', about: description }));
  return [
    {
      path,
      words: [
        ...children,
        ...flags,
        { name: '--json', about: 'JSON output' },
        { name: '--help', about: 'help' },
      ].filter((word, index, all) => all.findIndex(({ name }) => name === word.name) === index),
    },
    ...command.commands.flatMap((child) => walk(child, path === '' ? child.name() : `${path} ${child.name()}`)),
  ];
};

const quoted = (text: string): string => text.replaceAll("'", '’').replaceAll(/[`$\\:[\]]/g, ' ');

/** A script that completes from a fixed table, so that pressing Tab starts no program. */
export const completionScript = (program: Command, shell: (typeof shells)[number]): string => {
  const nodes = walk(program, '');
  if (shell === 'bash')
    return `# bash completion for hypermesh
_hypermesh() {
  local path="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] && continue
    case "\${path:+$path }$word" in
      ${nodes
        .filter(({ path }) => path !== '')
        .map(({ path }) => `'${path}'`)
        .join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  local words=""
  case "$path" in
${nodes.map(({ path, words }) => `    '${path}') words='${words.map(({ name }) => name).join(' ')}' ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _hypermesh hypermesh
`;
  if (shell === 'zsh')
    return `#compdef hypermesh
# zsh completion for hypermesh
_hypermesh() {
  local path_words="" word
  for word in "\${words[@]:1:CURRENT-2}"; do
    [[ $word == -* ]] && continue
    case "\${path_words:+$path_words }$word" in
      ${nodes
        .filter(({ path }) => path !== '')
        .map(({ path }) => `'${path}'`)
        .join('|')}) path_words="\${path_words:+$path_words }$word" ;;
    esac
  done
  local -a choices
  case "$path_words" in
${nodes.map(({ path, words }) => `    '${path}') choices=(${words.map(({ name, about }) => `'${name}:${quoted(about)}'`).join(' ')}) ;;`).join('\n')}
  esac
  _describe 'hypermesh' choices
  _files
}
compdef _hypermesh hypermesh
`;
  return `# fish completion for hypermesh
function __hypermesh_at
  set -l path
  for word in (commandline -opc)[2..-1]
    string match -q -- '-*' $word; and continue
    contains -- (string join ' ' $path $word) ${nodes
      .filter(({ path }) => path !== '')
      .map(({ path }) => `'${path}'`)
      .join(' ')}; and set path $path $word
  end
  test (string join ' ' $path) = "$argv[1]"
end
${nodes
  .flatMap(({ path, words }) =>
    words.map(
      ({ name, about }) =>
        `complete -c hypermesh -n "__hypermesh_at '${path}'" ${name.startsWith('--') ? `-l ${name.slice(2)}` : `-f -a ${name}`} -d '${quoted(about)}'`,
    ),
  )
  .join('\n')}
`;
};
