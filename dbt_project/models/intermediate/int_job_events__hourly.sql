{{ config(incremental_strategy='rebuild_buckets', unique_key=['event_date', 'event_hour']) }}

with new_events as (
    select * from {{ ref('fct_job_events') }}
    where {{ new_loads('job_tracking') }}
),

touched_hours as (
    select distinct {{ reporting_hour('event_at') }} as hour_start from new_events
),

readable_events as (
    select * from {{ ref('fct_job_events') }}
    where {{ readable_loads('job_tracking') }} and custom_track in ('click', 'conversion', 'qualified', 'unqualified')
),

events_of_hours as (
    select
        touched_hours.hour_start,
        readable_events.*
    from touched_hours
    inner join readable_events on touched_hours.hour_start = {{ reporting_hour('readable_events.event_at') }}
),

counted as (
    select
        hour_start,
        -- an event that names no job, publisher, campaign or group counts for 0
        coalesce(job_id, 0) as job_id,
        coalesce(publisher_id, 0) as publisher_id,
        coalesce(campaign_id, 0) as campaign_id,
        coalesce(group_id, 0) as group_id,
        count(*) filter (where custom_track = 'click') as clicks,
        coalesce(avg(coalesce(bid, 0)) filter (where custom_track = 'click'), 0) as bid_set,
        coalesce(sum(bid) filter (where custom_track = 'click'), 0) as spend_hour,
        count(*) filter (where custom_track = 'conversion') as conversions,
        count(*) filter (where custom_track = 'qualified') as qualified,
        count(*) filter (where custom_track = 'unqualified') as unqualified,
        'job_tracking' as sources,
        max(landed_at) as updated_at
    from events_of_hours
    group by 1, 2, 3, 4, 5
),

final as (
    select
        touched_hours.hour_start::date as event_date,
        extract(hour from touched_hours.hour_start)::integer as event_hour,
        counted.job_id,
        counted.publisher_id,
        counted.campaign_id,
        counted.group_id,
        counted.clicks,
        counted.bid_set,
        counted.spend_hour,
        counted.conversions,
        counted.qualified,
        counted.unqualified,
        counted.sources,
        counted.updated_at
    from touched_hours
    left join counted on touched_hours.hour_start = counted.hour_start
)

select * from final
