import { Argument, type Command, Option } from 'commander';
import { z } from 'zod';
import { type Call, type CallDefinition, type RequestInputOf, calls } from '../../../preload/contract/index.ts';
import { CliError } from './errors.ts';
import type { Session } from './session.ts';

const kebab = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

interface Field {
  name: string;
  kind: 'boolean' | 'number' | 'text';
  required: boolean;
  description: string;
}

const kindOf = (type: string | undefined): Field['kind'] =>
  type === 'boolean' ? 'boolean' : type === 'integer' || type === 'number' ? 'number' : 'text';

/** The fields of a request as JSON Schema sees them: enough to make flags of flat requests. */
const fieldsOf = (call: CallDefinition): Field[] => {
  const schema = z.toJSONSchema(call.request, { io: 'input', unrepresentable: 'any' }) as {
    properties?: Record<string, { type?: string; anyOf?: { type?: string }[]; description?: string }>;
    required?: string[];
  };
  return Object.entries(schema.properties ?? {}).map(([name, { type, anyOf, description = '' }]) => ({
    name,
    // Of several types the first is what the others stand for: null for nothing, text where a query has no other.
    kind: kindOf(type ?? anyOf?.[0]?.type),
    required: schema.required?.includes(name) ?? false,
    description: description || kebab(name).replaceAll('-', ' '),
  }));
};

export const parseNumber = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value))
    throw new CliError({ code: 'USAGE' }, `"${text.slice(0, 40)}" is not a number; see --help.`);
  return value;
};

/** `--help` of a command ends with whole command lines. */
export const withExamples = (command: Command, examples: readonly string[]): Command =>
  command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ ${line}\n`).join('')}`);

/** The command for some words below `parent`, made where it is not there yet. */
export const commandAt = (parent: Command, words: string): Command => {
  let at = parent;
  for (const word of words.split(' ')) at = at.commands.find((each) => each.name() === word) ?? at.command(word);
  return at;
};

/** Calls with flat requests become commands by themselves: fields by position or as flags, the answer as its view. */
export const addDerivedCommand = (program: Command, session: Session, name: Call): void => {
  const call: CallDefinition = calls[name];
  if (call.cli === undefined) return;
  const command = withExamples(commandAt(program, call.cli.command).description(call.summary), call.cli.examples);
  const positionals = call.cli.positionals ?? [];
  const fields = new Map(fieldsOf(call).map((field) => [field.name, field]));
  for (const positional of positionals) {
    const field = fields.get(positional);
    const shown = field?.required === false ? `[${positional}]` : `<${positional}>`;
    command.addArgument(new Argument(shown, field?.description ?? ''));
  }
  for (const field of fields.values()) {
    if (positionals.includes(field.name)) continue;
    const flag = new Option(
      field.kind === 'boolean' ? `--${kebab(field.name)}` : `--${kebab(field.name)} <${field.kind}>`,
      field.description,
    );
    if (field.kind === 'number') flag.argParser(parseNumber);
    command.addOption(flag.makeOptionMandatory(field.required && field.kind !== 'boolean'));
  }
  command.action(async (...args: unknown[]) => {
    const flags = command.opts();
    // Without `--json` and `--data`, which every command has.
    const given: Record<string, unknown> = Object.fromEntries(
      Object.entries(flags).filter(([flag]) => fields.has(flag)),
    );
    for (const [index, positional] of positionals.entries()) {
      // Commander hands over texts, and undefined for what was left out.
      const text = args[index] as string | undefined;
      if (text === undefined) continue;
      given[positional] = fields.get(positional)?.kind === 'number' ? parseNumber(text) : text;
    }
    session.show(name, await session.call(name, given as RequestInputOf<typeof name>));
  });
};
