"use strict";
// What was typed into a form marked data-keep stays on this computer until a service has taken the form in: through the end of a session,
// a lost connection, a closed tab. It is the officer's own, and leaves with them when they sign out.

(() => {
  const SENT = "thidua-sent";
  const LONGEST = 14 * 24 * 3600 * 1000;
  const { officer, kept: words, drop: button } = document.body.dataset;
  const mine = `thidua-typed|${officer}|`;

  const store = (() => { try { return window.localStorage; } catch { return null; } })();
  if (!store) { return; }
  const keys = () => Object.keys(store).filter((key) => key.startsWith("thidua-typed|"));
  const read = (key) => { try { return JSON.parse(store.getItem(key)); } catch { return null; } };

  const keyOf = (form) => { const to = new URL(form.action); return mine + to.pathname + to.search; };
  const isTick = (field) => field.type === "checkbox" || field.type === "radio";
  const nameOf = (field) => (field.type === "radio" ? `${field.name}=${field.value}` : field.name);
  const valueOf = (field) => (isTick(field) ? field.checked : field.value);
  const shown = (field) => (isTick(field) ? field.defaultChecked
    : field.options ? ([...field.options].find((option) => option.defaultSelected) ?? field.options[0])?.value : field.defaultValue);
  const fields = (form) => [...form.elements].filter((field) => field.name && !/^(hidden|password|file|submit|button)$/.test(field.type));

  // Only what differs from the page as it came, and what differed before (a page with faults comes with what was typed).
  const keep = (form, all = false) => {
    const typed = read(keyOf(form))?.typed ?? {};
    fields(form).forEach((field) => {
      if (all || nameOf(field) in typed || valueOf(field) !== shown(field)) { typed[nameOf(field)] = valueOf(field); }
    });
    try { store.setItem(keyOf(form), JSON.stringify({ at: Date.now(), typed })); } catch { /* no room: leaving the page still asks */ }
  };

  const fill = (field, value) => { if (isTick(field)) { field.checked = value; } else { field.value = value; } };
  const restore = (form) => {
    const found = read(keyOf(form));
    const changed = found ? fields(form).filter((field) => nameOf(field) in found.typed && found.typed[nameOf(field)] !== valueOf(field)) : [];
    if (!changed.length) { return; }
    changed.forEach((field) => { fill(field, found.typed[nameOf(field)]); });
    tell(form, new Date(found.at), changed);
  };

  // It is said that the fields are not what the service has, and one click takes that back.
  const tell = (form, at, changed) => {
    const two = (number) => String(number).padStart(2, "0");
    const moment = `${two(at.getHours())}:${two(at.getMinutes())} ${two(at.getDate())}/${two(at.getMonth() + 1)}/${at.getFullYear()}`;
    const line = Object.assign(document.createElement("p"), { className: "ask" });
    const back = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: button });
    line.setAttribute("role", "status");
    line.append(words.replace("{moment}", moment), " ", back);
    back.addEventListener("click", () => {
      store.removeItem(keyOf(form));
      changed.forEach((field) => { fill(field, shown(field)); });
      line.remove();
    });
    form.prepend(line);
  };

  // A service says by a cookie which form it has taken in.
  const forgetSent = () => {
    const sent = document.cookie.split("; ").find((part) => part.startsWith(`${SENT}=`));
    if (!sent) { return; }
    store.removeItem(mine + decodeURIComponent(sent.slice(SENT.length + 1)));
    document.cookie = `${SENT}=; Path=/; Max-Age=0; SameSite=Lax`;
  };

  const forms = document.querySelectorAll("form[data-keep]");
  keys().filter((key) => !(Date.now() - read(key)?.at < LONGEST)).forEach((key) => { store.removeItem(key); });
  document.querySelectorAll("[data-when-kept]").forEach((note) => { note.hidden = !keys().length; });
  if (!officer) { return; }
  forgetSent();
  // What came from a file (data-fresh) takes the place of what was typed before.
  forms.forEach((form) => { if ("fresh" in form.dataset) { keep(form, true); } else { restore(form); } });
  ["input", "change"].forEach((what) => document.addEventListener(what, (event) => {
    const form = event.target.closest?.("form[data-keep]");
    if (form) { keep(form); }
  }));
  document.querySelector('form[action="/registration/sign-out"]')?.addEventListener("submit", () => {
    keys().filter((key) => key.startsWith(mine)).forEach((key) => { store.removeItem(key); });
  });
})();
