"""The kinds of customers that are measured, and what is assumed of their readers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """One account, and how it is used. What is not measured is assumed, and says so."""

    name: str
    regions: tuple[str, ...]
    rooms: int
    """Rooms in each region."""
    attendees: int
    """The mean number of attendees of a session."""
    weekly_sessions: int
    """Sessions of one room in a week."""
    page_views: int
    """Assumed: how often the web page is opened in a month."""
    downloads: int
    """Assumed: files downloaded in a month, on the page or by programs."""
    queries: int
    """Assumed: queries in Athena in a month, each on the last 30 days of attendees."""


COLLEGE = Profile(
    "college",
    ("us",),
    rooms=40,
    attendees=8,
    weekly_sessions=3,
    page_views=60,
    downloads=200,
    queries=100,
)
UNIVERSITY = Profile(
    "university",
    ("us", "eu"),
    rooms=600,
    attendees=20,
    weekly_sessions=3,
    page_views=600,
    downloads=4000,
    queries=3000,
)
PROFILES = (COLLEGE, UNIVERSITY)
PROVIDER_STACKS = 500
"""A provider has so many stacks, each like a college's."""
