// Keeps an open page true. It follows one stream of events (/ui/events), which says what has moved since the page was
// made; then the page is asked for once more and what differs is changed in place: focus, selection, scrolling, open
// menus and whatever somebody typed stay as they are.
//
//   <main data-live="environment sync">   follows these: environment, environments, proposals, deliveries, sync, audit,
//                                         glass
//   <main data-live="!environment">       says that it moved and offers to load the page again: for pages with a form
//   <main data-live="">                   follows nothing
//
// A page with a form[data-draft] is never changed under somebody's hands, whatever it says. On <body> an event
// "yardarm:NAME" tells other modules of each thing that moved. The banner of a broken glass is kept true on every page.
// What is said when the connection is lost, or the session over, stands in parts/live.html.

import { ages } from "./ages.js";
import { renewed } from "./proof.js";

const QUIET = 40_000; // the server says something every 15 s: after this much silence nobody is there
const PATIENCE = 1_500; // how long a connection may be away before anybody is told
const REST = 100; // between two requests for the page, whatever moves
const PAUSES = [200, 500, 1_000, 2_000, 4_000, 8_000, 15_000];

const main = () => document.getElementById("main");
let marks = main()?.dataset.marks ?? "";
let connection = null;
let tries = 0;
let worry = 0;
let away = false; // the server or the session: whichever comes back may be another one

// --- what is said ---------------------------------------------------------------------------------------------------

export function say(what) {
  const words = document.querySelector(`template[data-say="${what}"]`);
  const notices = document.getElementById("notices");
  if (!words || !notices || notices.querySelector(`[data-said="${what}"]`)) return;
  const notice = words.content.firstElementChild.cloneNode(true);
  notice.dataset.said = what;
  notice.querySelector("[data-now]")?.append(new Date().toLocaleTimeString());
  notice.querySelector("[data-again]")?.addEventListener("click", () => location.reload());
  const sign = notice.querySelector("a[data-next]");
  if (sign) sign.href += encodeURIComponent(location.pathname + location.search);
  notices.append(notice);
}

export function unsay(what) {
  document.querySelector(`#notices [data-said="${what}"]`)?.remove();
}

// The server answers, whatever it says.
function reached() {
  clearTimeout(worry);
  worry = 0;
  unsay("lost");
}

function connected() {
  reached();
  tries = 0;
  unsay("signed-out");
  document.documentElement.dataset.connected = "";
}

function lost() {
  away = true;
  delete document.documentElement.dataset.connected;
  worry ||= setTimeout(() => say("lost"), PATIENCE);
}

// --- the stream -----------------------------------------------------------------------------------------------------

async function listen() {
  const from = main()?.dataset.events;
  if (!from || connection || document.hidden) return;
  const ours = (connection = new AbortController());
  let status = 0;
  let silence = 0;
  try {
    const headers = { Accept: "text/event-stream", "Last-Event-ID": marks };
    const response = await fetch(from, { headers, signal: ours.signal, cache: "no-store" });
    status = response.status;
    if (status === 200) {
      if (away) await renewed();
      away = false;
      connected();
      // What could not be fetched when it moved: the marks know of it already.
      refresh(wanted);
      const alive = () => {
        clearTimeout(silence);
        silence = setTimeout(() => ours.abort("silence"), QUIET);
      };
      for await (const event of events(response.body, alive)) {
        if (event.id) marks = event.id;
        if (event.event === "moved") moved((event.data ?? "").split(" "));
      }
    }
  } catch {
    // Lost, or given up by ourselves.
  }
  clearTimeout(silence);
  if (connection !== ours) return;
  connection = null;
  if (document.hidden) return;
  if ([401, 403, 404].includes(status)) reached();
  else lost();
  if (status === 403 || status === 404) return;
  if (status === 401) {
    away = true;
    say("signed-out");
  }
  const pause = PAUSES[Math.min(tries++, PAUSES.length - 1)];
  setTimeout(listen, pause * (0.75 + Math.random() / 2));
}

// The events of a stream: lines, a blank one behind each event. Comments show that the server is there.
async function* events(body, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    text += value;
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      const event = {};
      for (const line of text.slice(0, end).split("\n")) {
        const colon = line.indexOf(":");
        if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 1).trim();
      }
      yield event;
    }
  }
}

function leave() {
  const ours = connection;
  connection = null;
  ours?.abort();
}

// --- the page -------------------------------------------------------------------------------------------------------

let fetching = false;
let wanted = { page: false, glass: false };

function moved(names) {
  for (const name of names) document.body.dispatchEvent(new CustomEvent(`yardarm:${name}`));
  const follows = (main()?.dataset.live ?? "").split(" ");
  if (names.some((name) => follows.includes(`!${name}`))) say("moved");
  refresh({ page: names.some((name) => follows.includes(name)), glass: names.includes("glass") });
}

// One request at a time; whatever moves meanwhile is fetched with the next one.
async function refresh(what) {
  wanted = { page: wanted.page || what.page, glass: wanted.glass || what.glass };
  if (fetching) return;
  fetching = true;
  while (wanted.page || wanted.glass) {
    const { page, glass } = wanted;
    wanted = { page: false, glass: false };
    const here = location.href;
    try {
      // It has an address of its own: that of a form which was sent may answer nothing but forms.
      if (glass) show(await fetched("/ui/glass"), "glass");
      const fresh = page && (await fetched(here));
      // Somebody may have gone on meanwhile.
      if (fresh && here === location.href) show(fresh, "main");
      await new Promise((rest) => setTimeout(rest, REST));
    } catch {
      // The stream finds out, and says so; when it is there again, or something else moves, it is tried once more.
      wanted = { page: wanted.page || page, glass: wanted.glass || glass };
      break;
    }
  }
  fetching = false;
}

// A page as it is now. Where it cannot be shown just now that is an error, and what is there stays as it was.
async function fetched(address) {
  const response = await fetch(address, { cache: "no-store", headers: { Accept: "text/html" } });
  if (new URL(response.url).pathname === "/ui/login") {
    say("signed-out");
    throw new Error("signed out");
  }
  if (!response.ok && response.status !== 404 && response.status !== 403) throw new Error(response.status);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

// What somebody has opened or closed is theirs, also where htmx changes a page.
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.nodeName === "DETAILS");

const KEEP = {
  ignoreActiveValue: true,
  callbacks: {
    // So is what they have typed or chosen.
    beforeNodeMorphed: (node) => !(node instanceof Element && (isTouched(node) || node.hasAttribute("data-keep"))),
  },
};

function isTouched(node) {
  if (node instanceof HTMLInputElement) return node.value !== node.defaultValue || node.checked !== node.defaultChecked;
  if (node instanceof HTMLTextAreaElement) return node.value !== node.defaultValue;
  if (node instanceof HTMLSelectElement) {
    const chosen = [...node.options].some((option) => option.defaultSelected);
    return [...node.options].some((option, at) => option.selected !== (chosen ? option.defaultSelected : at === 0));
  }
  return false;
}

function show(fresh, id) {
  const [part, other] = [document.getElementById(id), fresh.getElementById(id)];
  if (!part || !other) return;
  if (part.querySelector("form[data-draft]")) return say("moved");
  Idiomorph.morph(part, other, { morphStyle: "outerHTML", ...KEEP });
  htmx.process(document.getElementById(id));
  if (id === "main" && fresh.title) document.title = fresh.title;
  ages();
  document.body.dispatchEvent(new CustomEvent("yardarm:shown"));
}

// --- when -----------------------------------------------------------------------------------------------------------

// A page that nobody looks at holds no connection: a browser has six for all pages of one host.
document.addEventListener("visibilitychange", () => (document.hidden ? leave() : listen()));
addEventListener("pagehide", leave);
addEventListener("pageshow", (event) => event.persisted && listen());
addEventListener("online", () => listen());
document.body.addEventListener("yardarm:signed-out", () => say("signed-out"));
listen();
