// Makes the file that Agor's own migrations leave, at AGOR_PLAIN.
import { test } from 'vitest';
import { createDatabaseAsync } from './src/db/client';
import { initializeDatabase } from './src/db/migrate';

test('the migrations run', async () => {
  const db = await createDatabaseAsync({ url: `file:${process.env.AGOR_PLAIN}` });
  await initializeDatabase(db);
  db.$client.close();
});
