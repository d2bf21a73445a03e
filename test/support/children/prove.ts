import { openTestNode } from '../../unit/api/real-node.ts';
import { smallProving } from '../small-proofs.ts';

// A node that proves until it is killed, and says what it has stored. Argument: the data folder. The first run creates the
// identity; all use this passphrase.
const PASSPHRASE = 'a passphrase of a test';
const [folder] = process.argv.slice(2) as [string];
const caller = { face: 'window' } as const;
const { node } = await openTestNode({ folder, proving: smallProving });
const { dispatcher } = node;
dispatcher.subscribe('block', ({ height }) => console.log(`block ${height}`));
dispatcher.subscribe('prover', ({ status, current }) => console.log(`${status} ${current?.step ?? ''}`));

const view = await dispatcher.call('identity:get', {}, caller);
if (view.ok && view.value.status === 'none') {
  const draft = await dispatcher.call('identity:begin', {}, caller);
  if (!draft.ok) throw new Error(draft.error.message);
  const { draftId, words, ask } = draft.value;
  const sealing = { kind: 'passphrase', passphrase: PASSPHRASE } as const;
  const made = await dispatcher.call(
    'identity:confirm',
    { draftId, words: ask.map((place) => words[place - 1] as string), sealing },
    caller,
  );
  if (!made.ok) throw new Error(made.error.message);
} else {
  const unlocked = await dispatcher.call('identity:unlock', { passphrase: PASSPHRASE }, caller);
  if (!unlocked.ok) throw new Error(unlocked.error.message);
}
console.log('unlocked');
