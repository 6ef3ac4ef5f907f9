// Keys. They mean something only where nobody types, and never with Ctrl, Alt or Meta, which belong to the browser; the
// one exception is Ctrl+K. `?` shows all of them.

import { show } from "./frame.js";

const PAGES = { f: "flags", s: "segments", p: "playground", a: "analytics", b: "branches", n: "namespaces", r: "proposals", y: "sync", d: "deliveries", u: "audit" };
// How long a "g" waits for the letter after it.
const PATIENCE = 1200;

let going = 0;

const types = (at) => at.closest?.("input:not([type=checkbox], [type=radio], [type=range], [type=button], [type=submit]), textarea, select, [contenteditable]");
const seen = (element) => element?.checkVisibility();

// Rows of a list: those links that lead to what the row is about.
function row(step) {
  const main = document.getElementById("main");
  const links = [...main.querySelectorAll("[data-row], table.list tbody tr")]
    .map((one) => (one.matches("a") ? one : one.querySelector("a[href]")))
    .filter(seen);
  if (links.length === 0) return;
  const at = links.indexOf(document.activeElement);
  const to = at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.max(0, Math.min(links.length - 1, at + step));
  links[to].focus();
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.defaultPrevented) return;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    show("palette");
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (types(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const after = going > performance.now();
  going = 0;
  if (after) {
    const page = PAGES[event.key];
    const link = page && document.querySelector(`.side [data-section="${page}"]`);
    if (link) link.click();
    else if (event.key === "e") {
      const menu = document.querySelector("details.menu.place");
      if (menu) menu.open = true;
    } else return;
    event.preventDefault();
    return;
  }
  switch (event.key) {
    case "g": going = performance.now() + PATIENCE; break;
    // The search of the page, where it has one.
    case "/": {
      const search = document.querySelector("#main input[type=search]");
      if (seen(search)) search.focus(); else show("palette");
      break;
    }
    case "?": show("help"); break;
    case "j": row(1); break;
    case "k": row(-1); break;
    case "n": {
      const link = document.querySelector("#main :is([data-new], a[href*=\"/new-flag\"], a[href*=\"/new-segment\"])");
      if (!seen(link)) return;
      link.click();
      break;
    }
    default: return;
  }
  event.preventDefault();
});
