// How Agor's tests run over a file instead of `:memory:`, and under a user whose daemon names them as creator.
import { defineConfig } from 'vitest/config';

const here = import.meta.dirname;
const { ACLITE_SIGN_IN, AGOR_AS, AGOR_FILES } = process.env;

// Each test gets a copy of the adopted file; those about users one without any.
const open = (id) => {
  const template = id.includes('user-utils') ? 'empty' : 'people';
  return `createDatabase({ url: (() => {
    const path = ${JSON.stringify(AGOR_FILES)} + '/${template}-' + crypto.randomUUID() + '.db';
    process.getBuiltinModule('node:fs').copyFileSync(${JSON.stringify(here)} + '/${template}.db', path);
    return 'file:' + path;
  })() })`;
};

export default defineConfig({
  resolve: {
    alias: [{ find: /^@agor\/core\/(.*)$/, replacement: `${here}/src/$1` }, { find: /^@agor\/core$/, replacement: `${here}/src` }],
  },
  plugins: [
    {
      name: 'guarded',
      enforce: 'pre', // before anything rewrites quotes
      transform(code, id) {
        if (!ACLITE_SIGN_IN || !id.includes('/src/db/')) return undefined;
        let text = code.replaceAll("createDatabase({ url: ':memory:' })", open(id));
        // The daemon's hooks name the acting user where repositories and tests name nobody.
        if (!AGOR_AS) return text;
        for (const nobody of ["created_by ?? 'anonymous'", "created_by: 'anonymous'", 'created_by ?? (generateId() as UUID)']) {
          text = text.replaceAll(nobody, nobody.replace(/'anonymous'|generateId\(\)/, `'${AGOR_AS}'`));
        }
        return text;
      },
    },
  ],
  test: { globals: true, environment: 'node', testTimeout: 60000, maxWorkers: 2 },
});
