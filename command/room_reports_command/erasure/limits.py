"""What a search cannot say of a person: what it did not look at, as JSON and as text."""

from collections.abc import Iterator, Mapping
from typing import Any

from room_reports_command.erasure.survey import Survey
from room_reports_command.output import counted


def limits_document(survey: Survey) -> dict[str, Any]:
    """Return what was not searched, or could not be."""
    return {
        "other_keys": {
            "files": sum(each.is_latest for each in survey.other_keys),
            "former_versions": sum(not each.is_latest for each in survey.other_keys),
        },
        "elsewhere": dict(sorted(survey.elsewhere.items())),
        "not_searched": dict(sorted(survey.unsearched.items())),
        "reader_keys": survey.reader_keys,
    }


def limits_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the same as text; it has nothing of the person."""
    keys = document["other_keys"]
    if any(keys.values()):
        yield (
            f"{counted(keys['files'], 'file')} and "
            f"{counted(keys['former_versions'], 'former version')} have pseudonyms that were made "
            "with another setting or another key. The person's are found only if the key is that "
            "of today. Make the files again: start a backfill with other_privacy."
        )
    if document["elsewhere"]:
        yield "Found, only read, and not changed. A number that equals an id counts as well:"
        for kind, versions in document["elsewhere"].items():
            yield f"  {kind}: {counted(versions, 'version')}"
    if document["not_searched"]:
        yield "Not searched in this bucket:"
        for kind, versions in document["not_searched"].items():
            yield f"  {kind}: {counted(versions, 'version')}"
    if document["reader_keys"] is None:
        yield "The list of readers could not be read. Look whether the person has an API key."
    elif document["reader_keys"]:
        yield (
            f"{counted(document['reader_keys'], 'API key')} in the list of readers has an id or an "
            "address of the person as its name, which stays there: see docs/privacy.md."
        )
    yield (
        "Not searched elsewhere: the access log, logs, Athena's query history, downloaded files, "
        "backups, Kaltura."
    )
