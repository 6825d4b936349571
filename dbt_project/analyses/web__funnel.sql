-- How far did users come on the newest day, with and without bots?
select
    event_date,
    step,
    users,
    step_conversion,
    total_conversion,
    human_users,
    human_total_conversion
from {{ ref('kpi_web_funnel_daily') }}
order by event_date desc, step_order asc
limit 4
