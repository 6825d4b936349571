-- Who reached a step has reached those before it.
with steps as (
    select
        *,
        lag(users) over (partition by event_date order by step_order) as users_before,
        lag(human_users) over (partition by event_date order by step_order) as human_users_before
    from {{ ref('kpi_web_funnel_daily') }}
)

select
    event_date,
    step,
    users,
    users_before,
    human_users,
    human_users_before
from steps
where users > users_before or human_users > human_users_before
