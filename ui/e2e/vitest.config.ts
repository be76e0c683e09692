import { defineConfig } from "vitest/config";

// One file after another: each has a browser and a server, and some measure time.
export default defineConfig({
  test: {
    environment: "node",
    include: ["e2e/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 120_000,
    reporters: ["default", "./tests/reporter.ts"],
  },
});
