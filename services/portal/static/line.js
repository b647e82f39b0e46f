// Keeps one's place in line current and goes in when it is one's turn. Without it the page loads itself again.
"use strict";
(function () {
  const place = document.getElementById("place");
  if (!place || !window.fetch) return;
  const again = () => window.setTimeout(look, Number(place.dataset.seconds) * 1000);

  async function look() {
    try {
      const answer = await fetch(place.dataset.from, { headers: { Accept: "text/html" } });
      if (answer.status === 401) { window.location.reload(); return; }
      if (answer.status === 204) { window.location.assign(place.dataset.to); return; }
      if (answer.ok) {
        const holder = document.createElement("template");
        holder.innerHTML = await answer.text();
        if (place.textContent.trim() !== holder.content.textContent.trim()) place.replaceChildren(holder.content);
      }
    } catch (fault) {
      // Out of reach for a moment: the place is in the ticket, the next look finds it again.
    }
    again();
  }

  again();
})();
