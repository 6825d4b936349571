{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['event_date', 'event_hour'],
    meta={'event_day': 'event_date'},
) }}

with new_events as (
    select * from {{ ref('int_job_events') }}
    where {{ new_loads('job_tracking') }}
),

touched_hours as (
    select distinct {{ reporting_hour('event_at') }} as hour_start from new_events
),

readable_events as (
    select * from {{ ref('int_job_events') }}
    where {{ readable_loads('job_tracking') }} and custom_track in ('click', 'conversion', 'qualified', 'unqualified')
),

counted as (
    select
        touched_hours.hour_start,
        -- an event that names no job, publisher, campaign or group counts for 0
        case when readable_events.event_key is not null then coalesce(readable_events.job_id, 0) end as job_id,
        coalesce(readable_events.publisher_id, 0) as publisher_id,
        coalesce(readable_events.campaign_id, 0) as campaign_id,
        coalesce(readable_events.group_id, 0) as group_id,
        count(*) filter (where readable_events.custom_track = 'click') as clicks,
        coalesce(
            avg(coalesce(readable_events.bid, 0)) filter (where readable_events.custom_track = 'click'), 0
        ) as bid_set,
        coalesce(sum(readable_events.bid) filter (where readable_events.custom_track = 'click'), 0) as spend_hour,
        count(*) filter (where readable_events.custom_track = 'conversion') as conversions,
        count(*) filter (where readable_events.custom_track = 'qualified') as qualified,
        count(*) filter (where readable_events.custom_track = 'unqualified') as unqualified,
        'job_tracking' as sources,
        max(readable_events.landed_at) as updated_at
    from touched_hours
    left join readable_events on touched_hours.hour_start = {{ reporting_hour('readable_events.event_at') }}
    group by 1, 2, 3, 4, 5
),

final as (
    select
        hour_start::date as event_date,
        extract(hour from hour_start)::integer as event_hour,
        job_id,
        publisher_id,
        campaign_id,
        group_id,
        clicks,
        bid_set,
        spend_hour,
        conversions,
        qualified,
        unqualified,
        sources,
        updated_at
    from counted
)

select * from final
