import { createSatchelBench } from '../satchel.ts';

// Creates an identity (`create`), or seals the one that is there again and again (`seal`), until it is killed. Prints a line
// when something is acknowledged, as the node would answer. Arguments: folder, what to do, present passphrase, and a name for the new ones.
const [folder, what, passphrase, name] = process.argv.slice(2);
const bench = await createSatchelBench(folder);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

if (what === 'create') {
  const identity = await bench.open();
  const { draftId, words, ask } = await identity.begin();
  say('begun');
  await identity.confirm({
    draftId,
    words: ask.map((place) => words[place - 1] ?? ''),
    sealing: { kind: 'passphrase', passphrase: passphrase! },
  });
  say('created');
} else {
  const identity = await bench.open({ passphrase: passphrase! });
  let present = passphrase!;
  for (let n = 1; ; n++) {
    const next = `passphrase ${name} ${n}`;
    say(`sealing ${next}`);
    await identity.seal({ passphrase: present, sealing: { kind: 'passphrase', passphrase: next } });
    present = next;
    say(`sealed ${next}`);
  }
}
setInterval(() => undefined, 1000);
