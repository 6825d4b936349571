-- Sessions and views of a day are those of the sessions that began on it.
with sessions as (
    select
        {{ reporting_day('started_at') }} as event_date,
        count(*) as sessions,
        count(*) filter (where not is_bot) as human_sessions,
        sum(views) as views
    from {{ ref('fct_product_sessions') }}
    group by 1
),

days as (
    select
        event_date,
        sum(sessions) as sessions,
        sum(human_sessions) as human_sessions,
        sum(views) as views
    from {{ ref('int_product_sessions__daily') }}
    group by 1
)

select
    coalesce(sessions.event_date, days.event_date) as event_date,
    sessions.sessions,
    days.sessions as day_sessions
from sessions
full join days on sessions.event_date = days.event_date
where
    (sessions.sessions, sessions.human_sessions, sessions.views) is distinct from (days.sessions, days.human_sessions, days.views)
    and {{ are_as_far('product_views', [ref('int_product_sessions__daily'), ref('int_product_sessions')]) }}
