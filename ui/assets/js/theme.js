// What a person has chosen, before anything is drawn. A script of its own, so that it may run at once.
(() => {
  const chosen = localStorage.getItem("yardarm.theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
  document.documentElement.classList.add("scripted");
})();
