import { readFileSync } from "node:fs";
import { defineConfig } from "vite";

// The page is one file that travels alone, so the licence of what it contains travels inside it.
const licence = readFileSync(new URL("node_modules/uplot/LICENSE", import.meta.url), "utf8").trim();

export default defineConfig({
  build: {
    outDir: "../python/tenantry/report/static",
    emptyOutDir: true,
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    reportCompressedSize: false,
    lib: { entry: "src/main.ts", formats: ["iife"], name: "tenantryReport", fileName: () => "report.js", cssFileName: "report" },
    rolldownOptions: { output: { postBanner: `/*! Contains uPlot 1.6.32. ${licence} */` } },
  },
});
