"""flipt-client: evaluates by itself (a native engine) on snapshots that it polls for, or that are streamed to it.

The argument says which: `polling` or `streaming`.
"""

import json
import sys

from flipt_client import FliptClient
from flipt_client.models import (
    ClientOptions,
    ClientTokenAuthentication,
    ErrorStrategy,
    EvaluationRequest,
    FetchMode,
)

from talk import TOKEN, URL, after, check, end, failure, quirk, ready, told, until

MODE = FetchMode(sys.argv[1])
STREAMS = MODE == FetchMode.STREAMING


def client_with(token, **more):
    return FliptClient(
        opts=ClientOptions(
            url=URL,
            namespace=more.pop("namespace", "shop"),
            # The shortest that it can, and for a stream one that no test waits for.
            update_interval=600 if STREAMS else 1,
            fetch_mode=MODE,
            authentication=ClientTokenAuthentication(client_token=token) if token else None,
            **more,
        )
    )


def text_of(client):
    return json.loads(client.evaluate_variant("banner", "ada", {}).variant_attachment)["text"]


client = client_with(TOKEN)
calm = client_with(TOKEN, environment="production", error_strategy=ErrorStrategy.FALLBACK)
staff = {"email": "ada@acme.example"}

booleans = [client.evaluate_boolean("checkout", "ada", staff), client.evaluate_boolean("checkout", "ada", {})]
check(
    "boolean",
    [[b.enabled, b.reason, b.segment_keys, b.flag_key] for b in booleans],
    [
        [True, "MATCH_EVALUATION_REASON", ["staff"], "checkout"],
        [False, "DEFAULT_EVALUATION_REASON", [], "checkout"],
    ],
)

asked = [("banner", staff), ("banner", {}), ("plain", staff), ("off", staff)]
variants = [client.evaluate_variant(flag, "ada", context) for flag, context in asked]
check(
    "variant",
    [[v.match, v.reason, v.variant_key, v.variant_attachment] for v in variants],
    [
        [True, "MATCH_EVALUATION_REASON", "quiet", '{"level":3,"text":""}'],
        [False, "DEFAULT_EVALUATION_REASON", "news", '{"text":"first"}'],
        [True, "MATCH_EVALUATION_REASON", "a", "null"],
        [False, "FLAG_DISABLED_EVALUATION_REASON", "fallback", "null"],
    ],
)
quirk("the attachment is text; of a variant without one it is the text `null`", variants[2].variant_attachment, "null")

batch = client.evaluate_batch(
    [EvaluationRequest(flag_key=flag, entity_id="ada", context=staff) for flag in ("checkout", "banner", "nope")]
)
first, second, third = batch.responses
check(
    "batch",
    [
        first.boolean_evaluation_response.enabled,
        second.variant_evaluation_response.variant_key,
        third.error_evaluation_response.model_dump(),
    ],
    [True, "quiet", {"flag_key": "nope", "namespace_key": "shop", "reason": "NOT_FOUND_ERROR_EVALUATION_REASON"}],
)

check(
    "list",
    sorted([flag.key, flag.type, flag.enabled] for flag in client.list_flags()),
    [
        ["adults", "BOOLEAN_FLAG_TYPE", False],
        ["banner", "VARIANT_FLAG_TYPE", True],
        ["checkout", "BOOLEAN_FLAG_TYPE", False],
        ["off", "VARIANT_FLAG_TYPE", False],
        ["plain", "VARIANT_FLAG_TYPE", True],
        ["release", "VARIANT_FLAG_TYPE", True],
    ],
)
check(
    "key",
    failure(lambda: client.evaluate_variant("nope", "ada", {})),
    {"type": "EvaluationError", "message": "invalid request: failed to get flag information shop/nope"},
)
check(
    "type",
    [
        failure(lambda: client.evaluate_boolean("banner", "ada", {})),
        failure(lambda: client.evaluate_variant("checkout", "ada", {})),
    ],
    [
        {"type": "EvaluationError", "message": "invalid request: banner is not a boolean flag"},
        {"type": "EvaluationError", "message": "invalid request: checkout is not a variant flag"},
    ],
)


def refused(token):
    """A client that may not come in is made all the same, and fails when it is asked."""
    stranger = client_with(token)
    try:
        seen = failure(lambda: stranger.evaluate_boolean("checkout", "ada", {}))
        # Its first request or the one after it: the rest of the message is the URL.
        return [seen["type"], seen["message"].split(" for url ")[0]]
    finally:
        stranger.close()


unauthorized = ["EvaluationError", "server error: response: HTTP status client error (401 Unauthorized)"]
check("token", [refused("wrong"), refused(None)], [unauthorized, unauthorized])
quirk(
    "a wrong token is no error when the client is made: every evaluation raises `EvaluationError`",
    refused("wrong")[0],
    "EvaluationError",
)

ready("pushed")
check(
    "change",
    [until(lambda: text_of(one), lambda text: text == "second") for one in (client, calm)],
    ["second", "second"],
)
told("pushed")

ready("down")
told("down")
raised = until(lambda: text_of(client), lambda text: text != "second")
check("outage", [raised["type"] if isinstance(raised, dict) else raised, text_of(calm)], ["EvaluationError", "second"])
quirk(
    "with the default `error_strategy=fail` every evaluation raises while the server is away; "
    "with `fallback` the last snapshot goes on being used",
    [raised["type"] if isinstance(raised, dict) else raised, text_of(calm)],
    ["EvaluationError", "second"],
)

after("up")
check(
    "recovery",
    [until(lambda: text_of(one), lambda text: text == "third") for one in (client, calm)],
    ["third", "third"],
)

ready("later")
check(
    "again",
    [until(lambda: text_of(one), lambda text: text == "fourth") for one in (client, calm)],
    ["fourth", "fourth"],
)
told("later")
end()
