"""The simulated Kaltura API of one region: a request in, a response and a log entry out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from local.kaltura import report_action, response
from local.kaltura.account import Account
from local.kaltura.errors import KalturaError
from local.kaltura.kaltura_sessions import KalturaSessions, forbidden
from local.kaltura.ks import KS
from local.kaltura.report_action import ReportSettings
from local.kaltura.request import HttpRequest, parameters
from local.kaltura.response import Response
from local.kaltura.truth import Row, Truth

SERVICES: Mapping[str, frozenset[str]] = {
    "report": frozenset({"getcsvfromstringparams"}),
    "session": frozenset({"start", "startwidgetsession", "get", "end"}),
    "apptoken": frozenset({"startsession"}),
}
FORMATS = frozenset({"1", "2", "3", "9"})
SECRET_PARAMETERS = frozenset({"ks", "secret", "tokenHash"})


@dataclass(frozen=True)
class Call:
    """One request as the log keeps it, without secrets."""

    time: float
    service: str
    action: str
    report: int | None
    params: Mapping[str, str]
    """All parameters except the secret ones; those in ``params`` have their own names."""
    outcome: str = ""
    """``ok``, or the code of an API error, or ``http 503``."""
    fault: str = ""
    rows: int | None = None


@dataclass(frozen=True)
class HandledCall:
    """A call, its response, and the header of the report if it is one."""

    response: Response
    call: Call
    header: Row = ()


@dataclass
class KalturaApi:
    """One region: an account, the truth about it, and how its reports are defined."""

    account: Account
    truth: Truth
    settings: ReportSettings = field(default_factory=ReportSettings)

    def __post_init__(self) -> None:
        self.kaltura_sessions = KalturaSessions(self.account)

    def note(self, request: HttpRequest, now: float) -> tuple[Call, Mapping[str, str]]:
        """Return the call that a request makes, and its raw parameters, which hold secrets."""
        raw = parameters(request)
        service, action = raw.get("service", "").lower(), raw.get("action", "").lower()
        shown = {k: v for k, v in raw.items() if k not in SECRET_PARAMETERS}
        for own in ("service", "action"):
            shown.pop(own, None)
        if "params" in shown:
            shown.update(report_action.parse_params(shown.pop("params")))
        asked = report_action.report_id(raw["id"]) if service == "report" and "id" in raw else None
        return Call(now, service, action, asked, shown), raw

    def respond(
        self, request: HttpRequest, call: Call, raw: Mapping[str, str], error: KalturaError | None
    ) -> HandledCall:
        """Handle a call; ``error`` is an error to respond with for any parameters."""
        output = raw.get("format", response.XML_FORMAT)
        try:
            _refuse(error, output)
            return self._act(request, call, raw, output)
        except KalturaError as raised:
            sent = response.failure(raised, output, call.time)
            return HandledCall(sent, replace(call, outcome=raised.code))

    def _act(
        self, request: HttpRequest, call: Call, raw: Mapping[str, str], output: str
    ) -> HandledCall:
        if not call.service:
            raise KalturaError("SERVICE_NOT_SPECIFIED")
        if call.service not in SERVICES:
            raise KalturaError("SERVICE_DOES_NOT_EXISTS", call.service)
        if not call.action:
            raise KalturaError("ACTION_NOT_SPECIFIED")
        if call.action not in SERVICES[call.service]:
            raise KalturaError("ACTION_DOES_NOT_EXISTS", call.action, call.service)
        now, succeeded = call.time, replace(call, outcome="ok")
        if call.service == "session" and call.action == "start":
            admin_ks = self.kaltura_sessions.start(raw, now)
            return HandledCall(
                response.result(admin_ks, output, now, cache="dispatcher"), succeeded
            )
        ks = self.kaltura_sessions.check(raw.get("ks"), request.target, now)
        if call.service == "report":
            if not self.kaltura_sessions.may_report(ks):
                raise forbidden()
            return self._report(call, raw)
        return self._kaltura_session(succeeded, raw, ks, output)

    def _kaltura_session(
        self, call: Call, raw: Mapping[str, str], ks: KS | None, output: str
    ) -> HandledCall:
        """Start, describe or end a Kaltura session, by a caller that has one or needs none."""
        now = call.time
        if call.action == "get":
            return HandledCall(response.result(self.kaltura_sessions.get(ks), output, now), call)
        if call.action == "startwidgetsession":
            widget = self.kaltura_sessions.start_widget(raw, now)
            return HandledCall(response.result(widget, output, now, cache="key"), call)
        if call.action == "startsession":
            started = self.kaltura_sessions.start_app_token(raw, ks, now)
            return HandledCall(response.result(started, output, now), call)
        self.kaltura_sessions.end(ks, now)
        return HandledCall(response.result("", output, now), call)

    def _report(self, call: Call, raw: Mapping[str, str]) -> HandledCall:
        if raw.get("partnerId", raw.get("p", "")) not in {"", str(self.account.partner_id)}:
            raise forbidden()
        made = report_action.run_report(
            raw, self.truth, self.settings, self.account.partner_id, call.time
        )
        sent = response.report(made.csv, made.file_name, call.time)
        return HandledCall(sent, replace(call, outcome="ok", rows=made.rows), made.header)


def _refuse(error: KalturaError | None, output: str) -> None:
    """Raise the errors that are checked before any action."""
    if error is not None:
        raise error
    if output not in FORMATS:
        raise KalturaError("UNKNOWN_RESPONSE_FORMAT", output)
