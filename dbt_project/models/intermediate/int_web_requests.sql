{{ config(
    incremental_strategy='insert_new',
    partition_by='event_at',
    indexes=[
        {'columns': ['changed_load_id']},
        {'columns': [five_minutes('event_at'), 'product_key']},
        {'columns': ['ip_key', calendar_minute('event_at')]},
        {'columns': ['user_key', 'event_at']},
    ],
    meta={'changes': {'user_agent': 'user_agent_key', 'ip': 'ip_key', 'user': 'user_key'}},
) }}

with requests as (
    select * from {{ ref('stg_web_logs__requests') }}
    where {{ new_landings('web_logs') }} and rejected_reason is null
),

final as (
    select
        event_key,
        event_id,
        user_id,
        {{ salted_key('user_id') }} as user_key,
        product_id,
        {{ text_key(or_none('product_id')) }} as product_key,
        action,
        -- it is found by its key, and was a third of the row: 122 bytes of 388
        null::text as user_agent,
        {{ text_key('user_agent') }} as user_agent_key,
        {{ salted_key('ip_address') }} as ip_key,
        response_seconds,
        status_code,
        event_at,
        kafka_timestamp,
        landed_at,
        {{ is_from_future() }} as is_from_future,
        bad_casts,
        load_id,
        load_id as changed_load_id,
        topic_id,
        kafka_partition,
        kafka_offset
    from requests
)

select * from final
