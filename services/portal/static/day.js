// Keeps the day's table current while the page is open. Without it the page works; one loads it again by hand.
"use strict";
(function () {
  const table = document.getElementById("day");
  const live = document.getElementById("live");
  const none = document.getElementById("none");
  if (!table || !window.EventSource) return;
  const body = table.tBodies[0];
  const query = "?date=" + encodeURIComponent(table.dataset.date);
  const say = (words) => { if (live.textContent !== words) live.textContent = words; };
  const ended = (answer) => { if (answer.status === 401) window.location.reload(); return answer.ok; };
  const count = () => { none.hidden = body.rows.length > 0; };

  async function fetched(address) {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (!ended(answer)) return null;
    const holder = document.createElement("template");
    holder.innerHTML = "<table><tbody>" + (await answer.text()) + "</tbody></table>";
    return holder.content.querySelector("tbody");
  }

  function place(row) {
    const later = Array.from(body.rows).find((other) => other.dataset.starts > row.dataset.starts);
    body.insertBefore(row, later || null);
    row.classList.add("changed");
  }

  async function refreshRow(id) {
    const fresh = await fetched(table.dataset.rows + "/" + encodeURIComponent(id) + query);
    if (fresh === null) return;
    const old = document.getElementById("row-" + id);
    const focused = old && old.contains(document.activeElement);
    if (old) old.remove();
    const row = fresh.rows[0];
    if (row) {
      place(row);
      if (focused) { const link = row.querySelector("a"); if (link) link.focus(); }
    }
    count();
    if (old || row) say(live.dataset.changed);
  }

  async function refreshAll() {
    const fresh = await fetched(table.dataset.rows + query);
    if (fresh === null || body.contains(document.activeElement)) return;
    body.replaceChildren(...Array.from(fresh.rows));
    count();
    say(live.dataset.live);
  }

  const source = new EventSource(table.dataset.stream);
  let turn = Promise.resolve();
  const queue = (work) => { turn = turn.then(work).catch(() => say(live.dataset.lost)); };
  source.addEventListener("ready", () => queue(refreshAll));
  for (const name of ["appointment", "departed"]) {
    source.addEventListener(name, (event) => {
      const id = JSON.parse(event.data).appointment_id;
      queue(() => refreshRow(id));
    });
  }
  source.onerror = () => say(live.dataset.lost);
  source.onopen = () => say(live.dataset.live);
})();
