// Says how many of the tests that pass over plain files pass over guarded ones, and what refused the others.
"use strict";
const path = require("node:path");

const results = (pass) =>
  require(path.join(process.argv[2], `${pass}.json`)).testResults.flatMap((file) =>
    file.assertionResults.map((test) => ({
      name: `${path.basename(file.name)}: ${test.fullName}`,
      passed: test.status === "passed",
      said: (test.failureMessages ?? []).join(" "),
    })),
  );

const plain = new Set(results("plain").filter((test) => test.passed).map((test) => test.name));
console.log(`plain: ${plain.size} tests pass`);
for (const pass of ["system", "user"]) {
  const counted = results(pass).filter((test) => plain.has(test.name));
  const failed = counted.filter((test) => !test.passed);
  console.log(`\n${pass}: ${counted.length - failed.length} of them pass`);
  const why = new Map();
  for (const test of failed) why.set(reason(test), [...(why.get(reason(test)) ?? []), test]);
  for (const [refusal, tests] of [...why].sort((one, other) => other[1].length - one[1].length)) {
    console.log(`  ${tests.length} ${refusal}`);
    for (const test of tests) console.log(`      ${test.name}`);
  }
}

// The refusal, where there is one, without what differs from run to run.
function reason(test) {
  const said = /aclite: [^\n]*/.exec(test.said)?.[0] ?? test.said.split("\n", 1)[0];
  return said.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "ID").replace(/\d{13}/g, "TIME").slice(0, 160);
}
