// Counts the seconds in each .countdown down; without it the first text stands.
"use strict";
for (const place of document.querySelectorAll(".countdown")) {
  const end = performance.now() + Number(place.dataset.seconds) * 1000;
  const timer = setInterval(show, 250);
  function show() {
    const left = Math.ceil((end - performance.now()) / 1000);
    place.textContent = left > 0 ? duration(left) : place.dataset.over;
    if (left <= 0) clearInterval(timer);
  }
  show();
}

// As the service's pages say it.
function duration(left) {
  if (left === 1) return "1 second";
  if (left < 120) return `${left} seconds`;
  if (left < 7200) return `${Math.floor(left / 60)} minutes`;
  const minutes = String(Math.floor((left % 3600) / 60)).padStart(2, "0");
  if (left < 172800) return `${Math.floor(left / 3600)} h ${minutes} min`;
  return `${Math.floor(left / 86400)} days`;
}
