"""The report of an erasure, as JSON and as text. It has nothing of the person."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from room_reports.model.windows import iso
from room_reports_command.erasure.limits import limits_document, limits_lines
from room_reports_command.erasure.places import Place
from room_reports_command.erasure.procedure import Outcome
from room_reports_command.erasure.subject import Subject
from room_reports_command.erasure.survey import Survey
from room_reports_command.output import counted


def found_document(survey: Survey) -> list[dict[str, Any]]:
    """Return what was found, by kind, report, region and granularity."""
    return [
        {**place_document(place), "former": former, "files": files, "rows": rows}
        for place, former, files, rows in survey.counts()
    ]


def place_document(place: Place) -> dict[str, Any]:
    """Return a place as JSON has it."""
    return {
        "kind": place.kind.value,
        "report": place.report or None,
        "region": place.region or None,
        "granularity": place.granularity or None,
    }


def record_of(outcome: Outcome, subject: Subject, stack: str, by: str) -> dict[str, Any]:
    """Return the report of an erasure.

    Args:
        stack: The name of the stack.
        by: The ARN of the role or user that ran the command.
    """
    person, erased, survey = outcome.person, outcome.erased, outcome.survey
    return {
        "status": _status(outcome),
        "stack": stack,
        "by": by,
        "token": person.token,
        "rows": person.rows.value,
        "values": {"given": len(subject.given), "pseudonyms": len(subject.pseudonyms)},
        "began": iso(outcome.began),
        "listed_since": iso(person.since),
        "was_listed": outcome.was_listed,
        "ended": _time(outcome.ended),
        "searched": {"versions": survey.versions, "bytes": survey.size},
        "found": found_document(survey),
        "mentions": survey.mentions,
        "done": {
            "files_rewritten": len(erased.rewritten),
            "former_versions_deleted": erased.versions,
            "other_versions_deleted": erased.objects,
            "files_exported_again": outcome.exported_again,
        },
        **limits_document(survey),
        "left": sorted(set(erased.left)),
        "to_export": outcome.to_export,
        "sweeps": [{"began": iso(each.began), "found": each.found} for each in outcome.sweeps],
        "verify_after": _time(outcome.verify_after),
    }


def record_json(record: dict[str, Any]) -> str:
    """Return the text of a report as JSON."""
    return json.dumps(record, ensure_ascii=False, indent=1) + "\n"


def record_text(record: dict[str, Any]) -> str:
    """Return a report for people, to be signed."""
    done, searched = record["done"], record["searched"]
    digest = hashlib.sha256(record_json(record).encode()).hexdigest()
    lines = [
        f"Erasure of the person {record['token']}",
        "",
        f"Status:           {record['status']}",
        f"Stack:            {record['stack']}",
        f"Carried out by:   {record['by']}",
        f"Began:            {record['began']}",
        f"On the list since {record['listed_since']}",
        f"Ended:            {record['ended'] or '-'}",
        f"Rows:             {_ROWS[record['rows']]}",
        "",
        "Found before:",
        *(_found_lines(record["found"]) or ["  nothing"]),
        f"  {counted(searched['versions'], 'version')} searched, {searched['bytes']:,} bytes",
        "",
        "Done:",
        f"  {counted(done['files_rewritten'], 'file')} rewritten without the person",
        f"  {counted(done['former_versions_deleted'], 'former version')} deleted",
        f"  {counted(done['other_versions_deleted'], 'version')} of pieces, quarantine and query "
        "results deleted",
        f"  {counted(done['files_exported_again'], 'file')} exported again, because they were due",
        *(f"  searched again at {each['began']}: {each['found']}" for each in record["sweeps"]),
        "",
        *_remaining_lines(record),
        *limits_lines(record),
        "",
        f"SHA-256 of the report as JSON: {digest}",
        "",
        "Name, date and signature: ____________________________________",
    ]
    return "\n".join(lines) + "\n"


_ROWS = {
    "keep": "kept, without what identifies the person",
    "remove": "those of the person alone were removed",
}


def _found_lines(found: Sequence[dict[str, Any]]) -> list[str]:
    return [
        f"  {found_text(each)}: {counted(each['files'], 'version')}"
        + (f", {counted(each['rows'], 'row')}" if each["rows"] else "")
        for each in found
    ]


def found_text(each: dict[str, Any]) -> str:
    """Return the name of a place, such as ``report attendees us day, former versions``."""
    parts = (each["kind"], each["report"], each["region"], each["granularity"])
    return " ".join(filter(None, parts)) + (", former versions" if each["former"] else "")


def _remaining_lines(record: dict[str, Any]) -> list[str]:
    lines = []
    if record["mentions"]:
        lines.append(
            f"{counted(record['mentions'], 'row')} of others have the person's id or name in a "
            "text, such as the name of a room, and are unchanged."
        )
    if record["left"]:
        lines.append("These files have the person and cannot be rewritten:")
        lines += [f"  {key}" for key in record["left"]]
    if record["to_export"]:
        lines.append("These windows were due when they were rewritten. Export them again:")
        lines += [f"  {backfill_command(event)}" for event in record["to_export"]]
    if record["verify_after"]:
        lines.append(f"To be verified after {record['verify_after']}: room-reports forget --verify")
    return [*lines, ""] if lines else []


def backfill_command(event: Mapping[str, Any]) -> str:
    """Return the command that exports what a direct event names."""
    return (
        f"room-reports backfill --from {event['from']} --to {event['to']} "
        f"--reports {','.join(event['reports'])} --regions {','.join(event['regions'])} "
        f"--granularity {event['granularity']} --force"
    )


def _status(outcome: Outcome) -> str:
    if outcome.ended is None:
        return "started"
    if outcome.erased.left or outcome.to_export or outcome.survey.other_keys:
        return "incomplete"
    return "to be verified" if outcome.verify_after else "done"


def _time(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None
