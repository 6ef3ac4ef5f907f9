// Changes that are gathered for one commit: kept in this browser, by environment, as the API spells them.
//
//   <form data-tray="ENVIRONMENT" hidden>   in the frame: shown with their number, leads to the page that reviews them
//   <form data-gathers="ENVIRONMENT">       a page that reviews changes: its [data-gather] puts them aside
//     data-gathered                         these are the gathered ones: one that is taken away there is taken away here

import { forget, wasSent } from "./draft.js";

const PREFIX = "yardarm.tray.";

const list = (environment) => {
  try {
    const found = JSON.parse(localStorage.getItem(PREFIX + environment));
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
};
const set = (environment, changes) =>
  changes.length ? localStorage.setItem(PREFIX + environment, JSON.stringify(changes)) : localStorage.removeItem(PREFIX + environment);

function show() {
  for (const form of document.querySelectorAll("form[data-tray]")) {
    const changes = list(form.dataset.tray);
    form.hidden = !changes.length;
    form.querySelector("[data-count]").textContent = changes.length;
    form.elements.changes.value = JSON.stringify(changes);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-gather]");
  if (!button) return;
  const form = button.closest("form");
  const environment = form.dataset.gathers;
  set(environment, [...list(environment), ...JSON.parse(form.elements.changes.value)]);
  forget(form.dataset.draft);
  forget(form.elements.from.value);
  form.removeAttribute("data-draft");
  location.assign(form.elements.next.value || "/ui/");
});

for (const form of document.querySelectorAll("form[data-gathered]")) set(form.dataset.gathers, JSON.parse(form.elements.changes.value));
const saved = wasSent && document.querySelector("[data-saved-tray]");
if (saved) set(saved.dataset.savedTray, []);
const empty = document.querySelector("[data-tray-here]");
if (empty?.dataset.trayHere === "none") set(document.body.dataset.environment, []);
show();
addEventListener("storage", show);
addEventListener("pageshow", show);
// The page of what is gathered, opened by its address.
if (empty?.dataset.trayHere === "look" && !localStorage.getItem(`yardarm.draft.${empty.dataset.draftFor}`)) {
  const form = document.querySelector("form[data-tray]");
  if (form && !form.hidden) form.submit();
}
