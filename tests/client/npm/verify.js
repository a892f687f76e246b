// Holds every vector against npm's `standardwebhooks`: prints a line of JSON, name → does it hold.
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const [folder, file] = process.argv.slice(2);
const { Webhook } = createRequire(`${folder}/`)("standardwebhooks");
const { now, secrets, vectors } = JSON.parse(readFileSync(file, "utf8"));
const Clock = Date;
globalThis.Date = class extends Clock {
  constructor(...given) {
    super(...(given.length ? given : [now * 1000]));
  }
  static now() {
    return now * 1000;
  }
};
const verdicts = {};
for (const { name, headers, body } of vectors) {
  try {
    new Webhook(secrets[0]).verify(body, Object.fromEntries(headers));
    verdicts[name] = true;
  } catch {
    verdicts[name] = false;
  }
}
console.log(JSON.stringify(verdicts));
