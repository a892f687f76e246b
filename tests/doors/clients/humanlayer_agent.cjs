// The same behind HumanLayer's TypeScript SDK, from npm.
const fs = require("node:fs");
const told = JSON.parse(process.argv[2]);
process.env.HUMANLAYER_API_BASE = `${told.url}/humanlayer/v1`;
process.env.HUMANLAYER_API_KEY = told.token;
const { humanlayer } = require(told.package);

async function main() {
  const layer = humanlayer({ verbose: false });
  const mail_send = async ({ to }) => {
    fs.appendFileSync(told.effects, "ran\n");
    return `sent to ${to}`;
  };
  const send = layer.requireApproval()(mail_send);
  const said = told.ask ? await layer.humanAsTool()({ message: "Which Zoe?" }) : await send({ to: "zoe@example.com" });
  process.stdout.write("\n" + JSON.stringify({ said }));
}
main();
