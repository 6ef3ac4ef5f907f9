// The palette: one field that finds flags, segments and pages. The server finds; here one chooses among what was found.

const palette = document.getElementById("palette");
const field = palette?.querySelector("input");
const found = palette?.querySelector(".found");

const options = () => [...found.querySelectorAll("[role=option]:not([aria-disabled])")];
const chosen = () => options().findIndex((option) => option.getAttribute("aria-selected") === "true");

function choose(at) {
  const all = options();
  all.forEach((option, index) => option.setAttribute("aria-selected", String(index === at)));
  const option = all[at];
  if (option) {
    field.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else field.removeAttribute("aria-activedescendant");
}

if (palette) {
  palette.addEventListener("shown", () => {
    field.select();
    htmx.trigger(field, "open");
  });
  found.addEventListener("htmx:afterSwap", () => choose(0));
  found.addEventListener("mousemove", (event) => {
    const at = options().indexOf(event.target.closest("[role=option]"));
    if (at >= 0 && at !== chosen()) choose(at);
  });
  field.addEventListener("keydown", (event) => {
    const all = options();
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step && all.length > 0) {
      const wrap = Math.abs(step) === 1;
      const to = chosen() + step;
      choose(wrap ? (to + all.length) % all.length : Math.max(0, Math.min(all.length - 1, to)));
      event.preventDefault();
    } else if (event.key === "Escape") {
      // A field of this type would only be emptied by it.
      event.preventDefault();
      palette.close();
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      // What is shown may belong to what stood there before: the newest answer counts.
      if (field.classList.contains("htmx-request")) {
        found.addEventListener("htmx:afterSettle", () => open(event), { once: true });
      } else open(event);
    }
  });
}

function open(event) {
  const link = options()[Math.max(0, chosen())];
  if (!link) return;
  if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
  else location.assign(link.href);
}
