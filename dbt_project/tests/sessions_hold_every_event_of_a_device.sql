-- Each event of a device in a production shop is in one session, and a device's sessions are more than session_gap apart.
with fact as (
    select count(*) as events
    from {{ ref('fct_product_events') }}
    where
        device_id is not null and is_production
        and load_id <= {{ position_in(ref('int_product_sessions'), 'product_views') }}
),

sessions as (
    select
        events,
        started_at - lag(ended_at) over (partition by device_key order by started_at) <= interval '{{ var("session_gap") }}' as is_too_near
    from {{ ref('fct_product_sessions') }}
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
