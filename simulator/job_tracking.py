"""Ad tracking of a recruitment platform: clicks, conversions, outcomes; ids as text floats, version-1 UUIDs."""

import json
import random
import time

import numpy as np

from simulator import reference, visitors
from simulator.batch import Batch, Seconds
from simulator.identifiers import time_uuids

# Shares of `custom_track`, near those of a real log; "" comes as null or as an empty text.
TRACKS = {
    "": 0.42, "click": 0.38, "alive": 0.12, "conversion": 0.045, "unqualified": 0.016, "qualified": 0.010,
    "interview_scheduled": 0.005, "redirect": 0.003, "superpixel": 0.001,
}  # fmt: skip
_NAMES = tuple(TRACKS)
_WEIGHTS = np.array(tuple(TRACKS.values())) / sum(TRACKS.values())
_OUTCOMES = frozenset({"conversion", "qualified", "unqualified", "interview_scheduled"})

UNKNOWN_JOB_SHARE = 0.005
_UNKNOWN_JOBS = (900_001, 900_050)
WITHOUT_IDS_SHARE = 0.20  # of advertisements' events: the tracker was called without them
BAD_TIME_SHARE = 0.0003  # of events: a `create_time` that is no version-1 UUID; dbt rejects them
_BIDS = ((None, "0.0", "1.0", "2.0", "7.0"), (0.12, 0.36, 0.30, 0.18, 0.04))
_POOL = 6_000  # rendered page views of an advertisement, of which each event takes one
_RENEWED = 0.02
_REMEMBERED_CLICKS = 500


class JobTracking:
    """Seeded generator of the stream `job_tracking`."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"job_tracking {seed}")
        self._numbers = np.random.default_rng([seed, 3])
        self._ads = list(reference.ads())
        self._rng.shuffle(self._ads)  # which jobs are popular
        self._pool: list[bytes] = []
        self._clicked: list[bytes] = []

    def batch(self, seconds: Seconds) -> Batch:
        """One event for each event time (epoch seconds)."""
        count = len(seconds)
        rng = self._rng
        tracks = self._numbers.choice(len(_NAMES), size=count, p=_WEIGHTS).tolist()
        drawn = self._numbers.random(count).tolist()
        bad_times = self._numbers.random(count) < BAD_TIME_SHARE
        # The server writes its text a little after the event.
        server = seconds + self._numbers.exponential(0.02, count)
        whole = server.astype(np.int64)
        stamps = {
            second: time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(second)).encode() for second in set(whole.tolist())
        }
        millis = ((server - whole) * 1000).astype(np.int64).tolist()
        keys: list[bytes | None] = []
        values: list[bytes | None] = []
        for track, share, bad_time, second, milli, uuid in zip(
            tracks, drawn, bad_times.tolist(), whole.tolist(), millis, time_uuids(self._numbers, seconds), strict=True
        ):
            name = _NAMES[track]
            view = self._view(name, share)
            if bad_time:  # version 4 instead of 1: unique, and no clock in it
                uuid = uuid[:14] + b"4" + uuid[15:]
            text = b'"%b"' % name.encode() if name else (b"null" if rng.random() < 0.9 else b'""')
            keys.append(uuid)
            values.append(
                b'{"create_time":"%b","custom_track":%b,"ts":"%b.%03d",%b}' % (uuid, text, stamps[second], milli, view)
            )
        return Batch(keys, values, np.flatnonzero(bad_times).tolist())

    def _view(self, track: str, share: float) -> bytes:
        """The members of a page view: an outcome belongs to a page that was clicked before."""
        if track in _OUTCOMES and self._clicked:
            return self._clicked[int(share * len(self._clicked))]
        if len(self._pool) < _POOL:
            view = self._rendered()
            self._pool.append(view)
        else:
            place = int(share * _POOL)
            if self._rng.random() < _RENEWED:
                self._pool[place] = self._rendered()
            view = self._pool[place]
        if track == "click":
            if len(self._clicked) < _REMEMBERED_CLICKS:
                self._clicked.append(view)
            else:
                self._clicked[int(share * _REMEMBERED_CLICKS)] = view
        return view

    def _rendered(self) -> bytes:
        """The JSON members of one page view of an advertisement, without a comma at the end."""
        rng = self._rng
        ad = self._ads[int(len(self._ads) * rng.random() ** 2)]
        job = rng.randrange(*_UNKNOWN_JOBS) if rng.random() < UNKNOWN_JOB_SHARE else ad.job_id
        publisher = 1 + int(reference.PUBLISHERS * rng.random() ** 2)
        has_ids = rng.random() >= WITHOUT_IDS_SHARE
        width, height = visitors.resolution(rng).split("x")
        agent = rng.choice(visitors.BOTS if rng.random() < 0.02 else visitors.BROWSERS)
        ids = {
            "job_id": _written(rng, job),
            "campaign_id": _written(rng, ad.campaign_id),
            "group_id": _written(rng, ad.group_id),
            "publisher_id": _written(rng, publisher),
            "bid": rng.choices(*_BIDS)[0],
        }
        members = {
            **(ids if has_ids else dict.fromkeys(ids)),
            "bn": agent.split("/")[0],
            "cd": rng.choice(("24", "30", "32")),
            "de": "UTF-8",
            "dl": f"https://jobs.careers-lumen.example/job/{job}?utm_source={publisher}&utm_campaign={ad.campaign_id}",
            "dt": ad.title,
            "ed": rng.choice(("{}", None)),
            "ev": rng.choice(("1", "2")),
            "id": f"{rng.getrandbits(40):010x}",
            "md": "true" if "Mobile" in agent else "false",
            "rl": rng.choice(("https://www.google.com/", "https://www.jobhive.example/search?q=jobs", "", None)),
            "sr": f"{width}x{height}",
            "tz": rng.choice(("-420", "0", "-60", "300")),
            "ua": agent,
            "uid": f"1-{rng.getrandbits(40):08x}-{rng.getrandbits(32):06x}",
            "utm_campaign": str(ad.campaign_id),
            "utm_content": str(ad.group_id) if ad.group_id else None,
            "utm_medium": "cpc",
            "utm_source": str(publisher),
            "utm_term": str(job),
            "v": "1",
            "vp": f"{width}x{int(height) - 110}",
        }
        return json.dumps(members, ensure_ascii=False, separators=(",", ":"))[1:-1].encode()


def _written(rng: random.Random, number: int | None) -> str | int | None:
    """An id as the tracker sends it: mostly a text float ("188.0"), else digits in a text, a number, or null."""
    drawn = rng.random()
    if number is None or drawn < 0.02:
        return None
    if drawn < 0.85:
        return f"{number}.0"
    return str(number) if drawn < 0.95 else number
