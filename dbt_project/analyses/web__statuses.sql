-- How were requests answered in the newest hour?
select
    hour_start,
    status_class,
    request_count,
    request_ratio,
    human_request_count,
    human_request_ratio
from {{ ref('kpi_web_status_hourly') }}
order by hour_start desc, status_class asc
limit 6
