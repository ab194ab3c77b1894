#!/usr/bin/env bash
# Runs the tests of Agor's own data layer over guarded files, and compares with how they do over plain ones:
#   tests/agor/run.sh CHECKOUT [SCRATCH]
# CHECKOUT is a clone of Agor from before worktrees were called branches; nothing is written there. What is installed and
# copied goes to SCRATCH (default target/agor). Three passes: plain, guarded under System, guarded under a user.
# docs/agor.md says what came out.
set -euo pipefail
checkout=$(realpath "${1:?usage: tests/agor/run.sh CHECKOUT [SCRATCH]}")
cd "$(dirname "$0")/../.."
here=$PWD/tests/agor
mkdir -p "${2:-target/agor}"
scratch=$(realpath "${2:-target/agor}")

echo "== the extension and the command"
cargo extension
cargo build --features cli
export ACLITE_EXTENSION=$PWD/target/release/libaclite.so
aclite=$PWD/target/debug/aclite

echo "== Agor's data layer and what it needs"
rm -rf "$scratch/src" "$scratch/drizzle" "$scratch/files"
mkdir -p "$scratch/files"
cp -r "$checkout/packages/core/src" "$checkout/packages/core/drizzle" "$scratch/"
cp "$here/vitest.config.mjs" "$here/plain.test.mjs" "$scratch/"
cd "$scratch"
if [ ! -d node_modules/vitest ]; then
  echo '{"private":true,"type":"module"}' >package.json
  npm install --no-package-lock --no-audit --no-fund @libsql/client@0.15 drizzle-orm@0.44 uuid@13 bcryptjs@2 js-yaml@4 \
    simple-git@3 cron-parser@5 cronstrue@3 handlebars@4 vitest@4 typescript@5 @feathersjs/feathers@5 @feathersjs/errors@5
  # Every connection that the driver opens, and it opens many, loads the extension and says who acts.
  mv node_modules/libsql/index.js node_modules/libsql/unguarded.js
  # The query builder hides what SQLite said in the cause of its error, which the report leaves out.
  sed -i 's/super(`Failed query: /super(`${cause?.message}\nFailed query: /' node_modules/drizzle-orm/errors.js
fi
cp "$here/libsql.cjs" node_modules/libsql/index.js

echo "== a file that Agor's migrations made, adopted"
rm -f ./*.db*
AGOR_PLAIN=$scratch/plain.db npx vitest run --silent=true plain.test.mjs
settled() { sqlite3 "$1" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null; } # no log is left to be copied along
settled plain.db && cp plain.db empty.db
"$aclite" adopt empty.db
settled empty.db && cp empty.db people.db
sqlite3 people.db ".load $ACLITE_EXTENSION" ".read $here/people.sql"
settled people.db

pass() { # its name, who acts, what they say
  echo "== $1"
  rm -f files/*
  AGOR_FILES=$scratch/files AGOR_AS=$2 ACLITE_SIGN_IN=$3 \
    npx vitest run src/db --exclude '**/client.test.ts' --reporter=json --outputFile="$1.json" >"$1.log" 2>&1 || true
}
pass plain "" ""
pass system "" "SELECT acl_system('tests')"
pass user test-user "SELECT acl_login('test-user')"
node "$here/compare.cjs" "$scratch"
