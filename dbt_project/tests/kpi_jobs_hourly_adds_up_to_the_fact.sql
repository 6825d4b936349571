-- Clicks, spend and the other tracks of all hours are those of the fact: no event is counted twice, none is left out.
with fact as (
    select
        count(*) filter (where custom_track = 'click') as clicks,
        coalesce(sum(bid) filter (where custom_track = 'click'), 0) as spend,
        count(*) filter (where custom_track = 'conversion') as conversions,
        count(*) filter (where custom_track = 'qualified') as qualified,
        count(*) filter (where custom_track = 'unqualified') as unqualified
    from {{ ref('int_job_events') }}
    where
        load_id <= {{ position_in(ref('int_job_events__hourly'), 'job_tracking') }}
        and not {{ is_of_let_go_days(reporting_day('event_at'), ['job_tracking']) }}
),

mart as (
    select
        coalesce(sum(clicks), 0) as clicks,
        coalesce(sum(spend_hour), 0) as spend,
        coalesce(sum(conversions), 0) as conversions,
        coalesce(sum(qualified), 0) as qualified,
        coalesce(sum(unqualified), 0) as unqualified
    from {{ ref('kpi_jobs_hourly') }}
    where not {{ is_of_let_go_days('event_date', ['job_tracking']) }}
)

select
    fact.clicks as fact_clicks,
    mart.clicks as mart_clicks,
    fact.spend as fact_spend,
    mart.spend as mart_spend
from fact
cross join mart
where
    (fact.clicks, fact.spend, fact.conversions, fact.qualified, fact.unqualified)
    is distinct from (mart.clicks, mart.spend, mart.conversions, mart.qualified, mart.unqualified)
