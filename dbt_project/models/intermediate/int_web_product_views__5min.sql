{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['window_start'],
    meta={'event_day': reporting_day('window_start')},
) }}

with new_requests as (
    select * from {{ ref('int_web_requests') }}
    where {{ new_loads('web_logs') }}
),

-- of every new request, not of views alone: what counts as a view may have changed
touched_windows as (
    select distinct {{ five_minutes('event_at') }} as window_start from new_requests
),

readable_views as (
    select * from {{ ref('fct_web_requests') }}
    where {{ readable_loads('web_logs') }} and action_kind = 'view'
),

counted as (
    select
        touched_windows.window_start,
        readable_views.product_id,
        bool_or(readable_views.event_key is not null) as is_counted,
        count(*) as view_count,
        count(*) filter (where not readable_views.is_bot) as human_view_count
    from touched_windows
    left join readable_views on touched_windows.window_start = {{ five_minutes('readable_views.event_at') }}
    group by 1, 2
),

final as (
    select
        window_start,
        case when is_counted then {{ text_key(or_none('product_id')) }} end as product_key,
        {{ or_none('product_id') }} as product_id,
        view_count,
        human_view_count
    from counted
)

select * from final
