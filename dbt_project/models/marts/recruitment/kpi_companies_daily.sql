with job_days as (
    select * from {{ ref('int_job_tracks__daily') }}
),

jobs as (
    select * from {{ ref('dim_job') }}
),

-- of the job today: a job that is loaded after its clicks fills its company in
company_days as (
    select
        job_days.event_date,
        jobs.company_id,
        sum(job_days.clicks)::bigint as clicks,
        sum(job_days.spend) as spend,
        sum(job_days.conversions)::bigint as conversions,
        sum(job_days.qualified)::bigint as qualified,
        sum(job_days.unqualified)::bigint as unqualified
    from job_days
    left join jobs on job_days.job_id = jobs.job_id
    group by 1, 2
),

final as (
    select
        company_days.event_date,
        company_days.company_id,
        {{ job_ratios('company_days') }}
    from company_days
)

select * from final
