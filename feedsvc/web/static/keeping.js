// Keeps what is typed, in this browser at once and on the server every few seconds, and
// offers it again. Without it the forms work all the same.
"use strict";
{
  const PREFIX = "feedsvc:";
  const PAUSE = 2000;
  const BROWSER_PAUSE = 300;
  const form = document.getElementById("article");
  let isLeaving = false;

  const read = (key) => {
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch {
      return null;
    }
  };
  const write = (key, value) => {
    try {
      if (value) localStorage.setItem(key, JSON.stringify(value));
      else localStorage.removeItem(key);
      return true;
    } catch {
      return false; // full, or forbidden: the server keeps it
    }
  };

  if (form) keepForm();
  else offerOnDesk();
  // Whoever leaves on purpose leaves nothing behind for the next one at this machine.
  document.getElementById("sign-out")?.addEventListener("submit", () => {
    isLeaving = true;
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) write(key, null);
  });

  function keepForm() {
    const key = PREFIX + form.dataset.uuid;
    const status = document.getElementById("kept");
    const others = document.getElementById("others");
    const revision = Number(form.elements.revision.value);
    const fieldset = form.querySelector("fieldset");
    // What was typed before this script was there is not kept yet, nor what was refused.
    const isUntouched = !document.querySelector("[role=alert]") && [...form.elements].every((one) => one.type === "hidden" || one.defaultValue === undefined || one.value === one.defaultValue || one.type === "checkbox" || one.type === "radio");
    let kept = isUntouched ? JSON.stringify(fields()) : "";
    let timer = 0, browserTimer = 0, asking = null, isSent = false;

    offer();
    form.addEventListener("input", typed);
    if (!isUntouched) typed();
    form.addEventListener("submit", () => {
      isSent = true;
      clearTimeout(timer);
      clearTimeout(browserTimer);
      asking?.abort();
      write(key, {...now(), isSent});
    });
    // Left in a hurry, or brought back by the browser's own "back".
    addEventListener("pagehide", () => {
      if (!isSent && !isLeaving && JSON.stringify(fields()) !== kept) {
        write(key, now());
        navigator.sendBeacon(form.dataset.keep, new FormData(form));
      }
    });
    addEventListener("pageshow", (event) => {
      if (event.persisted) isSent = false;
    });

    function fields() {
      return [...new FormData(form)].filter(([name]) => !["csrf_token", "revision", "zone"].includes(name));
    }

    function now() {
      const title = form.elements.title?.value.trim();
      return {title, revision, fields: fields(), at: Date.now()};
    }

    function typed() {
      clearTimeout(browserTimer);
      browserTimer = setTimeout(() => isLeaving || write(key, now()), BROWSER_PAUSE);
      if (!timer) timer = setTimeout(keep, PAUSE);
    }

    async function keep() {
      timer = 0;
      const current = JSON.stringify(fields());
      if (isSent || current === kept) return;
      asking = new AbortController();
      try {
        const answer = await fetch(form.dataset.keep, {
          method: "POST", body: new URLSearchParams(new FormData(form)), signal: asking.signal,
        });
        if (answer.status === 401 || answer.status === 400) {
          status.textContent = "You are signed out. What you type is kept in this browser; sign in in another tab, or press the button: nothing is lost.";
          return;
        }
        if (!answer.ok) throw new Error(answer.statusText);
        const told = await answer.json();
        kept = current;
        if (told.kept) status.textContent = `Kept at ${told.kept}; not saved yet.`;
        others.hidden = !told.others.length;
        const verb = told.others.length === 1 ? "is" : "are";
        others.textContent = told.others.length ? `${told.others.join(" and ")} ${verb} writing in this article too.` : "";
        if (location.pathname !== form.dataset.stored) history.replaceState(null, "", form.dataset.stored);
      } catch (error) {
        if (error.name === "AbortError") return;
        status.textContent = "The server cannot be reached. What you type is kept in this browser.";
        timer = setTimeout(keep, 5 * PAUSE);
      }
    }

    function offer() {
      const found = read(key);
      if (!found) return;
      const isStored = found.isSent && found.revision < revision;
      if (isStored || JSON.stringify(found.fields) === kept) return write(key, null);
      if (fieldset.disabled || document.getElementById("typed")) return;
      const banner = document.createElement("div");
      banner.className = "said";
      banner.id = "typed";
      banner.setAttribute("role", "status");
      const text = document.createElement("p");
      text.textContent = `There is newer text of yours in this browser, of ${new Date(found.at).toLocaleString()}, that was not saved.`;
      const actions = document.createElement("div");
      actions.className = "actions";
      actions.append(button("Take it up", "", () => {
        fill(found.fields);
        banner.remove();
        typed();
      }), button("Discard it", "quiet", () => {
        write(key, null);
        banner.remove();
      }));
      banner.append(text, actions);
      form.before(banner);
    }

    function fill(saved) {
      for (const one of form.elements) {
        const values = saved.filter(([name]) => name === one.name).map(([, value]) => value);
        if (one.type === "checkbox" || one.type === "radio") one.checked = values.includes(one.value);
        else if (values.length && one.type !== "hidden" && one.tagName !== "BUTTON") one.value = values[0];
      }
    }
  }

  function button(text, look, work) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = look;
    made.textContent = text;
    made.addEventListener("click", work);
    return made;
  }

  // What the server does not know: typed while it could not be reached.
  function offerOnDesk() {
    const section = document.getElementById("unsaved");
    if (!section) return;
    for (const key of Object.keys(localStorage)) {
      const uuid = key.slice(PREFIX.length);
      if (!key.startsWith(PREFIX) || section.querySelector(`[data-uuid="${CSS.escape(uuid)}"]`)) continue;
      const found = read(key);
      if (!found || found.isSent) continue;
      const line = document.createElement("li");
      const link = document.createElement("a");
      link.href = section.dataset.new.replace(/[^/]+$/, uuid);
      link.textContent = found.title || "(without a title)";
      line.append(link, `, in this browser, ${new Date(found.at).toLocaleString()}`);
      section.querySelector("ul").append(line);
      section.hidden = false;
    }
  }
}
