import { createLogBook, createSystemOutside } from '../../../main/base/index.ts';

// Logs to the terminal, and says on stdout that it lived to see the end.
const book = await createLogBook({ clock: createSystemOutside().clock }, { folder: null, level: 'info', stderr: true });
for (let i = 0; i < 20; i++) book.logger.info('Node started', { port: 9470, token: 'abc' });
await book.close();
process.stdout.write('still here\n');
