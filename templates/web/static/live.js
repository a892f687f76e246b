// Keeps an open page true: asks for it again when the server says that it changed, and counts time down.
// Without this file everything works; the page then stands still until it is reloaded.
"use strict";
(() => {
  const main = document.getElementById("content");
  const said = document.getElementById("said");
  const ahead = Date.parse(document.body.dataset.now) - Date.now(); // the server's clock is the one that counts
  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  let state = main.dataset.state;
  let asking = false;
  let again = false;

  const words = (seconds) => {
    if (seconds >= 300 && seconds < 3600) return `${Math.floor(seconds / 60)} min`; // a calm page ticks late
    let rest = Math.max(0, Math.floor(seconds));
    const parts = [];
    for (const [size, unit] of UNITS) {
      const count = Math.floor(rest / size);
      rest %= size;
      if (count) parts.push(`${count} ${unit}`);
    }
    return parts.slice(0, 2).join(" ") || "0 s";
  };

  const countDown = () => {
    const now = Date.now() + ahead;
    for (const place of document.querySelectorAll("[data-until]")) {
      const until = Date.parse(place.dataset.until);
      const rest = (until - now) / 1000;
      const share = Math.max(0, Math.min(100, (100 * (until - now)) / (until - Date.parse(place.dataset.from))));
      place.querySelector(".left-words").textContent = rest > 0 ? `${words(rest)} left` : "time is up";
      place.querySelector(".ring-line").setAttribute("stroke-dasharray", `${share.toFixed(1)} 100`);
      place.classList.toggle("urgent", share < 20);
      if (rest <= 0 && !place.dataset.over) {
        place.dataset.over = "yes";
        setTimeout(refresh, 1500);
      }
    }
  };

  const localTimes = (within) => {
    for (const time of within.querySelectorAll("time[data-local]")) {
      const at = new Date(time.dateTime);
      const today = at.toDateString() === new Date(Date.now() + ahead).toDateString();
      const hour = { hour: "2-digit", minute: "2-digit" };
      time.textContent = today ? at.toLocaleTimeString([], hour) : at.toLocaleString([], { day: "numeric", month: "short", ...hour });
    }
  };

  // Replace what differs; keep the focus and whatever was typed.
  const swap = (fresh) => {
    for (const old of document.querySelectorAll("[data-live]")) {
      const now = fresh.getElementById(old.id);
      if (!now) return location.reload();
      if (old.dataset.key !== undefined && old.dataset.key === now.dataset.key) continue;
      localTimes(now);
      if (old.isEqualNode(now)) continue;
      const active = old.contains(document.activeElement) ? document.activeElement : null;
      const typed = old.querySelector("textarea")?.value;
      old.replaceWith(document.importNode(now, true));
      const put = document.getElementById(old.id);
      const field = put.querySelector("textarea");
      if (typed && field) field.value = typed;
      if (typed && !field) keep(put, typed);
      if (active) refocus(put, active);
      if (now.dataset.say && now.dataset.say !== old.dataset.say) said.textContent = now.dataset.say;
    }
    document.title = fresh.title;
    state = fresh.getElementById("content").dataset.state;
    countDown();
  };

  const keep = (put, typed) => {
    const field = document.createElement("textarea");
    field.readOnly = true;
    field.rows = 3;
    field.value = typed;
    field.setAttribute("aria-label", "What you typed");
    put.append(field);
  };

  const refocus = (put, active) => {
    const href = active.getAttribute("href");
    const same = active.id
      ? document.getElementById(active.id)
      : [...put.querySelectorAll("a")].find((link) => href && link.getAttribute("href") === href);
    (same || main).focus({ preventScroll: true });
  };

  const refresh = () => {
    if (asking) { again = true; return; }
    asking = true;
    const request = new XMLHttpRequest(); // it parses for us, so no text is ever made into markup here
    request.open("GET", location.pathname + location.search);
    request.responseType = "document";
    request.onloadend = () => {
      asking = false;
      const fresh = request.response;
      if (!fresh) return;
      if (new URL(request.responseURL).pathname !== location.pathname) return location.reload();
      if (request.status !== 200) return location.reload();
      swap(fresh);
      if (again) { again = false; refresh(); }
    };
    request.send();
  };

  localTimes(document);
  countDown();
  setInterval(countDown, 1000);
  if (main.dataset.events) {
    const source = new EventSource(main.dataset.events);
    source.addEventListener("state", (event) => { if (event.data !== state) refresh(); });
    addEventListener("pagehide", () => source.close());
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }
})();
