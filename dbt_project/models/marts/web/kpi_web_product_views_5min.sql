with windows as (
    select * from {{ ref('int_web_product_views__5min') }}
),

watermark as (
    select * from {{ ref('int_web_requests__watermark') }}
),

final as (
    select
        windows.window_start,
        windows.product_id,
        windows.view_count,
        windows.human_view_count,
        {{ is_complete_window('windows.window_start', 'watermark.newest_event_at') }} as is_complete
    from windows
    cross join watermark
)

select * from final
