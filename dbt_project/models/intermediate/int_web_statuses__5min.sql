{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['window_start'],
    indexes=[{'columns': ['hour_start']}],
    meta={
        'event_day': reporting_day('window_start'),
        'worked_out': {'hour_start': reporting_hour('window_start') ~ " at time zone 'UTC'"},
    },
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

-- an inner join: see int_web_actions__5min
final as (
    select
        touched_windows.window_start,
        {{ or_none('readable_requests.status_class') }} as status_class,
        count(*) as request_count,
        count(*) filter (where not readable_requests.is_bot) as human_request_count,
        -- so that who asks for an hour finds its windows by an index
        {{ reporting_hour('touched_windows.window_start') }} at time zone '{{ reporting_timezone() }}' as hour_start
    from touched_windows
    inner join readable_requests on touched_windows.window_start = {{ five_minutes('readable_requests.event_at') }}
    group by 1, 2
)

select * from final
