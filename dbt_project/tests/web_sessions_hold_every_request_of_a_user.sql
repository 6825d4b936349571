-- Each request of a user is in one session, and a user's sessions are more than session_gap apart.
with fact as (
    select count(*) as requests
    from {{ ref('fct_web_requests') }}
    where user_key is not null and load_id <= {{ position_in(ref('int_web_sessions'), 'web_logs') }}
),

sessions as (
    select
        events,
        started_at - lag(ended_at) over (partition by user_key order by started_at) <= interval '{{ var("session_gap") }}' as is_too_near
    from {{ ref('fct_web_sessions') }}
),

found as (
    select
        coalesce(sum(events), 0) as requests,
        count(*) filter (where is_too_near) as too_near
    from sessions
)

select
    fact.requests as fact_requests,
    found.requests as session_requests,
    found.too_near
from fact
cross join found
where fact.requests <> found.requests or found.too_near > 0
