// Keeps what is typed, in this browser at once and on the server every few seconds, and
// offers it again. Without it the forms work all the same.
//
// Each window of each editor keeps under a name of its own, so that none takes the place of
// another's: feedsvc:EDITOR:ARTICLE:WINDOW.
"use strict";
{
  const PAUSE = 2000;
  const BROWSER_PAUSE = 300;
  const form = document.getElementById("article");
  const signOut = document.getElementById("sign-out");
  const OURS = `feedsvc:${signOut?.dataset.editor}:`;
  // What the page's language says.
  const texts = JSON.parse((form ?? document.getElementById("unsaved"))?.dataset.texts ?? "{}");
  const said = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => values[name]);
  // English by the browser's own customs, which may be of any country.
  const pageLanguage = document.documentElement.lang;
  const written = (at) => new Date(at).toLocaleString(pageLanguage === "en" ? undefined : pageLanguage);
  let keepNow = async () => {};

  const keys = (prefix) => {
    try {
      return Object.keys(localStorage).filter((key) => key.startsWith(prefix));
    } catch {
      return []; // forbidden: the server keeps it
    }
  };
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
      return false; // full, or forbidden
    }
  };

  if (signOut) {
    if (form) keepForm();
    else offerOnDesk();
    // What the server has need not stay behind for the next one at this machine; what it
    // has not stays, for this editor alone.
    signOut.addEventListener("submit", async (event) => {
      event.preventDefault();
      await keepNow();
      for (const key of keys(OURS)) if (read(key)?.isOnServer) write(key, null);
      signOut.submit();
    });
  }

  function keepForm() {
    const uuid = form.dataset.uuid;
    const mine = `${OURS}${uuid}:${form.elements.window.value}`;
    const status = document.getElementById("kept");
    const others = document.getElementById("others");
    const revision = Number(form.elements.revision.value);
    const isDisabled = form.querySelector("fieldset").disabled;
    // Nothing is kept yet of what was typed before this script was there, nor of a page
    // that came back unsaved.
    const isUntouched = !("unsaved" in form.dataset) && [...form.elements].every((one) => ["hidden", "checkbox", "radio"].includes(one.type) || one.defaultValue === undefined || one.value === one.defaultValue);
    let kept = isUntouched ? JSON.stringify(fields()) : "";
    let timer = 0, browserTimer = 0, asking = null, isSent = false;

    offer();
    document.getElementById("forget")?.addEventListener("submit", (event) => {
      write(`${OURS}${uuid}:${event.target.elements.window.value}`, null);
    });
    form.addEventListener("input", typed);
    if (!isUntouched && !isDisabled) typed();
    keepNow = keep;
    form.addEventListener("submit", () => {
      isSent = true;
      clearTimeout(timer);
      clearTimeout(browserTimer);
      asking?.abort();
      write(mine, {...now(), isSent});
    });
    // Left in a hurry, or brought back by the browser's own "back".
    addEventListener("pagehide", () => {
      if (isSent || JSON.stringify(fields()) === kept) return;
      write(mine, now());
      navigator.sendBeacon(form.dataset.keep, new FormData(form));
    });
    addEventListener("pageshow", (event) => {
      if (event.persisted) isSent = false;
    });

    function fields() {
      return [...new FormData(form)].filter(([name]) => !["csrf_token", "revision", "zone", "window"].includes(name));
    }

    function now() {
      const title = form.elements.title?.value.trim();
      return {title, revision: Number(form.elements.revision.value), zone: form.elements.zone.value, fields: fields(), at: Date.now()};
    }

    function typed() {
      clearTimeout(browserTimer);
      browserTimer = setTimeout(() => write(mine, now()), BROWSER_PAUSE);
      if (!timer) timer = setTimeout(keep, PAUSE);
    }

    async function keep() {
      clearTimeout(timer);
      timer = 0;
      const current = JSON.stringify(fields());
      if (isSent || current === kept) return;
      const isHere = write(mine, now());
      const here = isHere ? texts.here : texts.nowhere;
      asking = new AbortController();
      try {
        const answer = await fetch(form.dataset.keep, {
          method: "POST", body: new URLSearchParams(new FormData(form)), signal: asking.signal,
        });
        if (answer.status === 401 || answer.status === 400) {
          status.textContent = said(texts.signedOut, {here});
          return;
        }
        if (!answer.ok) throw new Error(answer.statusText);
        const told = await answer.json();
        others.hidden = !told.others.length;
        others.textContent = told.said ?? "";
        if (!told.kept) { // it was just saved in another window
          timer = setTimeout(keep, 3 * PAUSE);
          return;
        }
        kept = current;
        write(mine, {...now(), isOnServer: JSON.stringify(fields()) === current});
        status.textContent = said(texts.kept, {time: told.kept});
        if (location.pathname !== form.dataset.stored) history.replaceState(null, "", form.dataset.stored);
      } catch (error) {
        if (error.name === "AbortError") return;
        status.textContent = said(texts.unreachable, {here});
        timer = setTimeout(keep, 5 * PAUSE);
      }
    }

    // The newest that another window, or this one before it was closed, left in this browser.
    function offer() {
      const found = [];
      for (const key of keys(`${OURS}${uuid}:`)) {
        const one = read(key);
        const isStored = one?.isSent && one.revision < revision;
        // What the server has it offers itself.
        if (!one || isStored || one.isOnServer || JSON.stringify(one.fields) === JSON.stringify(fields())) {
          if (key !== mine) write(key, null);
        } else if (key !== mine || !one.isSent) found.push({...one, key});
      }
      found.sort((one, other) => other.at - one.at);
      if (!found.length || isDisabled || document.getElementById("typed")) return;
      const [newest] = found;
      const banner = document.createElement("div");
      banner.className = "said";
      banner.id = "typed";
      const text = document.createElement("p");
      text.textContent = said(newest.revision < revision ? texts.foundOlder : texts.found, {when: written(newest.at)});
      const actions = document.createElement("div");
      actions.className = "actions";
      actions.append(button(texts.take, "", () => {
        fill(newest);
        banner.remove();
        // The other scripts look at the form again, too.
        form.dispatchEvent(new Event("input", {bubbles: true}));
        if (newest.key !== mine && write(mine, now())) write(newest.key, null);
      }), button(texts.discardIt, "quiet", () => {
        write(newest.key, null);
        banner.remove();
      }));
      banner.append(text, actions);
      form.before(banner);
    }

    // With the version that it was written on: what was saved since is not overwritten, but
    // shown beside it when it is sent.
    function fill(saved) {
      const own = ["checkbox", "radio"];
      for (const one of form.elements) {
        const values = saved.fields.filter(([name]) => name === one.name).map(([, value]) => value);
        if (own.includes(one.type)) one.checked = values.includes(one.value);
        else if (values.length && one.type !== "hidden" && one.tagName !== "BUTTON") one.value = values[0];
      }
      form.elements.revision.value = saved.revision;
      if (saved.zone) form.elements.zone.value = saved.zone;
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
    for (const line of section.querySelectorAll("li")) {
      line.querySelector("form").addEventListener("submit", (event) => {
        write(`${OURS}${line.dataset.uuid}:${event.target.elements.window.value}`, null);
      });
    }
    for (const key of keys(OURS)) {
      const uuid = key.slice(OURS.length).split(":")[0];
      const found = read(key);
      if (!found || found.isSent || found.isOnServer || section.querySelector(`[data-uuid="${CSS.escape(uuid)}"]`)) continue;
      const line = document.createElement("li");
      line.dataset.uuid = uuid;
      const link = document.createElement("a");
      link.href = section.dataset.new.replace(/[^/]+$/, uuid);
      link.textContent = found.title || texts.untitled;
      line.append(link, `${said(texts.inBrowser, {when: written(found.at)})} `, button(texts.discard, "quiet small", () => {
        write(key, null);
        line.remove();
      }));
      section.querySelector("ul").append(line);
      section.hidden = false;
    }
  }
}
