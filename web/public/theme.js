// Runs before the first paint, so that a light page never flashes dark. The rest of the theme is in shell/theme.svelte.ts.
(function () {
  var chosen = "dark";
  try {
    chosen = (JSON.parse(localStorage.getItem("loopline") || "{}") || {}).theme || "dark";
  } catch (_) {}
  var light = chosen === "light" || (chosen === "system" && matchMedia("(prefers-color-scheme: light)").matches);
  document.documentElement.dataset.theme = light ? "light" : "dark";
})();
