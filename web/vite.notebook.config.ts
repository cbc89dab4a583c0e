import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// The app for a notebook cell: one script and one style, which the widget's glue asks for over its messages.
// Two builds, since each must be one file: with `--mode widget` the glue, else the app.
export default defineConfig(({ mode }) => ({
  plugins: [svelte({ compilerOptions: { css: "external" } })],
  publicDir: false,
  define: { "process.env.NODE_ENV": JSON.stringify("production") },
  build: {
    outDir: "../src/loopline/server/static/notebook",
    emptyOutDir: mode !== "widget",
    target: "es2022",
    assetsInlineLimit: 1_000_000,
    cssCodeSplit: false,
    reportCompressedSize: false,
    lib: { entry: `src/notebook/${mode === "widget" ? "widget" : "app"}.ts`, formats: ["es"], fileName: () => (mode === "widget" ? "widget.js" : "app.js"), cssFileName: "app" },
    rolldownOptions: { output: { codeSplitting: false } },
  },
}));
