with requests as (
    select * from {{ ref('int_web_requests') }}
),

final as (
    select
        event_key,
        event_id,
        user_id,
        product_id,
        action,
        user_agent,
        response_seconds,
        status_code,
        event_at,
        kafka_timestamp,
        landed_at,
        is_from_future,
        bad_casts,
        load_id,
        topic_id,
        kafka_partition,
        kafka_offset
    from requests
)

select * from final
