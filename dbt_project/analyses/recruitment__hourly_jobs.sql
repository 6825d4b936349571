-- What did each job bring in each hour of the newest day?
select
    event_date,
    event_hour,
    job_id,
    company_id,
    clicks,
    bid_set,
    spend_hour,
    conversions,
    qualified,
    unqualified
from {{ ref('kpi_jobs_hourly') }}
where event_date = (select max(newest.event_date) from {{ ref('kpi_jobs_hourly') }} as newest)
order by event_hour, clicks desc, job_id
