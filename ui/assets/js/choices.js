// Whoever types into what belongs to a choice has made it: a name for a branch is no wish to commit elsewhere.
document.addEventListener("input", ({ target }) => {
  if (!target.matches?.("input:not([type=radio], [type=checkbox]), textarea")) return;
  const choice = target.closest(".choice")?.querySelector("input[type=radio]");
  if (choice) choice.checked = true;
});
