{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['window_start', 'product_key'],
    meta={'event_day': reporting_day('window_start')},
) }}

with touched_requests as (
    {{ touched_requests() }}
),

touched as (
    select distinct
        {{ five_minutes('event_at') }} as window_start,
        product_key
    from touched_requests
),

readable_requests as (
    select * from {{ ref('fct_web_requests') }}
    where {{ readable_loads('web_logs') }}
),

-- an inner join: see int_web_actions__5min
final as (
    select
        touched.window_start,
        touched.product_key,
        {{ or_none('min(readable_requests.product_id)') }} as product_id,
        count(*) filter (where readable_requests.action_kind = 'view') as view_count,
        count(*) filter (where readable_requests.action_kind = 'view' and not readable_requests.is_bot) as human_view_count
    from touched
    inner join readable_requests
        on
            touched.window_start = {{ five_minutes('readable_requests.event_at') }}
            and touched.product_key = readable_requests.product_key
    group by 1, 2
    having count(*) filter (where readable_requests.action_kind = 'view') > 0
)

select * from final
