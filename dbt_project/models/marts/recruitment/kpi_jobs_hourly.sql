with hourly as (
    select * from {{ ref('int_job_events__hourly') }}
),

jobs as (
    select * from {{ ref('dim_job') }}
),

final as (
    select
        hourly.event_date,
        hourly.event_hour,
        hourly.job_id,
        hourly.publisher_id,
        hourly.campaign_id,
        hourly.group_id,
        -- of the job today: a job that is loaded after its clicks fills it in
        jobs.company_id,
        hourly.clicks,
        hourly.bid_set,
        hourly.spend_hour,
        hourly.conversions,
        hourly.qualified,
        hourly.unqualified,
        hourly.sources,
        hourly.updated_at
    from hourly
    left join jobs on hourly.job_id = jobs.job_id
)

select * from final
