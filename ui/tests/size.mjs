// Fails where what a page loads first, or all scripts together, weigh more than they may.
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";

const dist = new URL("../../agentops-server/ui-dist/", import.meta.url);
const weigh = (path) => gzipSync(readFileSync(new URL(path, dist)), { level: 9 }).length;
const page = readFileSync(new URL("index.html", dist), "utf8");
const first = [...page.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map((found) => found[1]);
const all = readdirSync(new URL("assets/", dist)).filter((name) => name.endsWith(".js"));
const sum = (paths) => paths.reduce((total, path) => total + weigh(path), 0);

const checks = [
  ["first", sum(first), 60_000],
  ["all", sum(all.map((name) => `assets/${name}`)), 150_000],
];
for (const [what, bytes, most] of checks) {
  process.stdout.write(`${what}: ${bytes} bytes of JavaScript, compressed; at most ${most}\n`);
  if (bytes === 0 || bytes > most) process.exitCode = 1;
}
