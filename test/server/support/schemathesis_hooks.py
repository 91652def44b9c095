"""Loaded by schemathesis (SCHEMATHESIS_HOOKS): keeps a run short and the server worth asking; no answer is kept from being checked."""

import requests
import schemathesis

MOST_RUNS = 20
# In the box.
MODEL = "shapes"


@schemathesis.hook
def before_call(context, case, kwargs):
    """A benchmark of thousands of runs is valid, but tells nothing that a short one does not."""
    body = case.body
    if case.operation.path != "/benchmark" or not isinstance(body, dict):
        return
    try:
        if MOST_RUNS < int(body["num_runs"]) <= 10_000:
            body["num_runs"] = MOST_RUNS
    except (KeyError, TypeError, ValueError, OverflowError):
        return


@schemathesis.hook
def after_call(context, case, response):
    """Without a model every other route says no more than that there is none."""
    if case.operation.path != "/models/unload" or response.status_code != 200:
        return
    url = response.request.url.replace("/models/unload", "/models/load")
    requests.post(url, json={"model": MODEL}, timeout=60).raise_for_status()
