// A whole node from the sources whose validator votes for a block and against it at once: what a liar would build. Loaded before
// `main/cli.ts` with `--import`; everything else of it is as it is for everybody.
import { plantFault } from '../../sim/planting.ts';

plantFault({
  name: 'votes twice',
  what: 'every vote for a block is followed by one of the same round for none',
  file: 'main/kernel/consensus/replica/agreement.ts',
  find: '    else components.sendVote(signed);\n',
  replace: `    else {
      components.sendVote(signed);
      if (message.kind === 'vote' && message.content.block !== null) {
        const content = { ...message.content, block: null };
        components.sendVote({ ...content, validator: signer.id, signature: await signer.vote(content) });
      }
    }
`,
  level: 'replica',
  seedsMax: 1,
});
