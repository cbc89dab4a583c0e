import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// The built app goes into the Python package; git leaves it out, the wheel and the source archive carry it.
export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: "../src/loopline/server/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    manifest: true,
  },
  // The Host that the page was opened with goes on to the server, which holds it against the Origin of writes.
  server: { proxy: { "/api": { target: process.env["LOOPLINE_SERVER"] ?? "http://127.0.0.1:8642", changeOrigin: false } } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
