"""A call with a key, and the right way to wait: python3 call.py

KEYWARD_URL is the API's address, KEYWARD_KEY the key; KEYWARD_MAX_WAIT says how many seconds to wait in all (120).
"""

import json
import os
import random
import sys
import time
import urllib.error
import urllib.request

MOST_TRIES = 5


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would take the key to another server."""

    def redirect_request(self, *_):
        return None


def main():
    url, key = os.environ.get("KEYWARD_URL"), os.environ.get("KEYWARD_KEY")
    if not url or not key:
        sys.exit("KEYWARD_URL and KEYWARD_KEY are not set: the API's address and your key")
    left_to_wait = float(os.environ.get("KEYWARD_MAX_WAIT", "120"))

    for tries in range(1, MOST_TRIES + 1):
        status, headers, body = call(f"{url.rstrip('/')}/api/123/resource", key)
        if 200 <= status < 300:
            print(status, body)
            if headers.get("X-RateLimit-Remaining"):
                print(headers["X-RateLimit-Remaining"], "requests left until", headers["X-RateLimit-Reset"])
            return

        print(status, problem(body), file=sys.stderr)
        seconds = pause(status, headers)
        if seconds is None or tries == MOST_TRIES:
            break
        if seconds > left_to_wait:
            print(f"giving up: another try makes sense in {seconds} s", file=sys.stderr)
            break
        left_to_wait -= seconds
        print(f"waiting {seconds} s", file=sys.stderr)
        # Up to a second more, so that not all clients come back in the same instant.
        time.sleep(seconds + random.random())
    sys.exit(1)


def call(url, key):
    request = urllib.request.Request(url, headers={"X-API-KEY": key})
    opener = urllib.request.build_opener(NoRedirects)
    try:
        with opener.open(request, timeout=30) as response:
            return response.status, response.headers, response.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode(errors="replace")


def pause(status, headers):
    """Seconds until another try makes sense; None when none does."""
    if status not in (429, 503):
        return None  # Another try changes nothing about the key, the site or the address.
    after = headers.get("Retry-After", "")
    if after.isascii() and after.isdigit():
        return int(after)
    reset = headers.get("X-RateLimit-Reset", "")
    if status == 429 and reset.isascii() and reset.isdigit():
        return max(1, int(reset) - int(time.time()))
    return None


def problem(body):
    """What a problem document says; another body as it is."""
    try:
        document = json.loads(body)
        return f"{document['code']}: {document['detail']}"
    except (ValueError, KeyError, TypeError):
        return body


main()
