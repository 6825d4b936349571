-- Whoever began and ended a session with a step of the funnel on a day is one of the day's users in it; a step of people is at most
-- that of all.
with users as (
    select * from {{ ref('int_web_funnel_users__daily') }}
),

sessions as (
    select distinct
        {{ reporting_day('started_at') }} as event_date,
        user_key
    from {{ ref('int_web_sessions') }}
    where
        views + carts + checkouts > 0
        and {{ reporting_day('started_at') }} = {{ reporting_day('ended_at') }}
)

select
    sessions.event_date,
    sessions.user_key,
    null as furthest_step
from sessions
left join users on sessions.event_date = users.event_date and sessions.user_key = users.user_key
where
    users.user_key is null
    and {{ are_as_far('web_logs', [ref('int_web_funnel_users__daily'), ref('int_web_sessions')]) }}
union all
select
    event_date,
    user_key,
    furthest_step
from users
where furthest_human_step > coalesce(furthest_step, 0)
