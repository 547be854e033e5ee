"use strict";
// Puts each part that the server sends in place of the one before; when the test has ended, shows its report.
const box = document.getElementById("live");
const source = new EventSource(box.dataset.events);
source.addEventListener("part", (event) => {
  box.innerHTML = event.data;
});
source.addEventListener("end", () => {
  source.close();
  location.replace(box.dataset.run);
});
