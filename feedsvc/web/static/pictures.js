// Uploads a picture without leaving the page: one that is chosen, and those that are pasted
// or dropped into the body. Without it there is the button Upload.
"use strict";
{
  const form = document.getElementById("article");
  const part = form?.querySelector("[data-upload]");
  const body = form?.elements.body;
  const file = document.getElementById("picture_file");
  if (file && !form.querySelector("fieldset").disabled) {
    const status = document.getElementById("picture_file-hint");
    const hints = {picture: document.getElementById("picture-hint"), audio: document.getElementById("audio-hint")};
    const checked = {picture: form.elements.picture.value, audio: form.elements.audio.value};
    let number = 0, queue = Promise.resolve();

    // It is sent here; with the form it would only be kept as words.
    file.removeAttribute("name");
    const button = part.querySelector("button");
    button.type = "button";
    button.addEventListener("click", () => file.files.length ? choose() : file.click());
    file.addEventListener("change", choose);
    // What is known of an address is not known of another.
    for (const kind of ["picture", "audio"]) {
      form.addEventListener("input", () => hints[kind].classList.toggle("past", form.elements[kind].value.trim() !== checked[kind] && checked[kind] !== ""));
      let before = form.elements[kind].value.trim();
      form.elements[kind].addEventListener("change", () => {
        const isAnother = before !== "";
        before = form.elements[kind].value.trim();
        if (!isAnother) return;
        forget(kind);
        form.dispatchEvent(new Event("input", {bubbles: true}));
      });
    }

    // What was typed of one file does not go with another.
    function forget(kind) {
      for (const name of ["type", "length"]) form.elements[`${kind}_${name}`].value = "";
    }

    async function choose() {
      if (!file.files.length) return;
      const told = await sent(file.files[0]);
      if (!told) return;
      file.value = "";
      forget("picture");
      checked.picture = form.elements.picture.value = told.address;
      form.elements.picture_checked.value = told.checked;
      hints.picture.textContent = told.said;
      hints.picture.classList.remove("past");
      form.elements.picture_alt.focus();
      form.dispatchEvent(new Event("input", {bubbles: true}));
    }

    // What was uploaded, or nothing where it was not; why stands beside the button.
    async function sent(picture) {
      say(part.dataset.uploading, false);
      if (picture.size > Number(part.dataset.longest)) return say(part.dataset.tooLong, true);
      const data = new FormData();
      data.append("csrf_token", form.elements.csrf_token.value);
      data.append("picture_file", picture);
      try {
        const answer = await fetch(part.dataset.upload, {method: "POST", body: data});
        if (!answer.ok && answer.status !== 422) return say(part.dataset.failed, true);
        const told = await answer.json();
        say(told.fault ?? told.said, Boolean(told.fault));
        return told.fault ? null : told;
      } catch {
        return say(part.dataset.failed, true);
      }
    }

    function say(text, isFault) {
      status.textContent = text;
      status.classList.toggle("fault", isFault);
      return null;
    }

    // Into the body

    const picturesOf = (data) => [...(data?.files ?? [])].filter((one) => one.type.startsWith("image/"));

    form.addEventListener("paste", (event) => {
      const found = picturesOf(event.clipboardData);
      // Word processors put a picture of the text beside the text.
      if (event.target !== body || !found.length || event.clipboardData.getData("text/plain").trim()) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      found.forEach(put);
    }, true);
    body.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      body.classList.add("dropping");
    });
    for (const name of ["dragleave", "drop"]) body.addEventListener(name, () => body.classList.remove("dropping"));
    body.addEventListener("drop", (event) => {
      const found = picturesOf(event.dataTransfer);
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      found.forEach(put);
    });

    // The place is held while the picture is on its way, and given up if it does not arrive.
    function put(picture) {
      const place = `(${part.dataset.uploading} ${++number})`;
      body.focus();
      if (!document.execCommand("insertText", false, place)) body.setRangeText(place, body.selectionStart, body.selectionEnd, "end");
      queue = queue.then(async () => {
        const told = await sent(picture);
        const start = body.value.indexOf(place);
        if (start < 0) return;
        const isHere = body.selectionStart === start + place.length && document.activeElement === body;
        body.setRangeText(told ? `![](${told.address})` : "", start, start + place.length, "preserve");
        // Between the brackets, where its description goes.
        if (told && isHere) body.setSelectionRange(start + 2, start + 2);
        body.dispatchEvent(new Event("input", {bubbles: true}));
      });
    }
  }
}
