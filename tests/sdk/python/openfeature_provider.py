"""openfeature-provider-ofrep and openfeature-provider-flipt: OpenFeature over OFREP, a request for each evaluation.

The argument says which: `ofrep`, on the defaults of the server, or `flipt`, with a namespace of its own.
"""

import json
import sys

from openfeature import api
from openfeature.contrib.provider.flipt import FliptProvider
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

from talk import TOKEN, URL, after, check, end, lacks, quirk

FLIPT = sys.argv[1] == "flipt"


def client_with(domain, token):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if FLIPT:
        provider = FliptProvider(URL, "shop", headers_factory=lambda: headers)
    else:
        provider = OFREPProvider(URL, headers_factory=lambda: headers)
    api.set_provider(provider, domain)
    return api.get_client(domain)


def told(details):
    reason, code = (str(getattr(it, "value", it)) if it else None for it in (details.reason, details.error_code))
    return [details.value, details.variant, reason, code, details.error_message]


def text():
    return json.loads(client.get_string_details("banner", "mine", other).flag_metadata["attachment"])["text"]


client = client_with("good", TOKEN)
staff = EvaluationContext(
    "ada", {"email": "ada@acme.example", "age": 40, "beta": True, "tags": ["a", "b"], "address": {"city": "Graz"}}
)
other = EvaluationContext("bob")

check(
    "boolean",
    [
        told(client.get_boolean_details("checkout", False, staff)),
        told(client.get_boolean_details("checkout", True, other)),
    ],
    [[True, "true", "TARGETING_MATCH", None, None], [False, "false", "DEFAULT", None, None]],
)
quirk(
    "sends numbers, booleans, lists and objects of the context as they are (Flipt refuses those, Yardarm takes them)",
    client.get_boolean_details("checkout", False, staff).error_code,
    None,
)

quiet, news = (client.get_string_details("banner", "mine", who) for who in (staff, other))
check(
    "variant",
    [
        told(quiet),
        dict(quiet.flag_metadata),
        told(news),
        dict(news.flag_metadata),
        told(client.get_string_details("off", "mine", staff)),
    ],
    [
        ["quiet", "quiet", "TARGETING_MATCH", None, None],
        {"segments": "staff", "attachment": '{"level":3,"text":""}'},
        ["news", "news", "DEFAULT", None, None],
        {"attachment": '{"text":"first"}'},
        ["fallback", "fallback", "DISABLED", None, None],
    ],
)
quirk(
    "the value of a variant is its key; its attachment is text in `flag_metadata`",
    news.flag_metadata["attachment"],
    '{"text":"first"}',
)
lacks("batch")
lacks("list")
check(
    "key",
    told(client.get_string_details("nope", "mine", staff)),
    ["mine", None, "ERROR", "FLAG_NOT_FOUND", "flag was not found nope"],
)
check(
    "type",
    [told(client.get_boolean_details("banner", True, staff)), told(client.get_object_details("banner", {}, staff))],
    [
        [True, None, "ERROR", "TYPE_MISMATCH", "Expected type <class 'bool'> but got <class 'str'>"],
        [{}, None, "ERROR", "TYPE_MISMATCH", "Expected type (<class 'dict'>, <class 'list'>) but got <class 'str'>"],
    ],
)
refused = [True, None, "ERROR", "GENERAL", "unauthorized"]
check(
    "token",
    [
        told(client_with(name, token).get_boolean_details("checkout", True, staff))
        for name, token in (("wrong", "wrong"), ("none", None))
    ],
    [refused, refused],
)
here = client.get_string_value("default-only", "mine", staff)
if FLIPT:
    quirk(
        "the namespace is an argument, and goes out as `X-Flipt-Namespace`; the environment is a header of one's own",
        here,
        "mine",
    )
else:
    quirk("without the header `X-Flipt-Namespace` the namespace is `default`", here, "here")

after("pushed")
check("change", text(), "second")

after("down")
lost = told(client.get_boolean_details("checkout", True, staff))
check("outage", [lost[:4], "Connection refused" in lost[4]], [[True, None, "ERROR", "GENERAL"], True])

after("up")
check("recovery", text(), "third")

after("later")
check("again", text(), "fourth")
end()
