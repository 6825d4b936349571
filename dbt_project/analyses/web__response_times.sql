-- How long did each action take to answer in the newest complete five minutes, with and without bots?
select
    window_start,
    action,
    request_count,
    avg_seconds,
    p50_seconds,
    p95_seconds,
    p99_seconds,
    human_request_count,
    human_p95_seconds
from {{ ref('kpi_web_response_time_5min') }}
where is_complete
order by window_start desc, request_count desc, action asc
limit 20
