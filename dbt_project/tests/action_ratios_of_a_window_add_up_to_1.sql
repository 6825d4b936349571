-- Every request of a window has one action.
select
    window_start,
    sum(action_ratio) as ratios,
    sum(human_action_ratio) as human_ratios
from {{ ref('kpi_web_actions_5min') }}
group by window_start
having abs(sum(action_ratio) - 1) > 1e-12 or abs(sum(human_action_ratio) - 1) > 1e-12
