"""A customer's account at the simulated Kaltura: its secrets, app tokens and users."""

import hashlib
from dataclasses import dataclass, field

REPORT_ROLES = frozenset({"REPORT_VIEWER_ROLE", "PARTNER_ADMIN_ROLE"})
"""The roles with the permission ANALYTICS_BASE."""
ROLES = REPORT_ROLES | {"BASE_USER_SESSION_ROLE", "WIDGET_SESSION_ROLE", "CONTENT_UPLOADER_ROLE"}


@dataclass(frozen=True)
class AppToken:
    """An application token: a secret that can be exchanged for a Kaltura session."""

    id: str
    token: str = field(repr=False)
    hash_type: str = "SHA256"
    """MD5, SHA1, SHA256 or SHA512."""
    session_type: int | None = None
    """The type that replaces the requested one: 0 user, 2 admin."""
    user_id: str | None = None
    privileges: str = "setrole:REPORT_VIEWER_ROLE"
    session_duration: int = 86_400
    expires_at: int | None = None
    active: bool = True

    def accepts(self, token_hash: str, ks: str) -> bool:
        """Whether ``token_hash`` is the lowercase hex hash of ``ks`` and this token."""
        algorithm = self.hash_type.lower()
        return hashlib.new(algorithm, (ks + self.token).encode()).hexdigest() == token_hash


@dataclass(frozen=True)
class Account:
    """One partner of one region."""

    partner_id: int
    admin_secrets: tuple[str, ...] = field(repr=False)
    """The admin secrets; each signs Kaltura sessions of any type."""
    user_secret: str = field(default="", repr=False)
    app_tokens: tuple[AppToken, ...] = ()
    users: dict[str, str] = field(default_factory=dict)
    """Role of each user that exists."""

    @classmethod
    def generated(cls, seed: int, region: str) -> "Account":
        """Return an account with one app token, reproducible from a seed."""
        partner_id = 100_000 + int(_derived("partner", seed, region)[:6], 16) % 900_000
        token = AppToken(id=f"1_token{region}", token=_derived("token", seed, region))
        return cls(
            partner_id=partner_id,
            admin_secrets=(_derived("admin", seed, region),),
            user_secret=_derived("user", seed, region),
            app_tokens=(token,),
            users={"limited": "CONTENT_UPLOADER_ROLE", "analyst": "REPORT_VIEWER_ROLE"},
        )

    def app_token(self, token_id: str) -> AppToken | None:
        """Return the app token with that id, if there is one."""
        return next((token for token in self.app_tokens if token.id == token_id), None)


def _derived(kind: str, seed: int, region: str) -> str:
    return hashlib.sha256(f"{kind}/{seed}/{region}".encode()).hexdigest()[:32]
