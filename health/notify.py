"""The channels that alerts go through. Their URLs are secrets: no log and no error ever holds one."""

from __future__ import annotations

import json
import logging
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from health.alerts import News
from health.messages import as_json, as_slack_blocks, as_text, escaped
from landfall.settings import Settings

TIMEOUT_SECONDS = 5


class NotDelivered(RuntimeError):
    """A channel did not take the message; it is sent again at the next evaluation. The text never holds the URL."""


class Channel(Protocol):
    """Where a message goes."""

    name: str
    """What ops.alerts remembers it by."""

    def send(self, news: Sequence[News], now: datetime) -> None:
        """Deliver one message with all of these news. Raises NotDelivered."""


class Slack:
    """A Slack incoming webhook."""

    name = "slack"

    def __init__(self, url: str) -> None:
        # Imported here for start-up time.
        from slack_sdk.webhook import WebhookClient

        # slack_sdk logs the URL at level DEBUG.
        quiet = logging.getLogger("health.slack")
        quiet.setLevel(logging.WARNING)
        # No retries of its own: the next evaluation is one.
        self._client = WebhookClient(url, timeout=TIMEOUT_SECONDS, logger=quiet, retry_handlers=[])

    def send(self, news: Sequence[News], now: datetime) -> None:
        """See Channel."""
        try:
            answer = self._client.send(text=escaped(as_text(news)), blocks=as_slack_blocks(news))
        except Exception as error:  # whatever it is, it may quote the URL
            raise NotDelivered(f"slack: {reason(error)}") from None
        if answer.status_code != 200:
            raise NotDelivered(f"slack: HTTP {answer.status_code} {str(answer.body)[:100]}")


class Webhook:
    """A POST of JSON to any address; a 2xx answer means delivered."""

    name = "webhook"

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = urllib.request.build_opener(NoRedirect)

    def send(self, news: Sequence[News], now: datetime) -> None:
        """See Channel."""
        body = json.dumps(as_json(news, now)).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "landfall"}
        try:
            request = urllib.request.Request(self._url, data=body, headers=headers, method="POST")
            with self._opener.open(request, timeout=TIMEOUT_SECONDS):
                pass
        except Exception as error:
            raise NotDelivered(f"webhook: {reason(error)}") from None


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would make a GET without the message of the POST: it counts as not delivered."""

    def redirect_request(self, *args: Any, **named: Any) -> None:
        return None


def reason(error: Exception) -> str:
    """What went wrong, by its kind: the texts of these errors may quote the URL."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    number = getattr(inner, "errno", None)
    return type(inner).__name__ + (f" (errno {number})" if number else "")


def channels(settings: Settings) -> list[Channel]:
    """The channels that are set up; none by default."""
    found: list[Channel] = []
    if settings.slack_webhook_url:
        found.append(Slack(settings.slack_webhook_url))
    if settings.alert_webhook_url:
        found.append(Webhook(settings.alert_webhook_url))
    return found
