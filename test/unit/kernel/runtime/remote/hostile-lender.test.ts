import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobId } from '../../../../../main/base/index.ts';
import { jobProtocol, QUESTION_BYTES_MAX } from '../../../../../main/kernel/runtime/remote/constants.ts';
import {
  decodeJobQuestion,
  encodeJobAnswer,
  type JobAnswer,
  type JobQuestion,
} from '../../../../../main/kernel/runtime/remote/protocol.ts';
import { respond } from '../../../../../main/transport/stoq/index.ts';
import { jobSend } from '../../../../../preload/contract/index.ts';
import { createRemoteWorld, type RemoteNode, type RemoteWorld, sha256Of } from '../../../../support/remote-jobs.ts';

const spec = { kind: 'container', name: 'server', image: 'busybox:1', cpuPercent: 25 } as const;

let world: RemoteWorld;
let home: RemoteNode;
let far: RemoteNode;
beforeEach(async () => {
  world = createRemoteWorld();
  home = await world.node('home');
  far = await world.node('far');
  far.lends = { container: 4 };
});
afterEach(async () => {
  await world.stop();
});
/** From now on it answers what the test says. */
const lie = (answer: (question: JobQuestion) => JobAnswer): void => {
  world.net
    .node('far', far.peer.local)
    .handle(jobProtocol, (stream) =>
      respond(stream, { bytesMax: QUESTION_BYTES_MAX }, (bytes) =>
        Promise.resolve(encodeJobAnswer(answer(decodeJobQuestion(bytes)))),
      ),
    );
};

describe('a lender who asks for more than it was given', () => {
  it('gets no file of the owner that is none of the job', async () => {
    const secret = Buffer.from('of another job');
    home.content.files.set(sha256Of(secret), secret);
    const asked: string[] = [];
    lie(({ kind }) => {
      asked.push(kind);
      return kind === 'prepare' ? { kind: 'prepared', missing: [sha256Of(secret)] } : { kind: 'ok' };
    });
    const [view] = await world.clock.drive(home.jobs.send(jobSend.parse({ spec, to: 'far' })));
    const id = view!.id as JobId;
    let message = '';
    await world.clock.until(
      () => {
        void home.jobs.get(id).then((now) => {
          const end = now?.end ?? null;
          if (end?.why === 'lost') message = end.message;
        });
        return message !== '';
      },
      'the job is over',
      600_000,
    );
    expect(message).toContain('none of the job');
    expect(asked).toContain('prepare');
    expect(home.effects).not.toContain('before send');
    expect(far.content.files.size).toBe(0);
  });
});
