import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room_reports.kaltura.credentials import (
    AdminSecret,
    AppToken,
    StaticKalturaSession,
    parse_pseudonym_key,
    parse_secret,
)
from room_reports.kaltura.errors import SecretError
from room_reports.model.regions import Region

US, EU, CA = (Region(name, f"https://{name}.example") for name in ("us", "eu", "ca"))
SECRET = "dont-leak-this-value"

values = st.one_of(
    st.just(SECRET),
    st.just(f" {SECRET} "),
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(""),
    st.lists(st.just(SECRET), max_size=1),
    st.dictionaries(st.just("x"), st.just(SECRET)),
)
entries = st.one_of(
    values,
    st.dictionaries(
        st.sampled_from(
            [
                *("ks", "partner_id", "app_token_id", "app_token", "admin_secret", "user_id"),
                "anything",
            ]
        ),
        values,
    ),
)


def test_each_region_may_have_a_different_form() -> None:
    text = json.dumps(
        {
            "us": {"ks": f" {SECRET}\n"},
            "eu": {"partner_id": 123, "app_token_id": "1_abc", "app_token": "token"},
            "ca": {"partner_id": "456", "admin_secret": "admin", "user_id": "someone"},
            "unused": "any text",
        }
    )

    assert parse_secret(text, (US, EU, CA)) == {
        "us": StaticKalturaSession(SECRET),
        "eu": AppToken(123, "1_abc", "token"),
        "ca": AdminSecret(456, "admin", "someone"),
    }


def test_user_id_of_an_admin_secret_is_optional() -> None:
    text = json.dumps({"us": {"partner_id": 1, "admin_secret": "admin"}})

    assert parse_secret(text, (US,)) == {"us": AdminSecret(1, "admin", "")}


@pytest.mark.parametrize("text", ["", "null", "[]", '"x"', "{", SECRET, f'{{"us": "{SECRET}'])
def test_a_secret_that_is_not_a_json_object_is_rejected_without_quoting_it(text: str) -> None:
    with pytest.raises(SecretError, match="not a JSON object") as caught:
        parse_secret(text, (US,))

    assert_hidden(caught.value)


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        (None, "no entry for region 'us'"),
        (SECRET, "not a JSON object"),
        ({}, "the fields (none)"),
        ({"ks": ""}, "no text in ks"),
        ({"ks": [SECRET]}, "no text in ks"),
        ({"ks": SECRET, "partner_id": 1}, "the fields ks, partner_id"),
        ({"partner_id": SECRET, "admin_secret": SECRET}, "partner_id that is not a number"),
        ({"partner_id": 0, "admin_secret": SECRET}, "partner_id that is not a number"),
        ({"partner_id": True, "admin_secret": SECRET}, "partner_id that is not a number"),
        ({"partner_id": "9" * 5000, "admin_secret": SECRET}, "partner_id that is not a number"),
        ({"partner_id": 1, "admin_secret": SECRET, "user_id": 7}, "user_id that is not a text"),
        ({"partner_id": 1, "app_token_id": "x", "app_token": " "}, "no text in app_token"),
        ({SECRET: "ks"}, "the fields"),
    ],
)
def test_an_invalid_entry_is_rejected_and_the_error_lists_the_forms(
    entry: object, hint: str
) -> None:
    with pytest.raises(SecretError) as caught:
        parse_secret(json.dumps({"us": entry}), (US,))

    assert hint in str(caught.value)
    assert '{"partner_id": 123, "app_token_id": "…", "app_token": "…"}' in str(caught.value)
    assert_hidden(caught.value)


def test_error_names_every_invalid_region() -> None:
    with pytest.raises(SecretError) as caught:
        parse_secret(json.dumps({"us": {"ks": ""}, "eu": {"ks": SECRET}}), (US, EU, CA))

    message = str(caught.value)
    assert "'us'" in message
    assert "'ca'" in message
    assert "'eu'" not in message


@given(st.binary(min_size=32, max_size=32), st.dictionaries(st.just("us"), entries))
def test_the_key_of_pseudonyms_stands_beside_the_regions(
    key: bytes, regions: dict[str, object]
) -> None:
    entry = {"key": base64.b64encode(key).decode()}

    assert parse_pseudonym_key(json.dumps({**regions, "pseudonyms": entry})) == key


@given(
    st.one_of(
        entries,
        st.binary(max_size=40)
        .filter(lambda key: len(key) != 32)
        .map(lambda key: {"key": base64.b64encode(key).decode()}),
        st.just({"key": base64.b64encode(bytes(32)).decode(), "key_id": SECRET}),
        st.just({"key": base64.b64encode(bytes(32)).decode() + "=\n"}),
        st.just({"key": SECRET}),
    )
)
def test_what_is_no_key_is_refused_and_not_shown(entry: object) -> None:
    with pytest.raises(SecretError, match="room-reports secret pseudonym-key") as caught:
        parse_pseudonym_key(json.dumps({"pseudonyms": entry}))

    assert_hidden(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", SECRET])
def test_a_secret_without_a_key_says_how_to_make_one(text: str) -> None:
    with pytest.raises(SecretError, match="has no entry 'pseudonyms'; PRIVACY_COLUMNS needs it"):
        parse_pseudonym_key(text)


@given(st.dictionaries(st.sampled_from(["us", "eu"]), entries))
def test_errors_and_representations_hide_secrets(entry: dict[str, object]) -> None:
    try:
        found = parse_secret(json.dumps(entry), (US, EU))
    except SecretError as error:
        assert_hidden(error)
    else:
        shown = [credentials for credentials in found.values() if not shows_token_id(credentials)]
        assert SECRET not in repr(shown)


def shows_token_id(credentials: object) -> bool:
    # The ids of app tokens and users are not secret and may be shown.
    return SECRET in (
        getattr(credentials, "app_token_id", ""),
        getattr(credentials, "user_id", "").strip(),
    )


def assert_hidden(error: BaseException) -> None:
    shown: BaseException | None = error
    while shown is not None:
        assert SECRET not in f"{shown}{shown!r}{vars(shown)}"
        shown = shown.__cause__ or shown.__context__
