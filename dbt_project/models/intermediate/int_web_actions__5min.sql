{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['window_start'],
    meta={'event_day': reporting_day('window_start')},
) }}

with new_requests as (
    select * from {{ ref('int_web_requests') }}
    where {{ new_loads('web_logs') }}
),

touched_windows as (
    select distinct {{ five_minutes('event_at') }} as window_start from new_requests
),

readable_requests as (
    select * from {{ ref('fct_web_requests') }}
    where {{ readable_loads('web_logs') }}
),

-- An inner join: a touched window holds what touched it, and behind a left join the view's own joins would come first, for all
-- requests that ever were.
counted as (
    select
        touched_windows.window_start,
        -- as it shows: facts of before may hold the text itself beside no action, which is one key
        {{ or_none('readable_requests.action') }} as action,
        count(*) as request_count,
        count(*) filter (where not readable_requests.is_bot) as human_request_count,
        count(*) filter (where {{ is_server_error('readable_requests.status_code') }}) as server_errors,
        count(*) filter (
            where {{ is_server_error('readable_requests.status_code') }} and not readable_requests.is_bot
        ) as human_server_errors,
        avg(readable_requests.response_seconds) as avg_seconds,
        avg(readable_requests.response_seconds) filter (where not readable_requests.is_bot) as human_avg_seconds,
        -- one sort for the three of them; null times are left out
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by readable_requests.response_seconds) as percentiles,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by readable_requests.response_seconds) filter (
            where not readable_requests.is_bot
        ) as human_percentiles
    from touched_windows
    inner join readable_requests on touched_windows.window_start = {{ five_minutes('readable_requests.event_at') }}
    group by 1, 2
),

final as (
    select
        window_start,
        {{ text_key('action') }} as action_key,
        action,
        request_count,
        human_request_count,
        server_errors,
        human_server_errors,
        avg_seconds,
        percentiles[1] as p50_seconds,
        percentiles[2] as p95_seconds,
        percentiles[3] as p99_seconds,
        human_avg_seconds,
        human_percentiles[1] as human_p50_seconds,
        human_percentiles[2] as human_p95_seconds,
        human_percentiles[3] as human_p99_seconds
    from counted
)

select * from final
