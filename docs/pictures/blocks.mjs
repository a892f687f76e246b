// Block Kit to HTML: reads [{name, kind, blocks, title, submit, close}] on standard input, writes {name: html}.
// The first argument is the folder into which npm installed.
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const held = (path) => import(pathToFileURL(join(process.argv[2], "node_modules", path)).href);
const { Message } = await held("slack-blocks-to-jsx/dist/index.mjs");
const React = (await held("react/index.js")).default;
const { renderToStaticMarkup } = (await held("react-dom/server.node.js")).default;

const days = (seconds, format) => {
  const at = new Date(seconds * 1000);
  const day = at.toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
  const time = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
  return format.replace(/\{date[^}]*\}/, day).replace(/\{time[^}]*\}/, time);
};
const hooks = { date: ({ timestamp, format }) => days(Number(timestamp), format) };

let input = "";
for await (const chunk of process.stdin) input += chunk;
const drawn = {};
for (const scene of JSON.parse(input)) {
  for (const theme of ["light", "dark"]) {
    const part = (blocks) =>
      React.createElement(Message, {
        blocks, hooks, theme, name: "Assent", logo: "LOGO", withoutWrapper: scene.kind !== "message",
        time: new Date(scene.at * 1000),
      });
    drawn[`${scene.name}-${theme}`] = renderToStaticMarkup(part(scene.blocks));
  }
}
process.stdout.write(JSON.stringify(drawn));
