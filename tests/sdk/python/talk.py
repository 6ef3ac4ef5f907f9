"""How a client's script speaks with the test that plays its server: a line of JSON for each finding, and for each word
that it is told a line.

A script that loses its test (the end of its input) ends.
"""

import json
import os
import sys
import threading
import time

URL = os.environ["YARDARM_URL"]
TOKEN = os.environ["YARDARM_TOKEN"]

# What has to happen happens within this time.
DEADLINE = 60

_heard = set()
_changed = threading.Condition()


def _say(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _find(finding, saw, want):
    plain = json.loads(json.dumps(saw))
    want = json.loads(json.dumps(want))
    _say({**finding, "ok": plain == want, "saw": plain, "want": want})


def check(step, saw, want):
    """One of the steps that every client is asked to take."""
    _find({"step": step}, saw, want)


def quirk(says, saw, want):
    """What is odd about this client, in words, and the proof of it."""
    _find({"quirk": says}, saw, want)


def lacks(step):
    """A step that this client has no way to take."""
    _say({"lacks": step})


def failure(attempt):
    """What an attempt ends with: the type and message of its error, or what it gave."""
    try:
        return {"gave": str(attempt())}
    except Exception as error:
        return {"type": type(error).__name__, "message": getattr(error, "message", None) or str(error)}


def until(ask, wanted):
    """Asks until the answer is as wanted; the last answer. An error is an answer too."""
    end = time.monotonic() + DEADLINE
    while True:
        try:
            last = ask()
        except Exception as error:
            last = {"type": type(error).__name__, "message": str(error)}
        if wanted(last) or time.monotonic() > end:
            return last
        with _changed:
            _changed.wait(0.005)


def _listen():
    for word in sys.stdin:
        with _changed:
            _heard.add(word.strip())
            _changed.notify_all()
    os._exit(0 if "end" in _heard else 3)


threading.Thread(target=_listen, daemon=True).start()


def ready(act):
    """Tells the test that this client is ready for the next act."""
    _say({"awaits": act})


def told(act):
    """Waits for the test's word that an act has been played."""
    with _changed:
        _changed.wait_for(lambda: act in _heard)


def after(act):
    """Ready for an act, and back when it has been played."""
    ready(act)
    told(act)


def end():
    """The end: what still runs (threads of an engine) ends with the process."""
    after("end")
    os._exit(0)
