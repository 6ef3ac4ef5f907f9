// Lists: the address stays short, what is ticked stays ticked when the list is loaded anew, and one box ticks them all.
import { ages } from "./ages.js";

const ticked = new Map();
const boxes = () => [...document.querySelectorAll(".listed tbody input[name=key]")];

const all = () => {
  const box = document.querySelector(".listed [data-all]");
  if (!box) return;
  const rows = boxes(), count = rows.filter((row) => row.checked).length;
  box.checked = count > 0 && count === rows.length;
  box.indeterminate = count > 0 && count < rows.length;
};

document.addEventListener("change", (event) => {
  if (!event.target.closest?.(".listed")) return;
  if (event.target.matches("[data-all]")) for (const row of boxes()) row.checked = event.target.checked;
  for (const row of boxes()) ticked.set(row.value, row.checked);
  all();
});

document.addEventListener("htmx:afterSettle", () => {
  for (const row of boxes()) row.checked = ticked.get(row.value) ?? false;
  all();
  ages();
});

// Fields that ask for nothing are not part of the address.
document.addEventListener("htmx:configRequest", (event) => {
  if (!event.target.matches?.("form[data-filter]")) return;
  const fields = event.detail.formData;
  for (const [name, value] of [...fields.entries()]) if (value === "") fields.delete(name);
});
