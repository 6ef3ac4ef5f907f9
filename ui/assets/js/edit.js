// The form of a flag or segment: what the server does to it is morphed in, and this sees to it that nothing that is
// typed meanwhile is lost. Adding, moving and checking work without it, by buttons.

const form = () => document.getElementById("edit");
const typed = (of) => new URLSearchParams(new FormData(of)).toString();

// Whoever types has the last word: an answer to what stood there before is not swapped in over it.
let asked = "";
document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.closest?.("#edit")) asked = typed(form());
});
let swapped = false;
document.addEventListener("htmx:beforeSwap", (event) => {
  const of = form();
  if (!of || event.detail.target !== of) return;
  swapped = typed(of) === asked;
  if (swapped) return;
  event.detail.shouldSwap = false;
  const by = event.detail.requestConfig?.elt;
  // A check comes again by itself; what a button wants is asked for again.
  if (by?.name === "do") setTimeout(() => htmx.trigger(by, "click"));
});

// The focus goes to what was added, stays with what moved, and shows what is wrong.
const focus = () => {
  const name = form()?.dataset.focus;
  const at = name && document.getElementById(name);
  if (!at || at.contains(document.activeElement)) return;
  if (at.matches("input, select, textarea, button")) return at.focus();
  // What is typed comes before what is chosen.
  const kinds = ["input:not([type=hidden], [type=radio])", "textarea", "select", "button"];
  kinds.map((kind) => at.querySelector(kind)).find(Boolean)?.focus();
};
document.addEventListener("htmx:afterSettle", () => {
  if (swapped) focus();
  swapped = false;
});
focus();

// Shares add up while they are typed.
const share = (text) => {
  const value = Number(text.trim().replace(/\s*%$/, "").replace(",", "."));
  return text.trim() && value >= 0 && value <= 100 ? value : NaN;
};
const addUp = (shares) => {
  const values = [...shares.querySelectorAll(".percent input")].map((input) => share(input.value));
  const sum = Math.round(values.reduce((all, one) => all + one, 0) * 1000) / 1000;
  const line = shares.querySelector("[data-sum]");
  if (!values.length || !line) return;
  const state = Number.isNaN(sum) ? "unclear" : Math.abs(sum - 100) < 0.101 ? "full" : sum < 100 ? "less" : "more";
  line.className = `sum ${state}`;
  line.querySelector("output").textContent = Number.isNaN(sum) ? "" : `${sum} %`;
  line.querySelector("span").textContent = line.dataset[state];
  let from = 0;
  shares.querySelectorAll("svg rect").forEach((rect, at) => {
    const width = Math.min(values[at] || 0, 100 - from);
    rect.setAttribute("x", from);
    rect.setAttribute("width", width);
    from += width;
  });
};
document.addEventListener("input", (event) => {
  const shares = event.target.closest?.("#edit [data-shares]");
  if (shares) addUp(shares);
});

// By keyboard: Alt and an arrow.
document.addEventListener("keydown", (event) => {
  if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const item = event.target.closest?.("#edit [data-item]");
  const button = item && document.getElementById(`${event.key === "ArrowUp" ? "up" : "down"}-${item.id}`);
  if (!item) return;
  event.preventDefault();
  button?.click();
});

// By mouse or finger: the item follows the pointer through its list; the order of the fields is what counts.
document.addEventListener("pointerdown", (event) => {
  const item = event.target.closest?.("#edit .grip")?.closest("[data-item]");
  if (!item || event.button !== 0) return;
  event.preventDefault();
  const list = item.parentElement;
  const before = [...list.children].indexOf(item);
  item.classList.add("held");
  const move = (to) => {
    const others = [...list.querySelectorAll(":scope > [data-item]")].filter((one) => one !== item);
    const next = others.find((one) => to.clientY < one.getBoundingClientRect().top + one.offsetHeight / 2);
    if (next !== item.nextElementSibling) list.insertBefore(item, next ?? null);
  };
  const end = () => {
    document.removeEventListener("pointermove", move);
    document.removeEventListener("pointerup", end);
    document.removeEventListener("pointercancel", end);
    item.classList.remove("held");
    if ([...list.children].indexOf(item) !== before) form().dispatchEvent(new Event("moved"));
  };
  document.addEventListener("pointermove", move);
  document.addEventListener("pointerup", end);
  document.addEventListener("pointercancel", end);
});

// Somebody else was at it: the form is checked, which says so, and stays as it is.
document.body.addEventListener("yardarm:environment", () => form()?.dispatchEvent(new Event("moved")));
