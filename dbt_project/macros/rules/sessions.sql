{#
    What is wrong with sessions of `visitor`: events of the fact that fulfil `condition` are not as many as those in sessions, or two
    sessions of one visitor are no more than session_gap apart. Not of days whose facts were let go. A whole test; no row where all is well.
#}
{% macro sessions_at_fault(stream, sessions, visitor, fact, condition) -%}
with fact as (
    select count(*) as events
    from {{ fact }} as event
    where {{ condition }} and not {{ is_of_let_go_session(stream, 'event', visitor, sessions) }}
),

sessions as (
    select
        events,
        started_at - lag(ended_at) over (partition by {{ visitor }} order by started_at) <= interval '{{ var("session_gap") }}' as is_too_near
    from {{ sessions }}
    where not {{ is_of_let_go_days(reporting_day('started_at'), [stream]) }}
),

found as (
    select
        coalesce(sum(events), 0) as events,
        count(*) filter (where is_too_near) as too_near
    from sessions
)

select
    fact.events as fact_events,
    found.events as session_events,
    found.too_near
from fact
cross join found
where fact.events <> found.events or found.too_near > 0
{%- endmacro %}
