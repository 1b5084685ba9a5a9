// A call with a key, and the right way to wait: node call.mjs (Node 18 or later)
// KEYWARD_URL is the API's address, KEYWARD_KEY the key; KEYWARD_MAX_WAIT says how many seconds to wait in all (120).

import { setTimeout as sleep } from "node:timers/promises";

const MOST_TRIES = 5;

const { KEYWARD_URL: url, KEYWARD_KEY: key, KEYWARD_MAX_WAIT: maxWait = "120" } = process.env;
if (!url || !key) {
  console.error("KEYWARD_URL and KEYWARD_KEY are not set: the API's address and your key");
  process.exit(2);
}
process.exitCode = (await callUntilAnswered()) ? 0 : 1;

async function callUntilAnswered() {
  let leftToWait = Number(maxWait);
  for (let tries = 1; ; tries++) {
    const response = await fetch(`${url.replace(/\/+$/, "")}/api/123/resource`, {
      headers: { "X-API-KEY": key },
      redirect: "manual", // A redirect would take the key to another server.
      signal: AbortSignal.timeout(30_000),
    });
    const body = await response.text();
    if (response.ok) {
      console.log(response.status, body);
      const remaining = response.headers.get("X-RateLimit-Remaining");
      if (remaining !== null) {
        console.log(`${remaining} requests left until ${response.headers.get("X-RateLimit-Reset")}`);
      }
      return true;
    }

    console.error(response.status, problem(body));
    const seconds = pause(response);
    if (seconds === null || tries === MOST_TRIES) return false;
    if (seconds > leftToWait) {
      console.error(`giving up: another try makes sense in ${seconds} s`);
      return false;
    }
    leftToWait -= seconds;
    console.error(`waiting ${seconds} s`);
    // Up to a second more, so that not all clients come back in the same instant.
    await sleep((seconds + Math.random()) * 1000);
  }
}

// Seconds until another try makes sense; null when none does.
function pause(response) {
  // Another try changes nothing about the key, the site or the address.
  if (response.status !== 429 && response.status !== 503) return null;
  const after = number(response, "Retry-After");
  if (after !== null) return after;
  const reset = number(response, "X-RateLimit-Reset");
  if (response.status === 429 && reset !== null) return Math.max(1, reset - Math.floor(Date.now() / 1000));
  return null;
}

function number(response, header) {
  const text = response.headers.get(header) ?? "";
  return /^[0-9]+$/.test(text) ? Number(text) : null;
}

// What a problem document says; another body as it is.
function problem(body) {
  try {
    const { code, detail } = JSON.parse(body);
    return `${code}: ${detail}`;
  } catch {
    return body;
  }
}
