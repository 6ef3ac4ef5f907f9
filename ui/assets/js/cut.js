// A request of htmx that is given up for a newer one (hx-sync), or because its page is left, has not failed. htmx writes
// each of them into the console as an error all the same, where it would only hide the real ones.

document.addEventListener("htmx:beforeSend", ({ detail }) => {
  const given = detail.xhr.onabort;
  detail.xhr.onabort = () => {
    // An event of htmx whose details say nothing here is one like any other.
    detail.error = "";
    given();
  };
});
