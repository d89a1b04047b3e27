"""What the numbers of Kaltura's reports are, each fact with its source and what to do about it."""

from dataclasses import dataclass

_SERVER = "https://github.com/kaltura/server/blob/Venus-22.19.0/alpha/apps/kaltura/lib/reports"
_USER_ID = (
    "https://knowledge.kaltura.com/help/"
    "configuring-the-kaltura-user-id-value-to-use-with-your-lms-integration"
)


@dataclass(frozen=True)
class Fact:
    """Something that a reader of the numbers must know."""

    title: str
    text: str
    source: str
    advice: str


FACTS: tuple[Fact, ...] = ()


def facts_section() -> str:
    """Return the section of the dictionary with all facts."""
    lines = ["## What the numbers are\n"]
    for fact in FACTS:
        lines.append(
            f"**{fact.title}.** {fact.text} *Source:* {fact.source} *What to do:* {fact.advice}\n"
        )
    return "\n".join(lines)
