/**
 * The real command, on a data directory of its own and a free port.
 *
 * Knows what the command prints and nothing of what is in it.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const ROOT = resolve(import.meta.dirname, "../..");
/** What a debug build says is the same, later; what is measured runs on a release build. */
const PROFILE = process.env["AGENTOPS_PROFILE"] ?? "debug";
const TARGET = resolve(ROOT, process.env["CARGO_TARGET_DIR"] ?? "target");
const BINARY = join(TARGET, PROFILE, "agentops");

/** Nothing of whoever runs the tests reaches the command. */
const environment = (home: string): NodeJS.ProcessEnv => ({
  PATH: process.env["PATH"],
  HOME: home,
  AGENTOPS_HOME: home,
});

export class Server {
  readonly home: string;
  /** What it printed first: the address of its pages, with the token. */
  entry = "";
  /** `http://127.0.0.1:PORT` */
  origin = "";
  /** What it has said, on both channels. */
  said = "";
  readonly #args: string[];
  #process: ChildProcess | null = null;

  private constructor(args: string[]) {
    this.#args = args;
    this.home = mkdtempSync(join(tmpdir(), "agentops-e2e-"));
  }

  /** Starts `serve`, or another command that serves. */
  static async start(args: string[] = ["serve"]): Promise<Server> {
    const server = new Server(args);
    await server.start("127.0.0.1:0");
    return server;
  }

  async start(address: string): Promise<void> {
    const child = spawn(BINARY, [...this.#args, "--addr", address], {
      env: environment(this.home),
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    child.stderr.on("data", (part) => (this.said += String(part)));
    const lines = createInterface({ input: child.stdout });
    this.entry = await new Promise<string>((found, failed) => {
      lines.on("line", (line) => {
        this.said += `${line}\n`;
        if (line.startsWith("http://")) found(line);
      });
      child.on("error", failed);
      child.on("exit", (code) => failed(new Error(`it ended with ${code}: ${this.said}`)));
    });
    this.origin = new URL(this.entry).origin;
  }

  get token(): string {
    return new URL(this.entry).searchParams.get("token") ?? "";
  }

  /** As a crash would. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** On the port it had. */
  async restart(): Promise<void> {
    const { host } = new URL(this.origin);
    await this.kill();
    await this.start(host);
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.home, { recursive: true, force: true });
  }

  /** Asks the API, as a program does. */
  async ask<T>(path: string): Promise<T> {
    const headers = { authorization: `Bearer ${this.token}` };
    const answer = await fetch(`${this.origin}/api/v1${path}`, { headers });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  /** Sends spans as OTLP JSON; all of them have to be taken. */
  async send(request: unknown): Promise<void> {
    const answer = await fetch(`${this.origin}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
    });
    const text = await answer.text();
    if (!answer.ok || text.includes("rejected")) throw new Error(`${answer.status}: ${text}`);
  }

  /** Reads a file in, beside the server; the session's id. */
  import(file: string): string {
    const done = spawnSync(BINARY, ["import", file], {
      env: environment(this.home),
      encoding: "utf8",
    });
    if (done.status !== 0) throw new Error(`import: ${done.stdout}${done.stderr}`);
    return done.stdout.trim();
  }
}
