"""One word, one meaning: the words that the glossary forbids do not come back."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "architecture.md"
SECTION = re.compile(r"^### Words that are not used\n.*?(?=^#+ )", re.MULTILINE | re.DOTALL)
CHECKED = (
    *("*.py", "*.md", "*.yaml", "*.yml", "*.js", "*.html", "*.sql", "*.css", "*.toml", "*.svg"),
    *("*.sh", "Makefile", ".ci/run", "events/*.json"),
)
RECORDED = ("tests/recorded/",)
"""What others have written is quoted as it is."""
QUOTED = re.compile(r'\bdialect="|`\w+_AN[S]WER`')
"""Names of others, as the argument of sqlglot's functions, and former names in the changelog."""
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

Phrase = tuple[str, ...]


def parts(text: str) -> list[tuple[str, int]]:
    """Return the words of a text, also those inside names, and where each begins."""
    return [(match[0].lower(), match.start()) for match in _PART.finditer(text)]


def forbidden() -> dict[Phrase, str]:
    """Return what to write instead, by the words that the glossary forbids."""
    (section,) = SECTION.findall(GLOSSARY.read_text(encoding="utf-8"))
    rows = re.findall(r"^\| (`.+`) \| (.+) \|$", section, re.MULTILINE)
    return {
        tuple(word for word, _ in parts(phrase)): instead
        for cell, instead in rows
        for phrase in re.findall(r"`([^`]+)`", cell)
    }


FORBIDDEN = forbidden()


def found(text: str) -> Iterator[tuple[int, Phrase]]:
    """Yield each forbidden word or phrase in a text, with the line that it begins in."""
    text = QUOTED.sub(lambda match: " " * len(match[0]), text)
    words = parts(text)
    for place, (_, start) in enumerate(words):
        for phrase in FORBIDDEN:
            here = tuple(word for word, _ in words[place : place + len(phrase)])
            if here in (phrase, (*phrase[:-1], f"{phrase[-1]}s")):
                yield text.count("\n", 0, start) + 1, phrase


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *CHECKED], cwd=ROOT, capture_output=True, check=True
    )
    names = listed.stdout.decode().split("\0")
    return [name for name in names if name and not name.startswith(RECORDED)]


def test_the_glossary_forbids_words_and_says_what_to_write() -> None:
    assert len(FORBIDDEN) >= 15
    assert all(FORBIDDEN.values())


@pytest.mark.parametrize("phrase", FORBIDDEN, ids=" ".join)
def test_a_word_is_found_in_every_form(phrase: Phrase) -> None:
    forms = (
        " ".join(phrase),
        " ".join(phrase).title(),
        f"is {' '.join(phrase)}s.",
        f"a_{'_'.join(phrase)}_b",
        "_".join(phrase).upper(),
        "".join(word.title() for word in phrase) + "Error",
        "\n# ".join(phrase),
    )
    for form in forms:
        assert phrase in [each for _, each in found(f"\n{form}\n")], form
    assert not list(found(" ".join(f"un{word}ly" for word in phrase)))


def test_no_forbidden_word_is_in_use() -> None:
    problems = []
    for name in tracked():
        path = ROOT / name
        if not path.exists():
            continue  # deleted, and the deletion is not committed yet
        text = path.read_text(encoding="utf-8")
        if path == GLOSSARY:
            text = SECTION.sub(lambda match: "\n" * match[0].count("\n"), text)
        for line, phrase in (*((0, each) for _, each in found(name)), *found(text)):
            problems.append(f"{name}:{line}: {' '.join(phrase)!r}: write {FORBIDDEN[phrase]}")
    assert not problems, "\n" + "\n".join(problems)
