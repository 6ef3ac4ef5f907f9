"""flipt: asks the server for each evaluation."""

import json

from flipt import FliptClient
from flipt.authentication import ClientTokenAuthentication
from flipt.evaluation import BatchEvaluationRequest, EvaluationRequest
from flipt.models import ListParameters

from talk import TOKEN, URL, after, check, end, failure, quirk


def client_with(token):
    return FliptClient(url=URL, authentication=ClientTokenAuthentication(token) if token else None)


def ask(flag_key, **context):
    return EvaluationRequest(namespace_key="shop", flag_key=flag_key, entity_id="ada", context=context)


def text():
    return json.loads(client.evaluation.variant(ask("banner")).variant_attachment)["text"]


client = client_with(TOKEN)
staff = {"email": "ada@acme.example"}

booleans = [client.evaluation.boolean(ask("checkout", **staff)), client.evaluation.boolean(ask("checkout"))]
check(
    "boolean",
    [[b.enabled, b.reason, b.segment_keys, b.flag_key] for b in booleans],
    [
        [True, "MATCH_EVALUATION_REASON", ["staff"], "checkout"],
        [False, "DEFAULT_EVALUATION_REASON", [], "checkout"],
    ],
)

asked = [("banner", staff), ("banner", {}), ("plain", staff), ("off", staff)]
variants = [client.evaluation.variant(ask(flag, **context)) for flag, context in asked]
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

batch = client.evaluation.batch(
    BatchEvaluationRequest(request_id="r1", requests=[ask("checkout", **staff), ask("banner"), ask("nope")])
)
first, second, third = batch.responses
check(
    "batch",
    [
        batch.request_id,
        first.boolean_response.enabled,
        second.variant_response.variant_key,
        third.error_response.model_dump(),
    ],
    ["r1", True, "news", {"flag_key": "nope", "namespace_key": "shop", "reason": "NOT_FOUND_ERROR_EVALUATION_REASON"}],
)

flags = client.flag.list_flags("shop")
check(
    "list",
    [[flag.key, flag.type, flag.enabled, flag.name] for flag in flags.flags] + [flags.total_count],
    [
        ["adults", "BOOLEAN_FLAG_TYPE", False, "Adults"],
        ["banner", "VARIANT_FLAG_TYPE", True, "Banner"],
        ["checkout", "BOOLEAN_FLAG_TYPE", False, "New checkout"],
        ["off", "VARIANT_FLAG_TYPE", False, "Switched off"],
        ["plain", "VARIANT_FLAG_TYPE", True, "No attachment"],
        ["release", "VARIANT_FLAG_TYPE", True, "Release"],
        6,
    ],
)
quirk(
    "paging does not reach the server: `ListParameters` go out as one query key of JSON, which is ignored",
    len(client.flag.list_flags("shop", ListParameters(limit=1)).flags),
    6,
)
quirk(
    "`get_flag` asks a route of Flipt v1, which Flipt v2 and Yardarm do not have",
    failure(lambda: client.flag.get_flag("shop", "banner")),
    {"type": "FliptApiError", "message": "Not Found"},
)

check(
    "key",
    failure(lambda: client.evaluation.variant(ask("nope"))),
    {"type": "FliptApiError", "message": 'flag "shop/nope" not found'},
)
check(
    "type",
    [
        failure(lambda: client.evaluation.boolean(ask("banner"))),
        failure(lambda: client.evaluation.variant(ask("checkout"))),
    ],
    [
        {"type": "FliptApiError", "message": "flag type VARIANT_FLAG_TYPE invalid"},
        {"type": "FliptApiError", "message": "flag type BOOLEAN_FLAG_TYPE invalid"},
    ],
)

refused = {"type": "FliptApiError", "message": "request was not authenticated"}
check(
    "token",
    [
        failure(lambda: client_with("wrong").evaluation.boolean(ask("checkout"))),
        failure(lambda: client_with(None).evaluation.boolean(ask("checkout"))),
        failure(lambda: client_with("wrong").flag.list_flags("shop")),
    ],
    [refused, refused, refused],
)

after("pushed")
check("change", text(), "second")

after("down")
check("outage", failure(text)["type"], "ConnectError")

after("up")
check("recovery", text(), "third")

after("later")
check("again", text(), "fourth")
end()
