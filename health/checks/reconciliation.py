"""Whether each landed record is accounted for: winner of its key, rejected, or a duplicate. Else it is lost."""

from health.check import Check, every_stream
from health.context import Context
from health.findings import Finding
from landfall.wording import counted

# ops.reconciliation adds up every load there ever was; here the newest ones that the models have read, again and again.
UNEXPLAINED = """
with span as (
    select s.last_load_id - %(newest)s as after, coalesce(p.position, 0) as until
    from landing.streams as s
    left join ops.model_progress as p on p.relation = %(relation)s and p.source = s.stream
    where s.stream = %(stream)s
),

slices as (
    select
        load_id,
        sum(landed) as landed,
        sum(until_offset - from_offset - landed - quarantined - holes) as unexplained_offsets
    from landing.slices
    where stream = %(stream)s and load_id > (select after from span) and load_id <= (select until from span)
    group by 1
),

replays as (
    select replayed_load_id as load_id, count(*) as landed
    from landing.quarantine
    where
        stream = %(stream)s and replayed_load_id is not null
        and replayed_load_id > (select after from span) and replayed_load_id <= (select until from span)
    group by 1
),

loads as (
    select
        load_id,
        coalesce(slices.landed, 0) + coalesce(replays.landed, 0) as landed,
        coalesce(slices.unexplained_offsets, 0) as unexplained_offsets
    from slices full join replays using (load_id)
),

judged as (
    select
        l.load_id,
        abs(l.unexplained_offsets)
        + abs(l.landed - coalesce(a.winners + a.rejected + a.duplicates, 0)) as unexplained
    from loads as l
    left join {accounts} as a using (load_id)
)

select
    count(*),
    coalesce(sum(unexplained), 0)::bigint,
    (array_agg(load_id order by load_id) filter (where unexplained <> 0))[1:5]
from judged
"""


def records_are_accounted_for(context: Context) -> list[Finding]:
    """A finding for every stream whose records the models account for."""
    findings = []
    for stream, relation in context.models("accounts").items():
        query = UNEXPLAINED.format(accounts=relation)
        ((loads, unexplained, which),) = context.rows(query, stream=stream, relation=relation)
        findings.append(judge(stream, loads, unexplained, which or []))
    return findings


def judge(stream: str, loads: int, unexplained: int, which: list[int]) -> Finding:
    """`unexplained`: records over these loads; `which`: the first loads that have some."""
    return Finding(
        check="reconciliation",
        subject=stream,
        asset=("landing", stream),
        severity="error" if unexplained else "ok",
        message=(
            f"{counted(unexplained, 'record')} of the newest {counted(loads, 'load')} are unexplained, first in load"
            f" {', '.join(map(str, which))}: neither in the fact, nor rejected, nor a duplicate."
            if unexplained
            else f"Every record of the newest {counted(loads, 'load')} is accounted for."
        ),
        advice=(
            f"ops.reconciliation shows the loads of stream {stream} that have unexplained_rows. Was a row"
            " of the fact or of the landing deleted by hand? `landfall refresh --full-refresh` fills the models anew."
            if unexplained
            else ""
        ),
        value=unexplained,
        unit="records",
    )


CHECKS = (
    Check(
        "reconciliation",
        "Is every landed record accounted for: in the fact, rejected, or a duplicate?",
        every_stream,
        records_are_accounted_for,
        "reconciliation",
    ),
)
