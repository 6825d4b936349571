-- What did people and bots do in the last hour, in five-minute windows, and in which shares?
select
    window_start,
    action,
    action_count,
    action_ratio,
    human_action_count,
    human_action_ratio,
    is_complete
from {{ ref('kpi_web_actions_5min') }}
where window_start > (select max(newest.window_start) from {{ ref('kpi_web_actions_5min') }} as newest) - interval '1 hour'
order by window_start desc, action_count desc, action asc
