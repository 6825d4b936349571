{{ config(incremental_strategy='rebuild_buckets', unique_key=['window_start']) }}

with new_requests as (
    select * from {{ ref('int_web_requests') }}
    where {{ new_loads('web_logs') }}
),

touched_windows as (
    select distinct {{ five_minutes('event_at') }} as window_start from new_requests
),

readable_requests as (
    select * from {{ ref('int_web_requests') }}
    where {{ readable_loads('web_logs') }}
),

final as (
    select
        touched_windows.window_start,
        case
            when readable_requests.event_key is not null then {{ text_key(or_none('readable_requests.action')) }}
        end as action_key,
        {{ or_none('readable_requests.action') }} as action,
        count(*) as action_count
    from touched_windows
    left join readable_requests on touched_windows.window_start = {{ five_minutes('readable_requests.event_at') }}
    group by 1, 2, 3
)

select * from final
