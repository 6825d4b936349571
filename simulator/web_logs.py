"""Requests of an online shop: people who buy, payment errors, slow answers, robots by agent and by rate."""

import random
import time

import numpy as np

from simulator import visitors
from simulator.batch import Batch, Seconds, pick, population
from simulator.identifiers import random_uuids

BOT_REQUEST_SHARE = 0.06
WITHOUT_EVENT_ID_SHARE = 0.01  # of visits: an older logger, whose records have no key of their own
PAYMENT_ERROR_SHARE = 0.05  # of checkouts: those with a 5xx status

# After an action comes another by weight; "" ends the visit.
_NEXT: dict[str, dict[str, float]] = {
    "": {"view_product": 70, "view_category": 20, "search": 10},
    "view_category": {"view_product": 70, "view_category": 15, "": 15},
    "search": {"view_product": 75, "search": 10, "": 15},
    "view_product": {"view_product": 45, "view_category": 12, "search": 4, "add_to_cart": 9, "": 30},
    "add_to_cart": {"view_product": 38, "checkout": 40, "remove_from_cart": 6, "": 16},
    "remove_from_cart": {"view_product": 60, "": 40},
    "checkout": {"purchase": 55, "payment_error": 4, "checkout": 14, "": 27},
    "payment_error": {"checkout": 60, "": 40},
    "purchase": {"view_product": 20, "": 80},
}
_CHOICES = {action: (tuple(weights), tuple(weights.values())) for action, weights in _NEXT.items()}
_WITH_PRODUCT = frozenset({"view_product", "add_to_cart", "remove_from_cart"})
_STATUSES = ((200, 204, 301, 304, 404, 403, 429, 500, 503), (88.6, 1, 1.2, 3, 4, 0.5, 0.2, 1, 0.5))
_PRODUCTS = 800
_TEXT_TIMES = 2_000
_BURST = (15, 60)  # requests in a row from one robot's address

# Median seconds of an answer by action; times are log-normal (sigma 0.6), and one in 150 waits ten times as long.
_MEDIAN_SECONDS = {"checkout": 0.42, "purchase": 0.55, "payment_error": 2.4, "search": 0.21}
_TAIL_SHARE, _TAIL_FACTOR = 1 / 150, 10


class WebLogs:
    """Seeded generator of the stream `web_logs`; parameters as for `ProductViews`."""

    def __init__(self, seed: int, *, pace: float, count: int | None = None) -> None:
        self._rng = random.Random(f"web_logs {seed}")
        self._numbers = np.random.default_rng([seed, 2])
        self._times = {action: self._answer_times(_MEDIAN_SECONDS.get(action, 0.09)) for action in _NEXT if action}
        size = population(pace, seconds_between=12, count=count, visit_length=4)
        self._visits = [self._arrival() for _ in range(size)]
        for _, requests, _ in self._visits:  # at the start, visits are anywhere on their way
            del requests[self._rng.randrange(len(requests)) + 1 :]
        self._robot = self._robot_visit()

    def batch(self, seconds: Seconds) -> Batch:
        """One request for each event time (epoch seconds)."""
        count = len(seconds)
        slots = self._numbers.integers(len(self._visits), size=count).tolist()
        robots = (self._numbers.random(count) < BOT_REQUEST_SHARE).tolist()
        keys: list[bytes | None] = []
        values: list[bytes | None] = []
        visits = self._visits
        whole = seconds.astype(np.int64)
        stamps = {
            second: time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode() for second in set(whole.tolist())
        }
        millis = ((seconds - whole) * 1000).astype(np.int64).tolist()
        for slot, robot, second, milli, uuid in zip(
            slots, robots, whole.tolist(), millis, random_uuids(self._numbers, count), strict=True
        ):
            who, requests, has_id = self._robot if robot else visits[slot]
            request = requests.pop()
            if has_id:
                keys.append(uuid)
                values.append(
                    b'{"event_id":"%b","timestamp":"%b.%03dZ",%b%b}' % (uuid, stamps[second], milli, who, request)
                )
            else:
                keys.append(None)
                values.append(b'{"timestamp":"%b",%b%b}' % (stamps[second], who, request))
            if not requests:
                if robot:
                    self._robot = self._robot_visit()
                else:
                    visits[slot] = self._arrival()
        return Batch(keys, values)

    def _answer_times(self, median: float) -> list[bytes]:
        drawn = median * self._numbers.lognormal(0, 0.6, _TEXT_TIMES)
        drawn[self._numbers.random(len(drawn)) < _TAIL_SHARE] *= _TAIL_FACTOR
        return [b"%.3f" % value for value in drawn.tolist()]

    def _arrival(self) -> tuple[bytes, list[bytes], bool]:
        """A person's visit: what its requests share, the requests (last first), whether they carry ids."""
        rng = self._rng
        user = f'"u{int(rng.random() * 400_000)}"' if rng.random() > 0.03 else "null"
        agent = f'"{rng.choice(visitors.BROWSERS)}"' if rng.random() > 0.02 else "null"
        who = f'"user_id":{user},"ip_address":"{visitors.address(rng)}","user_agent":{agent},'.encode()
        requests: list[bytes] = []
        action = ""
        while len(requests) < 40:
            names, weights = _CHOICES[action]
            action = rng.choices(names, weights)[0]
            if not action:
                break
            requests.append(self._request(action))
        requests.reverse()
        return who, requests, rng.random() >= WITHOUT_EVENT_ID_SHARE

    def _robot_visit(self) -> tuple[bytes, list[bytes], bool]:
        """A burst from one address: half of them name themselves, the others are known by their rate alone."""
        rng = self._rng
        agent = rng.choice(visitors.BOTS if rng.random() < 0.5 else visitors.BROWSERS)
        who = f'"user_id":null,"ip_address":"{visitors.address(rng)}","user_agent":"{agent}",'.encode()
        return who, [self._request("view_product") for _ in range(rng.randrange(*_BURST))], True

    def _request(self, action: str) -> bytes:
        """The members of one request that are its own."""
        rng = self._rng
        if action == "checkout" and rng.random() < PAYMENT_ERROR_SHARE:
            status = rng.choice((500, 502, 503, 504))
        elif action in ("checkout", "purchase"):
            status = 200
        elif action == "payment_error":
            status = 402
        else:
            status = rng.choices(*_STATUSES)[0]
        product = f'"P{int(_PRODUCTS * rng.random() ** 2):04d}"' if action in _WITH_PRODUCT else "null"
        waited = pick(rng, self._times[action]).decode()
        return f'"action":"{action}","product_id":{product},"response_time":{waited},"status_code":{status}'.encode()
