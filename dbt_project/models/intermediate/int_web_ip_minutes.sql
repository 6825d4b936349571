{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['ip_hash', 'minute_start'],
    meta={
        'event_day': reporting_day('minute_start'),
        'partial_indexes': [{'columns': ['minute_start', 'ip_hash'], 'where': is_bot_rate('request_count')}],
    },
) }}

with new_requests as (
    select * from {{ ref('int_web_requests') }}
    where {{ new_loads('web_logs') }} and ip_key is not null
),

touched as (
    select distinct
        ip_key,
        {{ calendar_minute('event_at') }} as minute_start
    from new_requests
),

readable_requests as (
    select * from {{ ref('int_web_requests') }}
    where {{ readable_loads('web_logs') }}
),

final as (
    select
        touched.minute_start,
        touched.ip_key as ip_hash,
        count(*) as request_count,
        max(readable_requests.load_id) as newest_load_id
    from touched
    inner join readable_requests
        on
            touched.ip_key = readable_requests.ip_key
            and touched.minute_start = {{ calendar_minute('readable_requests.event_at') }}
    group by 1, 2
)

select * from final
