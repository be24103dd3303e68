"""The page of one channel: what it says, that odd kinds reach theirs, and that nothing in it is HTML but its own."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import quote

import pytest
from django.test import override_settings
from pydantic import BaseModel, Discriminator, Field, SecretStr, Tag, field_validator

from gcp_event_router import Event, EventRouter
from gcp_event_router.exceptions import ConfigurationError
from gcp_event_router.google.storage import StorageObjectData

from ..support.admin_pages import Pages, text
from ..support.catalogue_handlers import HOSTILE, ODD

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("admin_site")]
CHANNEL = "/catalogue/channel/"


class Order(BaseModel):
    """What somebody ordered."""

    order_id: int = Field(ge=1, examples=[4711])
    note: str = ""


class Even(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def must_be_even(cls, number: int) -> int:
        if number % 2:
            raise ValueError("odd")
        return number


class Where(BaseModel):
    warehouse: int = 1


class OrderV2(BaseModel):
    """The same with a currency, see `Order`."""

    order_id: int
    currency: str = Field("EUR", description="As in\n`ISO 4217`.")


class Strange:
    """What pydantic has no schema for."""


def record(event: Event[Order]) -> None:
    """Record an `order`.

    It does that
    once:
    - and no more
    """


def tell(event: Event[Order]) -> None: ...


def section(html: str, name: str) -> str:
    """What a section of the page says."""
    (found,) = re.findall(rf'<h2 id="{name}">.*?(?=<h2 id=|</main>)', html, re.DOTALL)
    return text(found)


def commands(html: str) -> list[str]:
    """The commands of the page."""
    return [text(each) for each in re.findall(r'<pre id="line-.*?</pre>', html, re.DOTALL)]


def test_page(router: EventRouter) -> None:
    """A page has the handlers, the fields, the schema, an example, commands, and who may send."""
    router.on("order-placed", name="shop.record", max_attempts=3, deferred=True)(record)

    html = Pages().get(CHANNEL, kind="order-placed")

    assert re.sub(r"\d+", "0", section(html, "handlers")) == (
        "Handlers shop.record tests/catalogue/test_channel_page.py:0 sync, deferred, at most 0 attempts "
        "Record an order . It does that once: and no more"
    )
    assert section(html, "payload").startswith(
        "Payload Order What somebody ordered. The fields of Order Field Type Required Details "
        'order_id integer required minimum: 1 note string optional, "" unless given JSON Schema {'
    )
    assert section(html, "example") == 'Example { "order_id": 4711, "note": "" } Copy the example'
    assert commands(html)[0] == (
        "curl -i https://shop.example/events/order-placed/1 \\ -H 'Content-Type: application/json' \\ "
        """--data-raw '{"order_id": 4711, "note": ""}'"""
    )
    assert section(html, "security") == "Who may send it open Open to everybody: no authenticator is configured."


def test_jumps(router: EventRouter) -> None:
    """Links lead to each section of the page."""
    router.on("order-placed")(record)

    html = Pages().get(CHANNEL, kind="order-placed")

    jumps = re.findall('<a href="#([a-z]+)">(.*?)</a>', html)
    assert jumps == re.findall('<h2 id="(.*?)">(.*?)</h2>', html)
    assert [name for _, name in jumps][:5] == ["Handlers", "Payload", "Example", "Send it", "Who may send it"]


def test_docstrings_are_paragraphs(router: EventRouter) -> None:
    """What models, fields and handlers say is written without the line breaks and the back-ticks of the source."""

    def record_new(event: Event[OrderV2]) -> None: ...

    router.on("new")(record)
    router.on("new")(record_new)

    html = Pages().get(CHANNEL, kind="new")

    assert re.findall('<div class="prose">(.*?)</div>', html) == [
        "<p>Record an <code>order</code>.</p><p>It does that once:</p><ul><li>and no more</li></ul>",
        "<p>What somebody ordered.</p>",
        "<p>The same with a currency, see <code>Order</code>.</p>",
        "<p>As in <code>ISO 4217</code>.</p>",
    ]


def test_each_member_of_a_union_has_an_example(router: EventRouter) -> None:
    """A handler of a union has an example of each member, which its own reader accepts; the commands send the first."""

    def version(value: Any) -> str:
        return "v2" if "currency" in value else "v1"

    tagged = Annotated[Annotated[Order, Tag("v1")] | Annotated[OrderV2, Tag("v2")], Discriminator(version)]
    router.on("tagged", payload=tagged)(lambda event: None)
    html = Pages().get(CHANNEL, kind="tagged")

    assert section(html, "example") == (
        'Example Order { "order_id": 4711, "note": "" } Copy the example of Order '
        'OrderV2 { "order_id": 1, "currency": "EUR" } Copy the example of OrderV2'
    )
    assert """--data-raw '{"order_id": 4711, "note": ""}'""" in commands(html)[0]
    assert "x-chosen-by-function" not in section(html, "payload").partition("JSON Schema")[0]


def test_long_payload_stands_once(router: EventRouter) -> None:
    """A payload that would hide the commands comes before them, and they read it; the example is a real one."""

    def resize(event: Event[StorageObjectData]) -> None: ...

    router.on(ce_type="google.cloud.storage.object.v1.finalized")(resize)

    html = Pages().get(CHANNEL, kind="*", type="google.cloud.storage.object.v1.finalized")

    first, curl, gcloud, own = commands(html)
    assert first.startswith("""PAYLOAD='{"bucket": "photos", "contentType": "image/jpeg", """)
    assert "Enter this first: the commands read it." in section(html, "send")
    assert curl.endswith('--data-raw "$PAYLOAD"')
    assert '--message="$PAYLOAD"' in gcloud
    assert own.endswith('--data "$PAYLOAD" google.cloud.storage.object.v1.finalized')


def test_local_commands(router: EventRouter) -> None:
    """Beside a command with `BASE_URL` stands the same for the server that shows the page."""
    router.on("order-placed")(record)

    pages = Pages()

    html = pages.get(CHANNEL, kind="order-placed")

    site, local = (text(each) for each in re.findall(r'<pre id="(?:line|local)-1".*?</pre>', html, re.DOTALL))
    assert site.startswith("curl -i https://shop.example/events/order-placed/1 ")
    assert local == site.replace("https://shop.example", "http://testserver")
    assert "To this server, http://testserver" in section(html, "send")
    assert len(re.findall('<pre id="local-', html)) == 1
    with override_settings(BASE_URL="http://testserver/"):
        assert "To this server" not in pages.get(CHANNEL, kind="order-placed")


@pytest.mark.parametrize("kind", [*ODD, HOSTILE.replace("/", ""), "ünïcødé-💥", "a+b", "[]]", "..", "a\\b", "kind=a&type=b", "#"])
def test_every_kind_has_a_page(router: EventRouter, kind: str) -> None:
    """The list's link leads to the page of its own kind, whatever characters that has."""
    router.on(kind)(record)
    router.on("*")(record)
    pages = Pages()

    (link,) = [each for each in re.findall(r'<a class="kind" href="(.*?)"', pages.get("/catalogue/")) if "=%2A" not in each]
    response = pages.client.get(link.replace("&amp;", "&"))

    html = response.content.decode()
    assert response.status_code == 200
    assert text(re.findall("<h1.*?</h1>", html)[0]) == re.sub(" +", " ", kind)
    assert "<script>" not in html


def test_type_and_fallback_tell_channels_apart(router: EventRouter) -> None:
    """Channels of one pattern have pages of their own, by their type, and by whether they are fallbacks."""
    router.on("a-*", name="plain")(record)
    router.on("a-*", ce_type="com.*", name="typed")(record)
    router.on(ce_type="com.*", name="of-type")(record)
    router.fallback(name="rest")(record)
    pages = Pages()

    def handlers(**query: str) -> list[str]:
        return re.findall(r'<span class="name">(.*?)</span>', pages.get(CHANNEL, **query))

    assert handlers(kind="a-*") == ["plain"]
    assert handlers(kind="a-*", type="com.*") == ["plain"]  # one function runs once
    assert handlers(kind="*", type="com.*") == ["of-type"]
    assert handlers(kind="*", fallback="yes") == ["rest"]
    assert commands(pages.get(CHANNEL, kind="*", type="com.*"))[0].startswith(
        "curl -i https://shop.example/events/com.example/1 \\ -H 'Content-Type: application/json' \\ -H 'ce-specversion: 1.0'"
    )


def test_attributes_tell_channels_apart(router: EventRouter) -> None:
    """A channel of attributes has a page, to which the list leads, and commands that send such attributes."""
    attributes = {"event=type": "OBJECT_*", "bucket&id": "a[*]"}
    router.on("a", name="all")(record)
    router.on("a", attributes=attributes, name="some")(tell)
    pages = Pages()

    links = [link for link in re.findall(r'<a class="kind" href="(.*?)"', pages.get("/catalogue/")) if "attribute" in link]
    html = pages.client.get(links[0].replace("&amp;", "&")).content.decode()

    assert re.findall(r'<span class="name">(.*?)</span>', html) == ["all", "some"]
    assert "One kind. Only with bucket&id=a[*] and event=type=OBJECT_* ." in text(html)
    assert commands(html)[0].startswith("gcloud pubsub topics publish TOPIC \\ --message=")
    assert commands(html)[0].endswith("--attribute='bucket&id=a*,event=type=OBJECT_example'")
    assert commands(html)[1].startswith(
        "python manage.py events send --attribute 'bucket&id=a*' --attribute event=type=OBJECT_example --data"
    )


@pytest.mark.parametrize(
    "query",
    [
        "kind=order-placed&attribute.x=a",
        "kind=order-placed&attribute.x=",
        "kind=order-placed&attribute.=a",
        "",
        "kind=",
        "kind=order",
        "kind=order-placed&type=com",
        "kind=order-placed&fallback=yes",
        "kind=[z-a]",
        "kind=%00",
        "x",
    ],
)
def test_what_there_is_not(router: EventRouter, query: str) -> None:
    """What is registered under no such key is a page with 404, which says where the others are."""
    router.on("order-placed")(record)

    response = Pages().client.get(f"{CHANNEL}?{query}")

    assert response.status_code == 404
    assert "There is no such kind here" in response.content.decode()
    assert '<a href="/catalogue/">all events</a>' in response.content.decode()


def test_missing_kind_is_escaped() -> None:
    """A kind that is not there is repeated as text, and searched for as it is."""
    response = Pages().client.get(f"{CHANNEL}?kind={quote(HOSTILE)}")

    assert "<script>" not in response.content.decode()
    assert f'href="/catalogue/?q={quote(HOSTILE, safe="")}"' in response.content.decode()


def test_descriptions_are_escaped(router: EventRouter) -> None:
    """What models, fields, values and handlers say of themselves stays text."""

    class Model(BaseModel):
        field: str = Field(HOSTILE, title=HOSTILE, description=HOSTILE, pattern=HOSTILE)

    Model.__doc__ = HOSTILE

    def hostile(event: Event[Model]) -> None: ...

    router.on("a", name=HOSTILE)(hostile)

    html = Pages().get(CHANNEL, kind="a")
    assert HOSTILE not in html
    assert html.count("&lt;script&gt;") > 5


def test_type_that_cannot_be_described(router: EventRouter) -> None:
    """A handler whose type has no schema has a page that says so, without a word of where it stands; all else is there."""

    def strange(event: Event[Strange]) -> None: ...

    router.on("strange")(strange)

    html = Pages().get(CHANNEL, kind="strange")

    assert section(html, "payload") == (
        "Payload The declared type cannot be described: manage.py check says what is wrong with it."
    )
    assert len(commands(html)) == 3
    assert __file__ not in html


class Only(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def must_be_one_of_ours(cls, number: int) -> int:
        if number != 4711:
            raise ValueError("another")
        return number


def test_no_example(router: EventRouter) -> None:
    """Where a validator of the model refuses whatever is tried, the page says what to declare, and the commands leave it open."""

    def only(event: Event[Only]) -> None: ...

    router.on("only", ce_type="com.example.only")(only)

    html = Pages().get(CHANNEL, kind="only", type="com.example.only")
    assert section(html, "example") == (
        "Example Cannot make an example of the payload that Only reads: the first try fails at number: The value was "
        "refused by a validator. Declare one: Field(examples=[...]) at the field, or Annotated[..., Field(examples=[...])] "
        "around the type."
    )
    curl, gcloud, own = commands(html)
    assert curl.endswith('--data-raw "$PAYLOAD"')
    assert '--message="$PAYLOAD"' in gcloud
    assert '--data "$PAYLOAD"' in own
    assert section(html, "send").count("Set PAYLOAD yourself: there is no example.") == 3


def test_example_that_a_validator_takes(router: EventRouter) -> None:
    """Where a validator refuses the plainest value, and takes another plain one, that is the example."""

    def even(event: Event[Even]) -> None: ...

    router.on("even")(even)

    assert section(Pages().get(CHANNEL, kind="even"), "example") == 'Example { "number": 2 } Copy the example'


class Declared(BaseModel):
    order_id: int = Field(examples=["x", 7])


def test_declared_example_that_is_refused(router: EventRouter) -> None:
    """A declared example that its own type refuses is in neither the example nor the schema, and the page says so."""

    def declared(event: Event[Declared]) -> None: ...

    router.on("declared")(declared)

    html = Pages().get(CHANNEL, kind="declared")
    assert section(html, "example") == (
        'Example { "order_id": 7 } Copy the example '
        "An example that is declared for Declared.order_id is left out: its type refuses it (int_parsing)."
    )
    assert '"examples": [ 7 ]' in section(html, "payload")


class Needed(BaseModel):
    shop: str
    tags: list[str] = Field(min_length=2)
    page: int = 1


def test_parameters_that_have_to_be_there(router: EventRouter) -> None:
    """Parameters that a handler requires are in the URL of each command; those that may be left out are not."""

    def place(event: Event[Order, Needed]) -> None: ...

    router.on("placed")(place)

    curl, gcloud, own = commands(Pages().get(CHANNEL, kind="placed"))
    assert curl.startswith("curl -i 'https://shop.example/events/placed/1?shop=shop&tags=tags&tags=tags' ")
    assert gcloud.startswith("gcloud pubsub topics publish TOPIC ")
    assert own == (
        "python manage.py events send --parameter shop=shop --parameter tags=tags --parameter tags=tags "
        """--data '{"order_id": 4711, "note": ""}' placed"""
    )


def test_payloads_that_are_no_objects(router: EventRouter) -> None:
    """Bytes, nothing and anything have words for a table, and an example that their handler reads."""

    def of_bytes(event: Event[bytes]) -> None: ...
    def of_none(event: Event[None]) -> None: ...
    def of_any(event: Event[Any]) -> None: ...

    for each in (of_bytes, of_none, of_any):
        router.on(each.__name__)(each)
    pages = Pages()

    said = [pages.get(CHANNEL, kind=each) for each in ("of_bytes", "of_none", "of_any")]
    assert [section(each, "payload").split(" JSON Schema")[0] for each in said] == [
        "Payload The payload any contentMediaType: application/octet-stream",
        "Payload The payload null",
        "Payload The payload any",
    ]
    assert [section(each, "example") for each in said] == [
        "Example something Copy the example",
        "Example It has no payload.",
        "Example { } Copy the example".replace("{ }", "{}"),
    ]


def test_parameters(router: EventRouter) -> None:
    """What a handler reads from the URL has a table of its own."""

    def place(event: Event[Order, Where]) -> None: ...

    router.on("placed", name="shop.place")(place)

    assert (
        "Parameters of the URL, for shop.place Where The fields of Where Field Type Required "
        "warehouse integer optional, 1 unless given"
    ) in section(Pages().get(CHANNEL, kind="placed"), "payload")


def test_parameters_that_cannot_be_described(router: EventRouter) -> None:
    """Parameters that have no schema have no table; all else of the page is there."""

    def place(event: Event[Order, Strange]) -> None: ...

    router.on("placed")(place)

    html = Pages().get(CHANNEL, kind="placed")
    assert "Parameters of the URL" not in html
    assert len(commands(html)) == 3


def test_declared_kind(router: EventRouter) -> None:
    """A kind that is declared and has no handler here has a page, with its payload."""
    router.kind("a*b", Order)

    html = Pages().get(CHANNEL, kind="a[*]b")

    assert "Declared once, for both ends." in html
    assert section(html, "handlers") == "Handlers Nothing here handles it."
    assert commands(html)[0].startswith("curl -i 'https://shop.example/events/a*b/1'")


@override_settings(BASE_URL=None)
def test_base_url(router: EventRouter) -> None:
    """Without BASE_URL, events are sent to where the page is."""
    router.on("a")(record)

    assert commands(Pages().get(CHANNEL, kind="a"))[0].startswith("curl -i http://testserver/events/a/1 ")


@override_settings(BASE_URL=5)
def test_base_url_that_is_no_string(router: EventRouter) -> None:
    """The page fails as everything does that needs BASE_URL, and says why."""
    router.on("a")(record)

    with pytest.raises(ConfigurationError, match=r"settings\.BASE_URL is 5, which is not a string"):
        Pages().get(CHANNEL, kind="a")


@override_settings(ROOT_URLCONF="tests.catalogue.test_permissions")
def test_without_an_endpoint(router: EventRouter) -> None:
    """Where no endpoint is in the URLs, there is no curl."""
    router.on("a")(record)

    assert [each.split()[0] for each in commands(Pages().get(CHANNEL, kind="a"))] == ["gcloud", "python"]


class Half(BaseModel):
    text: str = Field("\ud800", description="Half a pair: \ud800.")


def test_half_a_surrogate_pair(router: EventRouter) -> None:
    """What no answer can hold is written as an escape, and in the example as a question mark."""

    def half(event: Event[Half]) -> None: ...

    router.on("half")(half)

    html = Pages().get(CHANNEL, kind="half")
    assert "Half a pair: \\ud800." in section(html, "payload")
    assert """--data-raw '{"text": "?"}'""" in commands(html)[0]


PLAIN: Any = "open sesame"


class Secret(BaseModel):
    hidden: SecretStr = SecretStr("open sesame")
    plain: SecretStr = PLAIN
    perhaps: SecretStr | None = PLAIN


def test_defaults_of_secrets(router: EventRouter) -> None:
    """The default of a secret is not told, whichever way it is written."""

    def secret(event: Event[Secret]) -> None: ...

    router.on("secret")(secret)

    html = Pages().get(CHANNEL, kind="secret")
    assert "open sesame" not in html
    assert section(html, "example").startswith(
        'Example { "hidden": "**********", "plain": "**********", "perhaps": "**********" }'
    )


def test_kind_of_many_stars(router: EventRouter) -> None:
    """A pattern whose plainest kind would be too long is shown with another that it matches."""
    pattern = "*".join("abcdefghij" * 5)
    router.on(pattern)(record)

    assert f"/events/{'abcdefghij' * 5}/1" in commands(Pages().get(CHANNEL, kind=pattern))[0]


def test_topic_of_a_declared_kind(router: EventRouter) -> None:
    """The page names the topic, and the commands publish to it, in a shell and in Python."""
    router.kind("order-placed", Order, topic="projects/p/topics/orders")

    html = Pages().get(CHANNEL, kind="order-placed")

    assert "Declared once, for both ends. Published to projects/p/topics/orders" in text(html)
    gcloud, python = (each for each in commands(html) if each.startswith(("gcloud", "from")))
    assert gcloud.startswith("gcloud pubsub topics publish projects/p/topics/orders \\ --message=")
    assert python == (
        "from gcp_event_router import events kind = events.kinds['order-placed'] "
        'kind.publish(kind.adapter.validate_json(b\'{"order_id": 4711, "note": ""}\'))'
    )


@pytest.mark.parametrize(
    ("payload", "published"), [(bytes, "TOPIC, b'"), (type(None), "TOPIC, None)"), (Even, "TOPIC, kind.adapter.validate_json(")]
)
def test_publication_without_a_topic(router: EventRouter, payload: type[object], published: str) -> None:
    """The code leaves the topic to the reader, and publishes bytes as they are."""
    router.kind("counted", payload)

    html = Pages().get(CHANNEL, kind="counted")

    assert f"kind.publish({published}" in commands(html)[-1]
    assert "Leave TOPIC out for the transport Local, which needs none." in section(html, "send")
