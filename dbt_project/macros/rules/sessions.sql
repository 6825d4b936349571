{#
    What is wrong with sessions of `visitor`: events of the fact that fulfil `condition` are not as many as those in sessions, or two
    sessions of one visitor are no more than session_gap apart. A whole test; no row where all is well.
#}
{% macro sessions_at_fault(sessions, visitor, fact, condition) -%}
with fact as (
    select count(*) as events
    from {{ fact }}
    where {{ condition }}
),

sessions as (
    select
        events,
        started_at - lag(ended_at) over (partition by {{ visitor }} order by started_at) <= interval '{{ var("session_gap") }}' as is_too_near
    from {{ sessions }}
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
