"""What the numbers of Kaltura's reports are, each fact with its source and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """Something that a reader of the numbers must know."""

    title: str
    text: str
    source: str
    advice: str


FACTS: tuple[Fact, ...] = (
    Fact(
        "Engaged is lenient",
        "Of the 96 combinations of a client's states (tab in focus, full screen, camera, "
        "microphone, sound, on stage), 88 count as engaged. The eight that do not all have "
        "the tab out of focus, not in full screen, the camera off and the user not on stage. "
        "So a muted viewer with the tab in focus is engaged. This is the definition in "
        "Kaltura's public server source; whether the hosted reports 6000 to 6002 use it is "
        "not documented.",
        "`$meeting_engagement` in [kKavaBase.php]("
        "https://github.com/kaltura/server/blob/Venus-22.19.0/alpha/apps/kaltura/lib/reports/kKavaBase.php).",
        "Read a low engagement as a sign that people were elsewhere, and a high one as no "
        "sign of attention. Do not grade by it.",
    ),
    Fact(
        "Blocked analytics make people invisible",
        "Time is counted from events that the browser sends to Kaltura's analytics host. "
        "Browsers, extensions, VPNs and networks that block it make a person who was there "
        "invisible.",
        "Advice of [Carleton University]("
        "https://carleton.ca/kaltura/measuring-engagement-with-kalturas-analytics/) and "
        "[Minnesota State]("
        "https://servicedesk.minnstate.edu/TDClient/30/Portal/KB/ArticleDet?ID=461), about "
        "Kaltura's analytics in general.",
        "A person with the status `not_seen` is not proved to be absent: ask before you act. "
        "Allow `analytics.kaltura.com` in the network of the institution.",
    ),
    Fact(
        "Legacy meeting rooms may be missing",
        "Kaltura's dashboards for rooms cover the new Kaltura Room only. Reports without "
        "rows may mean that a course still uses a legacy meeting room.",
        "Kaltura's public documentation of the dashboards, which says nothing of reports "
        "6000 to 6002.",
        "Ask Kaltura which kind of room you have if a room that is in use is in no file.",
    ),
    Fact(
        "user_id is what the integration sends",
        "With an LMS, it is the attribute of the launch that `ltiUserIdAttribute` names, or "
        "the claim of `lti13UserIdClaim` and `lti13UserIdClaimProperty`. An upgrade from LTI "
        "1.1 to 1.3 can change its form, and then a person has two ids.",
        "[Kaltura's guide to the user id]("
        "https://knowledge.kaltura.com/help/configuring-the-kaltura-user-id-value-to-use-with-your-lms-integration).",
        "Look at the views `match_rate` and `unmatched_users` after each change of the "
        "integration, and give the roster an entry for each id, or the policy a rule.",
    ),
    Fact(
        "People without an account share one id",
        "Kaltura writes 0, Unknown or Error for all users that it does not identify.",
        "[kKavaReportsMgr.class.php]("
        "https://github.com/kaltura/server/blob/Venus-22.19.0/alpha/apps/kaltura/lib/reports/"
        "kKavaReportsMgr.class.php), "
        "which echoes these ids.",
        "The views show them as one row with `user_id` NULL, and the reason of `not_seen` "
        "says when there were any in a class. Let people sign in.",
    ),
    Fact(
        "Data come late",
        "Kaltura's guides say 10 to 30 minutes, and a cache of 10 to 15 minutes; Carleton "
        "University says that analytics update every 24 hours. None of them names reports "
        "6000 to 6002.",
        "Kaltura's guides for agents (kaltura/kaltura-agents-api-guides on GitHub), and "
        "[Carleton University]("
        "https://carleton.ca/kaltura/measuring-engagement-with-kalturas-analytics/).",
        "Act on rows whose `final` is true. The parameter `SettleHours` is how long to wait.",
    ),
    Fact(
        "Users are estimated, minutes are not",
        "Counts of users in room_data and breakout_sessions are estimates, about 2 % off, "
        "that do not add up over days. Time is counted in steps of ten seconds.",
        "[kKavaReportsMgr.class.php]("
        "https://github.com/kaltura/server/blob/Venus-22.19.0/alpha/apps/kaltura/lib/reports/"
        "kKavaReportsMgr.class.php).",
        "Count the rows of `attendance` where you can; `estimated` says where the views could not.",
    ),
)


def facts_section() -> str:
    """Return the section of the dictionary with all facts."""
    lines = ["## What the numbers are\n"]
    for fact in FACTS:
        lines.append(f"**{fact.title}.** {fact.text}\n")
        lines.append(f"- *Source:* {fact.source}\n- *What to do:* {fact.advice}\n")
    return "\n".join(lines)
