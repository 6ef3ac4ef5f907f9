// What a person has chosen, before anything is drawn: a script of its own, so that it may run at once.
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  root.dataset.configured = root.dataset.theme;
  // A browser that keeps nothing for us throws.
  try {
    const chosen = localStorage.getItem("yardarm.theme");
    if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  } catch { /* As the configuration says. */ }
})();
