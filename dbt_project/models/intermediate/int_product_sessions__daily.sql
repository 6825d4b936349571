{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['event_date'],
    meta={'event_day': 'event_date'},
) }}

with new_sessions as (
    select * from {{ ref('int_product_sessions__with_rules') }}
    where {{ new_loads('product_views', event_at='started_at') }}
),

-- a session that was joined to an earlier one had begun on any day of the joined one
touched_days as (
    select distinct touched.day::date as event_date
    from new_sessions
    cross join lateral generate_series(
        {{ reporting_day('new_sessions.started_at') }}::timestamp,
        {{ reporting_day('new_sessions.ended_at') }}::timestamp,
        interval '1 day'
    ) as touched (day)
),

sessions as (
    select * from {{ ref('int_product_sessions__with_rules') }}
),

final as (
    select
        touched_days.event_date,
        sessions.country_name,
        sessions.channel,
        count(*) as sessions,
        count(*) filter (where not sessions.is_bot) as human_sessions,
        count(*) filter (where sessions.is_engaged) as engaged_sessions,
        count(*) filter (where sessions.events = 1) as bounced_sessions,
        coalesce(sum(sessions.views), 0)::bigint as views,
        percentile_cont(0.5) within group (order by sessions.duration_seconds) as median_duration_seconds
    from touched_days
    inner join sessions on touched_days.event_date = {{ reporting_day('sessions.started_at') }}
    group by 1, 2, 3
    union all
    -- a bucket without rows
    select
        event_date,
        null as country_name,
        null as channel,
        null as sessions,
        null as human_sessions,
        null as engaged_sessions,
        null as bounced_sessions,
        null as views,
        null as median_duration_seconds
    from touched_days
)

select * from final
