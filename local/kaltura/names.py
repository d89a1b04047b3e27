"""Names of people and rooms as users type them: in many scripts, some with special characters."""

from random import Random

GIVEN = (
    *("Ada", "Zoë", "Łukasz", "Søren", "Thị Hương", "Şebnem", "Iñaki", "O'Neil", "Jean-Luc"),
    *("Анна", "Дмитро", "Ђорђе", "Ελένη", "Γιώργος", "محمد", "فاطمة", "שרה", "יוסף"),
    *("小明", "さくら", "ゆうき", "지훈", "अनिता", "राजेश", "தமிழ்", "สมชาย", "𝒜lice", "Jose\u0301"),
)
FAMILY = (
    *("Lovelace", "Müller", "Wiśniewska", "Ångström", "Nguyễn", "Öztürk", "Muñoz", "d'Arc"),
    *("Иванова", "Шевченко", "Παπαδόπουλος", "الهاشمي", "כהן", "王", "鈴木", "김", "शर्मा", "𠮷田"),
    *("van der Berg", "Smith", "N\u0303u\u0301n\u0303ez", "👩🏽‍🚀", "👨‍👩‍👧‍👦", "🇪🇺"),
)
SUBJECTS = (
    *("Introduction to Maths", "Organic Chemistry", "Żywienie człowieka", "Études françaises"),
    *(
        "Квантовая механика",
        "Φιλοσοφία",
        "تاريخ الأدب",
        "מבוא לסטטיסטיקה",
        "线性代数",
        "日本語初級",
    ),
    *("हिन्दी साहित्य", "한국사", "Robotics 🤖", "Office hours", "Systems Programming in C++"),
)
SPECIAL = (
    *("Doe, Jane, PhD", "Two\nlines", "Windows\r\nbreak", "Old Mac\rbreak", "\nleading break"),
    *("trailing break\n", "a\n\nb", 'Breakout "A"', '"Quoted" at the start', 'ends in "quotes"'),
    *('"', '""', '5" pipes, 6" hoses', '"wrapped"', '"half', 'say ""hi""', "back\\slash", "end\\"),
    *('\\"', "\\N", "NULL", "null", "0", "-0", "1e5", "=1+1", "=HYPERLINK(0)", "+49 170", "-5"),
    *("@SUM(A1)", "\tindented", "tab\there", "\rcarriage", "semi;colon", "  padded  ", " ", ""),
    *("line\u2028separator", "para\u2029graph", "next\u0085line", "vertical\u000btab"),
    *("form\u000cfeed", "file\u001cseparator", "nbsp\u00a0here", "zero\u200bwidth", "\ufeffbom"),
    *("rtl \u202eoverride", "x" * 500, "é" * 500, "\ue000private", "\u0001start", "𝕏 📚"),
    *(
        "<script>alert(1)</script>",
        "'; DROP TABLE users; --",
        "${jndi:ldap://x}",
        "%s %d %n",
        "🙂,🙃",
    ),
    *(",", ",,,,", "a=b;c=d", "entry_id,cue_point_id", "'apostrophe", "\u0301combining first"),
)


def person(rng: Random, special: float) -> str:
    """Return the name of a person; a share ``special`` of them breaks careless programs."""
    if rng.random() < special:
        return rng.choice(SPECIAL)
    return f"{rng.choice(GIVEN)} {rng.choice(FAMILY)}"


def room(rng: Random, special: float) -> str:
    """Return the name of a room; a share ``special`` of them breaks careless programs."""
    if rng.random() < special:
        return rng.choice(SPECIAL)
    subject = rng.choice(SUBJECTS)
    return rng.choice((f"{subject} {rng.randint(1, 4)}", f"{subject}, part {rng.randint(1, 9)}"))
