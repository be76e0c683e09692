/** Says in one line how many tests passed and failed, in the words of `cargo test`, for those who add them up. */

import type { Reporter, TestModule } from "vitest/node";

export default class Counts implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      const before = count.failed;
      for (const test of module.children.allTests()) count[test.result().state]++;
      // A file can fail without a test of it that does.
      if (module.state() === "failed" && count.failed === before) count.failed++;
    }
    const failed = count.failed + count.pending;
    process.stdout.write(
      `test result: ${failed ? "FAILED" : "ok"}. ${count.passed} passed; ${failed} failed; ${count.skipped} ignored\n`,
    );
  }
}
