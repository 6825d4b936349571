with windows as (
    select * from {{ ref('int_web_actions__5min') }}
),

watermark as (
    select * from {{ ref('int_web_requests__watermark') }}
),

final as (
    select
        windows.window_start,
        windows.action,
        windows.request_count,
        windows.avg_seconds,
        windows.p50_seconds,
        windows.p95_seconds,
        windows.p99_seconds,
        windows.human_request_count,
        windows.human_avg_seconds,
        windows.human_p50_seconds,
        windows.human_p95_seconds,
        windows.human_p99_seconds,
        {{ is_complete_window('windows.window_start', 'watermark.newest_event_at') }} as is_complete
    from windows
    cross join watermark
)

select * from final
