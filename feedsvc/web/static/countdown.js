// Counts the seconds in each .countdown down; without it the first text stands.
"use strict";
for (const place of document.querySelectorAll(".countdown")) {
  // What the page's language says, as the service's pages say it.
  const texts = JSON.parse(place.dataset.texts);
  const form = new Intl.PluralRules(document.documentElement.lang);
  const end = performance.now() + Number(place.dataset.seconds) * 1000;
  const timer = setInterval(show, 250);
  function show() {
    const left = Math.ceil((end - performance.now()) / 1000);
    place.textContent = left > 0 ? duration(left) : texts.over;
    if (left <= 0) clearInterval(timer);
  }
  function duration(left) {
    if (left < 120) return counted(texts.seconds, left);
    if (left < 7200) return counted(texts.minutes, Math.floor(left / 60));
    const minutes = String(Math.floor((left % 3600) / 60)).padStart(2, "0");
    if (left < 172800) return texts.hours.replace("%(hours)s", Math.floor(left / 3600)).replace("%(minutes)s", minutes);
    return counted(texts.days, Math.floor(left / 86400));
  }
  function counted(forms, number) {
    return (forms[form.select(number)] ?? forms.other).replace("%(number)s", number);
  }
  show();
}
