import { defineConfig } from "vitest/config";

// A server that runs already answers what the pages ask: AGENTOPS_URL=http://127.0.0.1:4318 npm run dev
const target = process.env.AGENTOPS_URL ?? "http://127.0.0.1:4318";
// The server takes changes from its own pages alone.
const proxy = { "/api": { target, changeOrigin: true, headers: { origin: target } } };

// Names are stable, without hashes: the server sends an ETag, and an upgrade never leaves an open page asking for a part
// that is gone.
export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    outDir: "../agentops-server/ui-dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        entryFileNames: "assets/[name].js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
  server: { proxy },
  preview: { proxy },
  test: {
    environment: "happy-dom",
    css: true,
    reporters: ["default", "./tests/reporter.ts"],
    include: ["src/**/*.test.{ts,tsx}", "tests/**/*.test.{ts,tsx}"],
  },
});
