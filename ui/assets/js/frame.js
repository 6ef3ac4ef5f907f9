// What the frame does beside being there: menus that close, the theme, the line while something is fetched, links that
// open a dialog. A page that was replaced (htmx) needs nothing of it again: everything listens on the document.

const root = document.documentElement;

// Menus: one at a time (their `name` sees to it), closed by Escape, by a click elsewhere, and by leaving with the keyboard.
const menus = () => document.querySelectorAll("details.menu[open]");
document.addEventListener("click", (event) => {
  for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details.menu");
  if (!menu?.open) return;
  if (event.key === "Escape") {
    menu.open = false;
    menu.querySelector("summary").focus();
    event.stopPropagation();
    return;
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const items = [...menu.querySelectorAll("summary, .over :is(a, button, input)")].filter((item) => item.checkVisibility());
  items.at((items.indexOf(document.activeElement) + step) % items.length)?.focus();
  event.preventDefault();
});
document.addEventListener("focusout", (event) => {
  const menu = event.target.closest?.("details.menu[open]");
  if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
});
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details.menu[open]")) {
    event.target.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
    (event.target.querySelector("[data-narrows]") ?? event.target.querySelector("[aria-current]"))?.focus();
  }
}, true);
document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-narrows]")) return;
  const wanted = event.target.value.trim().toLowerCase();
  for (const item of event.target.parentElement.querySelectorAll("li")) {
    item.hidden = !item.textContent.toLowerCase().includes(wanted);
  }
});

// Light or dark.
function theme(chosen) {
  if (chosen) root.dataset.theme = chosen;
  else root.dataset.theme = root.dataset.configured ?? "system";
  mark();
}
function kept() {
  try { return localStorage.getItem("yardarm.theme") ?? ""; } catch { return ""; }
}
function mark() {
  for (const button of document.querySelectorAll("[data-theme-to]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeTo === kept()));
  }
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-to]");
  if (!button) return;
  const chosen = button.dataset.themeTo;
  try {
    if (chosen) localStorage.setItem("yardarm.theme", chosen);
    else localStorage.removeItem("yardarm.theme");
  } catch { /* For this page alone. */ }
  theme(chosen);
});
addEventListener("storage", (event) => { if (event.key === "yardarm.theme") theme(event.newValue ?? ""); });
mark();

// Dialogs.
export function show(name) {
  const dialog = document.getElementById(name);
  if (!dialog || dialog.open) return;
  for (const other of document.querySelectorAll("dialog[open]")) other.close();
  for (const menu of menus()) menu.open = false;
  dialog.showModal();
  dialog.dispatchEvent(new CustomEvent("shown"));
}
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
    event.preventDefault();
    show(opener.dataset.opens);
  } else if (event.target.matches("dialog[open]")) {
    // The dialog itself is hit only where it is not: on what is behind it.
    const at = event.target.getBoundingClientRect();
    const inside = event.clientX >= at.left && event.clientX <= at.right && event.clientY >= at.top && event.clientY <= at.bottom;
    if (!inside) event.target.close();
  }
});

// While something is fetched.
let fetching = 0;
const count = (step) => () => {
  fetching = Math.max(0, fetching + step);
  root.classList.toggle("fetching", fetching > 0);
};
document.addEventListener("htmx:beforeRequest", count(1));
document.addEventListener("htmx:afterRequest", count(-1));

// On a phone the navigation is one row: the page that is open is in sight.
document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// Something to say in passing. The text is a text.
export function say(text, kind = "") {
  const notice = document.createElement("p");
  notice.className = `notice ${kind}`;
  notice.textContent = text;
  document.getElementById("notices")?.append(notice);
  return notice;
}
