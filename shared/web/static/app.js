"use strict";
// What HTML alone cannot do: move the focus to an error summary, keep what was typed from being lost, say when the connection is gone.

(() => {
  const focusSummary = (root) => root.querySelector?.("[data-focus]")?.focus();
  document.addEventListener("DOMContentLoaded", () => focusSummary(document));
  document.addEventListener("htmx:afterSwap", (event) => focusSummary(event.target));

  // A fault answered to a fragment request (4xx with HTML) is shown, not swallowed.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const status = event.detail.xhr.status;
    if (status === 401 || status === 403 || status === 409 || status === 422) { event.detail.shouldSwap = true; event.detail.isError = false; }
  });

  // A figure that refreshes itself waits while somebody is at work in it: no choice is lost, no focus jumps away.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const polled = !event.detail.requestConfig.triggeringEvent;
    if (polled && event.detail.target !== document.activeElement && event.detail.target.contains(document.activeElement)) {
      event.detail.shouldSwap = false;
    }
  });

  // A fragment whose service does not answer says so in its own words (data-silent) instead of showing old figures.
  const silence = (event) => {
    const box = event.detail.elt;
    if (box.dataset.silent) { box.replaceChildren(Object.assign(document.createElement("p"), { className: "empty", textContent: box.dataset.silent })); }
  };
  document.addEventListener("htmx:sendError", silence);
  document.addEventListener("htmx:responseError", silence);

  // Where the navigation scrolls sideways, the page that one is on is in sight.
  document.addEventListener("DOMContentLoaded", () => {
    const ways = document.querySelector(".top nav ul");
    const here = ways?.querySelector("[aria-current]");
    if (here) { ways.scrollLeft = here.offsetLeft - ways.offsetLeft - 24; }
  });

  // What happens to a form that was sent is said beside its button, in the words of the page (data-sending, data-slow, data-offline).
  const say = (form, what) => {
    const line = form.querySelector(".sending") ?? Object.assign(document.createElement("p"), { className: "sending ask" });
    line.setAttribute("role", "status");
    line.textContent = document.body.dataset[what];
    (form.querySelector(".buttons") ?? form).append(line);
  };

  // A form sent twice by an impatient click is sent once. On a slow network it may be sent again after a while: whoever stopped the
  // sending must not sit before a dead button. Without a network it is not sent at all, for then the browser would put its own page here.
  // A button that brings a file (data-download) leaves the form as it is, and nobody is asked whether to leave a page that stays.
  const SOON = 1000;
  const SLOW = 20000;
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) { return; }
    if (event.submitter?.matches("[data-download]")) {
      if (unsaved.delete(form)) { setTimeout(() => { unsaved.add(form); }, SOON); }
      return;
    }
    if (form.dataset.sent || !navigator.onLine) {
      event.preventDefault();
      if (!navigator.onLine) { say(form, "offline"); }
      return;
    }
    form.dataset.sent = "yes";
    unsaved.delete(form);
    setTimeout(say, SOON, form, "sending");
    setTimeout(() => { delete form.dataset.sent; say(form, "slow"); }, SLOW);
  });

  // A lost connection is said at once, not at the next click, and taken back when it is there again.
  const lost = Object.assign(document.createElement("p"), { className: "ask" });
  lost.setAttribute("role", "status");
  window.addEventListener("offline", () => { lost.textContent = document.body.dataset.offline; document.querySelector("main").prepend(lost); });
  window.addEventListener("online", () => {
    lost.remove();
    document.querySelectorAll(".sending").forEach((line) => { line.remove(); });
  });
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-sent]").forEach((form) => { delete form.dataset.sent; form.querySelector(".sending")?.remove(); });
  });

  // Leaving a form marked data-keep with typed but unsent values asks first.
  const unsaved = new Set();
  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("form[data-keep]");
    if (form) { unsaved.add(form); }
  });
  window.addEventListener("beforeunload", (event) => {
    if ([...unsaved].some((form) => form.isConnected)) { event.preventDefault(); }
  });

  // A select or checkbox marked data-submit sends its form at once (filters).
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-submit]")) { event.target.form.requestSubmit(); }
  });

  // A block of cells pasted from a spreadsheet into a grid (data-grid) fills the fields to the right and below.
  document.addEventListener("paste", (event) => {
    const start = event.target;
    const grid = start.closest?.("[data-grid]");
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (!grid || !start.matches("input[data-row][data-column]") || !/[\t\n]/.test(text.trimEnd())) { return; }
    event.preventDefault();
    const row = Number(start.dataset.row);
    const column = Number(start.dataset.column);
    text.replace(/\r/g, "").trimEnd().split("\n").forEach((line, down) => line.split("\t").forEach((cell, right) => {
      const field = grid.querySelector(`input[data-row="${row + down}"][data-column="${column + right}"]`);
      if (field) {
        field.value = cell.trim();
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }
    }));
  });
})();
