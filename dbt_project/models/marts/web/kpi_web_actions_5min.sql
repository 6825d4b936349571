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
        windows.request_count as action_count,
        windows.request_count::numeric / sum(windows.request_count) over of_window as action_ratio,
        windows.human_request_count as human_action_count,
        windows.human_request_count::numeric / nullif(sum(windows.human_request_count) over of_window, 0) as human_action_ratio,
        {{ is_complete_window('windows.window_start', 'watermark.newest_event_at') }} as is_complete
    from windows
    cross join watermark
    window of_window as (partition by windows.window_start)
)

select * from final
