// Small helps; every page works without them.
"use strict";

// The zone of this clock, so that the server can show times as the person reads them.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.includes("keyward-zone=" + zone)) {
  const first = !document.cookie.includes("keyward-zone=");
  document.cookie = "keyward-zone=" + zone + "; path=/; max-age=31536000; samesite=strict" +
    (location.protocol === "https:" ? "; secure" : "");
  // Times that are on the page already are put into the zone here.
  if (first || document.querySelector("time")) {
    for (const time of document.querySelectorAll("time[datetime]")) {
      time.title = new Date(time.dateTime).toLocaleString(document.documentElement.lang, { timeZoneName: "short" });
    }
  }
}

// The menu of small screens closes with Escape.
for (const menu of document.querySelectorAll("[data-menu]")) {
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}

// Copy buttons: <button data-copy="#id">; the button says that it is done for a moment.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const from = document.querySelector(button.dataset.copy);
    await navigator.clipboard.writeText(from.value ?? from.textContent);
    const label = button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

// After a form with errors, the list of them is read first.
document.querySelector("[data-errors]")?.focus();
