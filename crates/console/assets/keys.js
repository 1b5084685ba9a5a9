
// Keys: typing chooses the list that is typed into.
for (const field of document.querySelectorAll("[data-for]")) {
  field.addEventListener("input", () => {
    const rule = document.querySelector(`[data-rule="${field.dataset.for}"]`);
    if (field.value !== "" || field.querySelector?.(":checked")) rule.checked = true;
  });
}

// Keys: a list that is not chosen, and so not seen, is not sent.
for (const form of document.querySelectorAll("form:has(.key-list)")) {
  form.addEventListener("submit", () => {
    for (const list of form.querySelectorAll(".key-list")) {
      if (list.offsetParent !== null) continue;
      for (const field of list.querySelectorAll("input, textarea")) field.disabled = true;
    }
  });
}
window.addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll(".key-list :disabled")) field.disabled = false;
});

// Keys: addresses are looked at while they are typed. The server has the last word.
function isAddress(line) {
  const parts = line.split("/");
  const v4 = /^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.|$)){4}$/.test(parts[0]) && !parts[0].endsWith(".");
  const v6 = !v4 && isV6(parts[0]);
  if (parts.length > 2 || !(v4 || v6)) return false;
  return parts.length === 1 || (/^(0|[1-9]\d{0,2})$/.test(parts[1]) && Number(parts[1]) <= (v4 ? 32 : 128));
}
function isV6(text) {
  if (!/^[0-9a-f:.]+$/i.test(text)) return false;
  try { return new URL(`http://[${text}]/`).hostname !== ""; } catch { return false; }
}
for (const area of document.querySelectorAll("[data-addresses]")) {
  const note = document.getElementById(area.id + "-typed");
  const look = () => {
    // The line that is being typed is left alone.
    const before = document.activeElement === area ? area.value.slice(0, area.selectionStart).split("\n").length - 1 : -1;
    const lines = area.value.split("\n").map((line) => line.trim());
    const wrong = lines.flatMap((line, place) => line === "" || place === before || isAddress(line) ? [] : [place + 1]);
    note.hidden = wrong.length === 0;
    note.textContent = wrong.length === 0 ? "" : `${area.dataset.addresses} ${wrong.slice(0, 5).join(", ")}`;
  };
  area.addEventListener("input", look);
  area.addEventListener("blur", look);
}
for (const button of document.querySelectorAll("[data-add]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const area = document.querySelector("[data-addresses]");
    const lines = area.value.split("\n").filter((line) => line.trim() !== "");
    if (!lines.includes(button.dataset.add)) lines.push(button.dataset.add);
    area.value = lines.join("\n");
    area.dispatchEvent(new Event("input"));
  });
}

// Pages that show a secret once: they ask before one leaves them, until the secret is stored; and forget it then.
const once = document.querySelector("[data-once]");
if (once) {
  const stored = once.querySelector("[data-stored]") ?? { checked: false };
  once.querySelector("[data-needs-script]")?.removeAttribute("hidden");
  // A reload, and the way back, lead to the page behind it instead of sending the form again.
  history.replaceState(null, "", once.dataset.once);
  const secret = once.querySelector("[data-secret]");
  secret.addEventListener("focus", () => secret.select?.());
  const download = once.querySelector("[data-download]");
  download.hidden = false;
  download.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([(secret.value ?? secret.textContent).trimEnd() + "\n"], { type: "text/plain" }));
    link.download = download.dataset.download;
    link.click();
    URL.revokeObjectURL(link.href);
  });
  for (const button of document.querySelectorAll("[data-stores]")) {
    button.addEventListener(button.dataset.copy ? "copied" : "click", () => { stored.checked = true; });
  }
  window.addEventListener("beforeunload", (event) => { if (!stored.checked) event.preventDefault(); });
  window.addEventListener("pagehide", () => {
    for (const place of document.querySelectorAll("[data-secret]")) {
      if ("value" in place) place.value = "";
      place.removeAttribute("value");
      place.textContent = "";
    }
  });
  // Whoever comes back to a page that was kept finds it empty, and is sent on.
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.replace(once.dataset.once); });
}
