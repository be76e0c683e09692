import { defineConfig } from "vitest/config";

// One file after another: each has a browser and a server, and some measure time.
export default defineConfig({
  test: {
    environment: "node",
    include: ["e2e/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 120_000,
    // A browser on a machine that does other things is late now and then; what is wrong is wrong twice.
    retry: 1,
    reporters: ["default", "./tests/reporter.ts"],
  },
});
