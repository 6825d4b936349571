-- Every request of an hour has one class of status, or (none).
select
    hour_start,
    sum(request_ratio) as ratios,
    sum(human_request_ratio) as human_ratios
from {{ ref('kpi_web_status_hourly') }}
group by hour_start
having abs(sum(request_ratio) - 1) > 1e-12 or abs(sum(human_request_ratio) - 1) > 1e-12
