// Nothing that somebody types is lost: not when the session ends, the server restarts, or the network goes away.
//
//   <form data-draft="KEY" method="post">     is kept in this browser while it is typed in, until it is saved
//     data-draft-at="/ui/…"                   who shows it again as it was, where that takes more than its own fields
//                                             (rows that were added); else its action, with do=check
//     data-draft-same="changes"               kept for this value of this field only
//   <div data-draft-for="KEY" data-draft-at>  a page that has not the form itself: it is shown here
//   <… data-saved="KEY">                      it is saved: nothing is to be kept any more, if a form was sent from here
//   #taken behind the address                 the same, of the form that was sent
//
// Such a form, and that of what is gathered (js/tray.js), is sent only when the server has just answered: otherwise it
// stays as it is, and the page says why. The answer brings a new proof, so that a form outlives the server's restart and
// its own session.

import { say, unsay } from "./live.js";
import { renewed } from "./proof.js";

const PREFIX = "yardarm.draft.";
const SENT = "yardarm.sent";

// Whether this page is what came of a form, and not of a link that says it was saved.
const sent = sessionStorage.getItem(SENT);
export const wasSent = sent !== null;
sessionStorage.removeItem(SENT);
const UNTYPED = new Set(["proof", "do", "tried"]);

const fields = (form) =>
  [...new FormData(form)].filter(([name, value]) => !UNTYPED.has(name) && typeof value === "string");
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

// What the server has made; what differs from it was typed.
const made = new Map();

export function forget(key) {
  localStorage.removeItem(PREFIX + key);
}

function kept(key) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + key));
  } catch {
    return null;
  }
}

function keep(form) {
  const key = form.dataset.draft;
  const now = fields(form);
  if (same(now, made.get(key))) return forget(key);
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify({ at: Date.now(), fields: now }));
  } catch {
    // No room, or not allowed: it is still on the page.
  }
}

let soon = 0;
const later = (form) => {
  clearTimeout(soon);
  soon = setTimeout(() => form.isConnected && keep(form), 250);
};
for (const event of ["input", "change", "moved"]) {
  document.addEventListener(event, (of) => {
    const form = of.target.closest?.("form[data-draft]");
    if (form) later(form);
  });
}
addEventListener("pagehide", () => document.querySelectorAll("form[data-draft]").forEach((form) => made.has(form.dataset.draft) && keep(form)));
document.addEventListener("htmx:afterSettle", (event) => {
  const form = event.target.closest?.("form[data-draft]") ?? document.querySelector("form[data-draft]");
  if (form && made.has(form.dataset.draft)) later(form);
});

// --- as it was ------------------------------------------------------------------------------------------------------

function told(form, at) {
  const words = document.querySelector('template[data-say="draft"]');
  if (!words || document.querySelector("[data-said=draft]")) return;
  const notice = words.content.firstElementChild.cloneNode(true);
  notice.dataset.said = "draft";
  notice.querySelector("[data-then]").append(new Date(at).toLocaleString());
  notice.querySelector("[data-forget]").addEventListener("click", () => {
    made.clear();
    forget(form.dataset.draft);
    location.assign(location.pathname + location.search);
  });
  document.getElementById("notices").append(notice);
}

// Puts values into the fields that are there; false if there are others.
function put(form, draft) {
  const names = (list) => list.map(([name]) => name);
  const all = [...form.elements].filter((element) => element.name && !UNTYPED.has(element.name));
  const choices = all.filter((element) => element.type === "checkbox" || element.type === "radio");
  const single = all.filter((element) => !choices.includes(element) && element.type !== "submit" && element.type !== "button");
  const known = new Set(choices.map((element) => element.name));
  const plain = draft.filter(([name]) => !known.has(name));
  if (!same(names(plain), names(single.map((element) => [element.name])))) return false;
  const left = new Map();
  for (const [name, value] of plain) left.set(name, [...(left.get(name) ?? []), value]);
  for (const element of single) element.value = left.get(element.name).shift();
  for (const element of choices) element.checked = draft.some(([name, value]) => name === element.name && value === element.value);
  return true;
}

async function asked(at, draft, key) {
  const proof = await renew();
  if (!proof) return null;
  const body = new URLSearchParams([["proof", proof], ...draft, ["do", "check"]]);
  const response = await fetch(at, { method: "POST", body, headers: { "HX-Request": "true" } }).catch(() => null);
  if (!response?.ok) return null;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return [...page.querySelectorAll("form[data-draft]")].find((form) => form.dataset.draft === key) ? page : null;
}

async function restore(form) {
  const key = form.dataset.draft;
  const draft = kept(key);
  made.set(key, fields(form));
  if (!draft || same(draft.fields, made.get(key))) return;
  const value = (list) => list.find(([name]) => name === form.dataset.draftSame)?.[1];
  if (form.dataset.draftSame && value(draft.fields) !== value(made.get(key))) return forget(key);
  const before = made.get(key);
  const fits = new Set(draft.fields.map(([name]) => name));
  if (!put(form, draft.fields) || !fits.size) {
    const page = await asked(form.dataset.draftAt || form.action, draft.fields, key);
    const other = page && [...page.querySelectorAll("form[data-draft]")].find((one) => one.dataset.draft === key);
    if (!other || !form.isConnected) return;
    // As it was, with what of it was open.
    Idiomorph.morph(form, other, { morphStyle: "outerHTML", callbacks: { beforeAttributeUpdated: () => true } });
    form = [...document.querySelectorAll("form[data-draft]")].find((one) => one.dataset.draft === key);
    htmx.process(form);
  } else {
    form.dispatchEvent(new Event("change", { bubbles: true }));
  }
  made.set(key, before);
  told(form, draft.at);
}

async function show(place) {
  const draft = kept(place.dataset.draftFor);
  if (!draft) return;
  const page = await asked(place.dataset.draftAt, draft.fields, place.dataset.draftFor);
  if (!page || !place.isConnected) return;
  page.querySelector("title")?.remove();
  const main = document.getElementById("main");
  main.replaceChildren(...page.body.childNodes);
  htmx.process(main);
  const form = main.querySelector("form[data-draft]");
  made.set(form.dataset.draft, []);
  told(form, draft.at);
}

// --- sending --------------------------------------------------------------------------------------------------------

// A new proof for every form of the page; nothing where the server or the session is away, which is said.
async function renew() {
  unsay("not-sent");
  const { proof, status } = await renewed();
  if (status === 401) say("signed-out");
  else if (!proof) say("not-sent");
  if (!proof) return null;
  unsay("signed-out");
  return proof;
}

// Whoever signs out leaves nothing of theirs to the next person at this browser: neither what was typed nor what is gathered.
document.addEventListener("submit", (event) => {
  if (event.target.getAttribute("action") !== "/ui/logout") return;
  made.clear();
  const theirs = Object.keys(localStorage).filter((key) => /^yardarm\.(draft|tray)\./.test(key));
  theirs.forEach((key) => localStorage.removeItem(key));
});

let cleared = null;
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form[data-draft], form[data-tray]") || event.defaultPrevented) return;
  if (cleared === form) {
    cleared = null;
    return;
  }
  event.preventDefault();
  if (form.dataset.draft) keep(form);
  const by = event.submitter;
  if (!(await renew())) return;
  cleared = form;
  sessionStorage.setItem(SENT, form.dataset.draft ?? "");
  // Checked once more by the browser unless its button says otherwise: it was valid a moment ago.
  form.requestSubmit(by);
  cleared = null;
});

// What htmx sends for such a form: a proof that is too old is made anew, once.
let tried = 0;
document.addEventListener("htmx:responseError", async (event) => {
  const { elt, xhr } = event.detail;
  if (xhr.status !== 403 || !elt.closest("form[data-draft]") || Date.now() - tried < 5_000) return;
  tried = Date.now();
  if ((await renew()) && elt.isConnected && elt.matches("button")) elt.click();
});

// --- when -----------------------------------------------------------------------------------------------------------

function begin() {
  if (location.hash === "#taken") {
    history.replaceState(history.state, "", location.pathname + location.search);
    if (sent) forget(sent);
  }
  for (const saved of wasSent ? document.querySelectorAll("[data-saved]") : []) {
    forget(saved.dataset.saved);
    if (saved.dataset.savedToo) forget(saved.dataset.savedToo);
  }
  for (const form of document.querySelectorAll("form[data-draft]")) restore(form);
  for (const place of document.querySelectorAll("[data-draft-for]")) show(place);
}
begin();
addEventListener("pageshow", (event) => event.persisted && renew());
