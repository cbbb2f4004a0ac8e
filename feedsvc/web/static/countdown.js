// Counts the seconds in each .countdown down; without it the first number stands.
"use strict";
for (const place of document.querySelectorAll(".countdown")) {
  const end = performance.now() + Number(place.dataset.seconds) * 1000;
  const timer = setInterval(show, 250);
  function show() {
    const left = Math.ceil((end - performance.now()) / 1000);
    place.textContent = left > 0 ? `${left} seconds` : place.dataset.over;
    if (left <= 0) clearInterval(timer);
  }
  show();
}
