/** Says in one line how many tests passed and failed, in the words of `cargo test`, for those who add them up. */

import type { Reporter, TestModule } from "vitest/node";

export default class Counts implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      let tests = 0;
      for (const test of module.children.allTests()) {
        count[test.result().state]++;
        tests++;
      }
      // A file that fails before its first test has none.
      if (module.state() === "failed" && tests === 0) count.failed++;
    }
    const failed = count.failed + count.pending;
    process.stdout.write(
      `test result: ${failed ? "FAILED" : "ok"}. ${count.passed} passed; ${failed} failed; ${count.skipped} ignored\n`,
    );
  }
}
