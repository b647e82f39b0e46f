// Keeps the numbers of a disruption current while the page is open. Without it the page works; one loads it again.
"use strict";
(function () {
  const progress = document.getElementById("progress");
  const live = document.getElementById("live");
  if (!progress || !window.fetch) return;
  const SECONDS = 2;
  const say = (words) => { if (live.textContent !== words) live.textContent = words; };

  async function refresh() {
    try {
      const answer = await fetch(progress.dataset.from, { headers: { Accept: "text/html" } });
      if (answer.status === 401) { window.location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const holder = document.createElement("template");
      holder.innerHTML = await answer.text();
      const empty = progress.querySelector("dl") === null;
      progress.replaceChildren(holder.content);
      if (empty && progress.querySelector("dl")) { window.location.reload(); return; }
      say(live.dataset.live);
    } catch (fault) {
      say(live.dataset.lost);
    }
    window.setTimeout(refresh, SECONDS * 1000);
  }

  window.setTimeout(refresh, SECONDS * 1000);
})();
