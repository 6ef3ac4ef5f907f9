// A button that copies the text of something: data-copy names it, data-copied is what the button says then.
document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element && event.target.closest("[data-copy]");
  const source = button && document.querySelector(button.dataset.copy);
  if (!source) return;
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    // Without a secure origin there is no clipboard: the text is chosen, and the keyboard copies it.
    getSelection().selectAllChildren(source);
    return;
  }
  const said = button.textContent;
  button.textContent = button.dataset.copied;
  setTimeout(() => { button.textContent = said; }, 1500);
});
