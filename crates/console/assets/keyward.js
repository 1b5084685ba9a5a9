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

// Copy buttons: <button data-copy="#id">; the button says that it is done for a moment, and tells its page ("copied"). Where
// there is no clipboard, or the browser keeps it shut, the text is selected, to be copied by hand.
for (const button of document.querySelectorAll("[data-copy]")) {
  const label = [...button.childNodes];
  let done;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const from = document.querySelector(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(from.value ?? from.textContent);
    } catch {
      from.focus();
      if (from.select) from.select(); else getSelection().selectAllChildren(from);
      return;
    }
    button.dispatchEvent(new Event("copied"));
    button.textContent = button.dataset.done;
    clearTimeout(done);
    done = setTimeout(() => button.replaceChildren(...label), 2000);
  });
}

// After a form with errors, the list of them is read first.
document.querySelector("[data-errors]")?.focus();
