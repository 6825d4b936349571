{{ config(incremental_strategy='keep_greatest', unique_key=['topic_id', 'kafka_partition']) }}

with new_requests as (
    select * from {{ ref('int_web_requests') }}
    where {{ new_loads('web_logs') }} and not is_from_future
),

final as (
    select
        topic_id,
        kafka_partition,
        max(event_at) as newest_event_at,
        max(load_id) as newest_load_id
    from new_requests
    group by 1, 2
)

select * from final
